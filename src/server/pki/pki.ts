import { join } from 'node:path';
import { formatJoinToken, JOIN_USER } from '#base/join-token.ts';
import { type Authority, issueKeyCertificate, type KeyCertificate } from './certificate.ts';
import { ensureAuthority, ensureKeyCertificate } from './files.ts';
import { ensureJoinSecret } from './join-secret.ts';
import { ensureServiceAccountKey, type ServiceAccountKey } from './service-account-key.ts';

const DAY_MS = 86_400_000;
const CLIENT_LIFETIME_MS = 365 * DAY_MS;
const RENEW_BEFORE_MS = 90 * DAY_MS;

/** Everything secret a server owns. */
export interface Pki {
  /** `<dataDir>/server/tls` */
  readonly folder: string;
  /** Signs the server's, the nodes' and the users' certificates. */
  readonly clusterAuthority: Authority;
  /** Signs only the certificate the server shows to aggregated APIs, so that user certificates cannot pass for it. */
  readonly frontProxyAuthority: Authority;
  /** Shown to aggregated APIs. */
  readonly frontProxyClient: KeyCertificate;
  /** Shown to kubelets. */
  readonly kubeletClient: KeyCertificate;
  /** For the administrator's kubeconfig. */
  readonly adminClient: KeyCertificate;
  readonly serviceAccountKey: ServiceAccountKey;
  readonly joinSecret: string;
  /** What `skiff agent --token` wants. */
  readonly joinToken: string;
}

/** Reads the keys and certificates of a data folder and makes those that are missing or about to end. */
export async function openPki({ dataDir, token }: { dataDir: string; token?: string | undefined }): Promise<Pki> {
  const folder = join(dataDir, 'server', 'tls');
  const [clusterAuthority, frontProxyAuthority, serviceAccountKey] = await Promise.all([
    ensureAuthority(folder, 'ca', 'skiff-ca'),
    ensureAuthority(folder, 'front-proxy-ca', 'skiff-front-proxy-ca'),
    ensureServiceAccountKey(folder),
  ]);
  const [frontProxyClient, kubeletClient, adminClient, joinSecret] = await Promise.all([
    ensureClient(folder, 'front-proxy-client', frontProxyAuthority, 'front-proxy-client', []),
    ensureClient(folder, 'kubelet-client', clusterAuthority, 'kube-apiserver-kubelet-client', ['system:masters']),
    ensureClient(folder, 'admin', clusterAuthority, 'kubernetes-admin', ['system:masters']),
    ensureJoinSecret(join(dataDir, 'server'), clusterAuthority.cert, token),
  ]);
  return {
    folder,
    clusterAuthority,
    frontProxyAuthority,
    frontProxyClient,
    kubeletClient,
    adminClient,
    serviceAccountKey,
    joinSecret,
    joinToken: formatJoinToken(clusterAuthority.cert, `${JOIN_USER}:${joinSecret}`),
  };
}

function ensureClient(
  folder: string,
  file: string,
  authority: Authority,
  commonName: string,
  organizations: readonly string[],
) {
  const issue = () =>
    issueKeyCertificate(authority, {
      subject: { commonName, organizations },
      usages: ['digital signature', 'key encipherment', 'client auth'],
      lifetimeMs: CLIENT_LIFETIME_MS,
    });
  return ensureKeyCertificate(folder, file, { authority, issue, renewBeforeMs: RENEW_BEFORE_MS });
}
