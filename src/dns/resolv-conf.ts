import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { parseUpstream, type Upstream } from './upstream.ts';

/** Where systemd-resolved keeps the servers it asks itself, behind its own 127.0.0.53. */
export const RESOLV_CONF_FILES = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'] as const;

const RESOLVED_STUB = /^127\.0\.0\.5[34]$/;

/** The servers a `resolv.conf` names. */
export function parseResolvConf(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const [keyword, address] = line.trim().split(/\s+/);
    return keyword === 'nameserver' && address !== undefined && isIP(address.split('%')[0] ?? '') !== 0
      ? [address]
      : [];
  });
}

/** The node's own upstream servers, without addresses we listen on ourselves: asking those would go in circles. */
export async function readUpstreams(files: readonly string[], own: readonly string[]): Promise<Upstream[]> {
  const lists = await Promise.all(files.map((file) => readFile(file, 'utf8').then(parseResolvConf, () => [])));
  const [first = [], ...others] = lists;
  // The stub may itself have been told to ask us; the servers behind it are the better choice.
  const isStub = first.length > 0 && first.every((address) => RESOLVED_STUB.test(address));
  const better = others
    .map((list) => list.filter((address) => !RESOLVED_STUB.test(address)))
    .find((list) => list.length > 0);
  const chosen = isStub && better !== undefined ? better : first;
  return [...new Set(chosen)]
    .filter((address) => !own.includes(address))
    .flatMap((address) => parseUpstream(address.includes(':') ? `[${address}]` : address) ?? []);
}
