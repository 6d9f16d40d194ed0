import type { ServerTls } from '#base/http-server.ts';
import { type Authority, createAuthority, issueKeyCertificate, type KeyCertificate } from '#server/pki/certificate.ts';

const DAY_MS = 24 * 3600 * 1000;

export interface TestTls {
  readonly authority: Authority;
  /** For 127.0.0.1 and localhost; asks clients for certificates of the same authority. */
  readonly server: ServerTls;
  issueClient(commonName: string): Promise<KeyCertificate>;
}

/** A fresh authority with a certificate for a server on this machine. */
export async function makeTestTls(): Promise<TestTls> {
  const authority = await createAuthority('test-ca', { lifetimeMs: DAY_MS });
  const server = await issueKeyCertificate(authority, {
    subject: { commonName: 'server', organizations: [] },
    usages: ['digital signature', 'server auth'],
    names: { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] },
    lifetimeMs: DAY_MS,
  });
  const issueClient = (commonName: string) =>
    issueKeyCertificate(authority, {
      subject: { commonName, organizations: [] },
      usages: ['digital signature', 'client auth'],
      lifetimeMs: DAY_MS,
    });
  return { authority, server: { ...server, clientCa: authority.cert }, issueClient };
}
