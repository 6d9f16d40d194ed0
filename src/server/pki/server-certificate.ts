import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Component } from '#base/component.ts';
import type { Logger } from '#base/logger.ts';
import { type AlternativeNames, addressBytes } from '#base/x509/extensions.ts';
import { type Authority, expiresAtMs, issueKeyCertificate, type KeyCertificate } from './certificate.ts';
import { isUsable, readKeyCertificate, writeKeyCertificate } from './files.ts';

const DAY_MS = 86_400_000;
const LIFETIME_MS = 365 * DAY_MS;
const RENEW_BEFORE_MS = 90 * DAY_MS;
const CHECK_EVERY_MS = 60_000;
const FILE = 'server';

export interface ServerCertificateOptions {
  readonly folder: string;
  readonly authority: Authority;
  /** Asked at every check: host names and addresses are soft state. */
  readonly names: () => AlternativeNames;
  readonly log: Logger;
  readonly checkEveryMs?: number;
}

/**
 * Keeps the API server's certificate good: issued again when a name or address is new, or long before it ends. Whoever
 * serves TLS is told and takes it over without a restart.
 */
export class ServerCertificate implements Component {
  readonly name = 'server-certificate';
  readonly #options: ServerCertificateOptions;
  readonly #listeners = new Set<(current: KeyCertificate) => void>();
  #current: KeyCertificate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #checking: Promise<void> | undefined;

  constructor(options: ServerCertificateOptions) {
    this.#options = options;
  }

  /** What to serve now. Throws before `start`. */
  get current(): KeyCertificate {
    if (this.#current === undefined) throw new Error('Cannot serve TLS: the certificate is not there yet');
    return this.#current;
  }

  /** Called with every certificate that replaces `current`. */
  onReload(listener: (current: KeyCertificate) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async start(): Promise<void> {
    this.#current = await readKeyCertificate(this.#options.folder, FILE);
    await this.check();
    this.#timer = setInterval(() => this.#checkQuietly(), this.#options.checkEveryMs ?? CHECK_EVERY_MS);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#checking;
  }

  /** Issues a new certificate if the present one does not do any more. */
  async check(now = new Date()): Promise<void> {
    const { folder, authority, names, log } = this.#options;
    const wanted = names();
    if (this.#current !== undefined && this.#serves(this.#current, wanted, now)) return;
    const fresh = await issueKeyCertificate(authority, {
      subject: { commonName: 'kube-apiserver', organizations: [] },
      usages: ['digital signature', 'key encipherment', 'server auth'],
      names: wanted,
      lifetimeMs: LIFETIME_MS,
      now,
    });
    await writeKeyCertificate(folder, FILE, fresh);
    this.#current = fresh;
    log.info({ dnsNames: wanted.dnsNames, ipAddresses: wanted.ipAddresses }, 'issued server certificate');
    for (const listener of this.#listeners) listener(fresh);
  }

  #serves(current: KeyCertificate, { dnsNames, ipAddresses }: AlternativeNames, now: Date): boolean {
    const renewAtMs = now.getTime() + RENEW_BEFORE_MS;
    if (!isUsable(current, this.#options.authority, now.getTime())) return false;
    const certificate = new X509Certificate(current.cert);
    const present = presentNames(certificate);
    // A certificate that ends with its authority cannot be renewed any further.
    const fresh = expiresAtMs(certificate) > Math.min(renewAtMs, expiresAtMs(this.#options.authority.certificate) - 1);
    return fresh && [...dnsNames, ...ipAddresses.map(addressKey)].every((name) => present.has(name));
  }

  #checkQuietly(): void {
    this.#checking = this.check().catch((err: unknown) => {
      this.#options.log.warn({ err }, 'cannot renew server certificate, will try again');
    });
  }
}

/** What an API server answers to: the cluster's names and addresses for it, the host's, and what the operator adds. */
export function serverNames({
  serviceAddress,
  clusterDomain,
  hostname,
  extra = [],
}: {
  /** First address of the service range. */
  serviceAddress: string;
  clusterDomain: string;
  hostname: string;
  /** Names or addresses: `--tls-san`, node addresses told by the operator. */
  extra?: readonly string[];
}): AlternativeNames {
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${clusterDomain}`,
  ];
  const all = [
    ...service,
    'localhost',
    hostname.toLowerCase(),
    '127.0.0.1',
    '::1',
    serviceAddress,
    ...hostAddresses(),
    ...extra,
  ];
  const unique = [...new Set(all.filter((name) => name !== ''))];
  return {
    dnsNames: unique.filter((name) => isIP(name) === 0),
    ipAddresses: unique.filter((name) => isIP(name) !== 0),
  };
}

/** Addresses others may reach this host by. */
export function hostAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'))
    .map(({ address }) => address);
}

function presentNames({ subjectAltName = '' }: X509Certificate): Set<string> {
  const entries = subjectAltName.split(', ').map((entry) => {
    const [kind = '', ...rest] = entry.split(':');
    const value = rest.join(':');
    return kind === 'IP Address' ? addressKey(value) : value;
  });
  return new Set(entries);
}

/** One spelling per address: IPv6 has many. */
function addressKey(address: string): string {
  return isIP(address) === 0 ? address : addressBytes(address).toString('hex');
}
