import { parseSigningRequest } from '#base/x509/csr.ts';
import { type Authority, issueCertificate } from './certificate.ts';

const DAY_MS = 86_400_000;

/** Node certificates outlive a year in a drawer. */
export const DEFAULT_SIGNED_LIFETIME_MS = 2 * 365 * DAY_MS;
const MIN_LIFETIME_MS = 600_000;

export interface SignOptions {
  /** In the API's words, as in a CertificateSigningRequest's `spec.usages`. */
  readonly usages: readonly string[];
  /** As asked for; at least ten minutes are given, at most the default lifetime. */
  readonly expirationSeconds?: number | undefined;
  readonly maxLifetimeMs?: number;
  readonly now?: Date;
}

/** Signs what a PKCS#10 request asks for, under its own subject and names. Throws when it does not parse or verify. */
export function signRequest(authority: Authority, requestPem: string, options: SignOptions): string {
  const { usages, expirationSeconds, maxLifetimeMs = DEFAULT_SIGNED_LIFETIME_MS, now } = options;
  const asked = expirationSeconds === undefined ? maxLifetimeMs : expirationSeconds * 1000;
  const lifetimeMs = Math.min(Math.max(asked, MIN_LIFETIME_MS), maxLifetimeMs);
  const { subject, names, publicKey } = parseSigningRequest(requestPem);
  return issueCertificate(authority, { subject, publicKey, usages, names, lifetimeMs, ...(now && { now }) });
}
