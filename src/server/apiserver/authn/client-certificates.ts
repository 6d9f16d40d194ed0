import type { KeyObject, X509Certificate } from 'node:crypto';
import type { UserInfo } from '#api/admission/request.ts';

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE = '2.5.29.37.0';

/** Turns client certificates into users: the common name is the user, the organizations are the groups. */
export class ClientCertificates {
  readonly #authorities: readonly X509Certificate[];
  readonly #now: () => number;
  /** By connection, in effect: a connection shows one certificate object for all of its requests. */
  readonly #known = new WeakMap<X509Certificate, { user: UserInfo | undefined; notAfter: number }>();

  constructor({ authorities, now = Date.now }: { authorities: readonly X509Certificate[]; now?: () => number }) {
    this.#authorities = authorities;
    this.#now = now;
  }

  /** Undefined for a certificate no authority of ours signed for clients, or that is not valid now. */
  verify(certificate: X509Certificate): UserInfo | undefined {
    let known = this.#known.get(certificate);
    if (known === undefined) {
      const notAfter = Date.parse(certificate.validTo);
      known = { user: this.#isOurs(certificate) ? userOf(certificate) : undefined, notAfter };
      this.#known.set(certificate, known);
    }
    return known.notAfter > this.#now() ? known.user : undefined;
  }

  #isOurs(certificate: X509Certificate): boolean {
    const { keyUsage = [] } = certificate;
    const forClients = keyUsage.includes(CLIENT_AUTH) || keyUsage.includes(ANY_USAGE);
    return forClients && !certificate.ca && this.#authorities.some((authority) => signed(authority, certificate));
  }
}

function signed(authority: X509Certificate, certificate: X509Certificate): boolean {
  const key: KeyObject = authority.publicKey;
  return certificate.checkIssued(authority) && certificate.verify(key);
}

function userOf(certificate: X509Certificate): UserInfo | undefined {
  const subject = certificate.toLegacyObject().subject as unknown as Record<string, string | string[] | undefined>;
  const username = [subject['CN'] ?? []].flat().at(-1);
  if (username === undefined || username === '') return undefined;
  const groups = [...[subject['O'] ?? []].flat(), 'system:authenticated'];
  const digest = certificate.fingerprint256.replaceAll(':', '').toLowerCase();
  return {
    username,
    groups: [...new Set(groups)],
    extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${digest}`] },
  };
}
