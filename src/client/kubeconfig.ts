import { readFile } from 'node:fs/promises';
import { parseYaml } from '#base/yaml.ts';
import type { Credentials } from './https-transport.ts';

interface Kubeconfig {
  'current-context'?: string;
  contexts?: { name: string; context: { cluster: string; user: string } }[];
  clusters?: { name: string; cluster: Record<string, string> }[];
  users?: { name: string; user: Record<string, string> }[];
}

/** Where and as whom a kubeconfig's current context connects. Throws an Error that names the file and what it lacks. */
export async function readKubeconfig(path: string): Promise<{ server: string; credentials: Credentials }> {
  const config = await load(path);
  const context = config.contexts?.find(({ name }) => name === config['current-context'])?.context;
  const cluster = config.clusters?.find(({ name }) => name === context?.cluster)?.cluster;
  const user = config.users?.find(({ name }) => name === context?.user)?.user ?? {};
  if (cluster?.['server'] === undefined)
    throw new Error(`The kubeconfig "${path}" has no current context with a cluster`);
  const [ca, cert, key] = await Promise.all([
    pem(cluster, 'certificate-authority'),
    pem(user, 'client-certificate'),
    pem(user, 'client-key'),
  ]);
  const { token } = user;
  return {
    server: cluster['server'],
    credentials: { ca: ca ?? '', ...(cert && { cert }), ...(key && { key }), ...(token && { token }) },
  };
}

async function load(path: string): Promise<Kubeconfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const hint =
      (cause as NodeJS.ErrnoException).code === 'EACCES'
        ? '; run as root, or let the server write it with --write-kubeconfig-mode 644'
        : '';
    throw new Error(`Cannot read the kubeconfig "${path}": ${(cause as Error).message}${hint}`, { cause });
  }
  try {
    return (parseYaml(text) ?? {}) as Kubeconfig;
  } catch (cause) {
    throw new Error(`The kubeconfig "${path}" is not valid YAML: ${(cause as Error).message}`, { cause });
  }
}

/** Inline as base64 under `<name>-data`, or in a file. */
async function pem(entry: Record<string, string>, name: string): Promise<string | undefined> {
  const inline = entry[`${name}-data`];
  if (inline !== undefined) return Buffer.from(inline, 'base64').toString();
  const file = entry[name];
  return file === undefined ? undefined : readFile(file, 'utf8');
}
