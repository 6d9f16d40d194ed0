import { chmod } from 'node:fs/promises';
import { writeFileAtomic } from '#base/atomic-file.ts';
import type { KeyCertificate } from './certificate.ts';
import { readIfExists } from './files.ts';

export interface KubeconfigOptions {
  /** `https://host:port` */
  readonly server: string;
  /** PEM of the cluster authority. */
  readonly authorityCert: string;
  readonly client: KeyCertificate;
  /** Name of cluster, context and user. */
  readonly name?: string;
}

/** A kubeconfig that stands alone: every certificate is inside. */
export function kubeconfigText({ server, authorityCert, client, name = 'default' }: KubeconfigOptions): string {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return `apiVersion: v1
kind: Config
clusters:
- name: ${name}
  cluster:
    server: ${server}
    certificate-authority-data: ${base64(authorityCert)}
users:
- name: ${name}
  user:
    client-certificate-data: ${base64(client.cert)}
    client-key-data: ${base64(client.key)}
contexts:
- name: ${name}
  context:
    cluster: ${name}
    user: ${name}
current-context: ${name}
preferences: {}
`;
}

/** Writes the kubeconfig if its content would change, and sets its mode either way. True when it was written. */
export async function writeKubeconfig(
  path: string,
  options: KubeconfigOptions & { readonly mode?: number },
): Promise<boolean> {
  const { mode = 0o600 } = options;
  const text = kubeconfigText(options);
  const present = await readIfExists(path);
  const changed = present === undefined || present !== text;
  if (changed) await writeFileAtomic(path, text, { mode });
  await chmod(path, mode);
  return changed;
}
