import { readFile } from 'node:fs/promises';
import { parseResolvConf, type ResolverConfig } from '../spec/resolv-conf.ts';

/** Where systemd-resolved keeps the real name servers; `/etc/resolv.conf` then names only its own stub. */
const SYSTEMD_UPSTREAMS = '/run/systemd/resolve/resolv.conf';

/** The node's resolver configuration, as pods can use it: a server on the node's loopback is none for them. */
export async function readNodeResolver(path: string, fallback = SYSTEMD_UPSTREAMS): Promise<ResolverConfig> {
  const own = parseResolvConf(await readFile(path, 'utf8').catch(() => ''));
  const isLocal = (server: string) => server.startsWith('127.') || server === '::1';
  if (!own.nameservers.some(isLocal)) return own;
  const upstream = parseResolvConf(await readFile(fallback, 'utf8').catch(() => ''));
  const nameservers = [...own.nameservers, ...upstream.nameservers].filter((server) => !isLocal(server));
  return { ...own, nameservers: [...new Set(nameservers)] };
}
