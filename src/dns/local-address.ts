import { type RunOptions, run } from '#base/process.ts';

type Exec = (file: string, args: readonly string[], options?: RunOptions) => Promise<string>;

/** The link that carries the cluster's DNS address on every node. */
export const DNS_LINK = 'skiff-dns';

/**
 * Makes an address the node's own, on a link of its own, so that the resolver can listen on it directly: pods reach it by
 * their default route, programs of the node and pods in its network namespace by loopback, and no rule has to translate
 * anything. Idempotent.
 */
export async function ensureLocalAddress(
  ip: string,
  { exec = run, link = DNS_LINK }: { exec?: Exec; link?: string } = {},
): Promise<void> {
  const found = await exec('ip', ['-brief', '-4', 'address', 'show', 'dev', link]).catch(() => undefined);
  if (found === undefined) {
    // A dummy link is what this is for, but some kernels have none; a bridge without ports does as well.
    await exec('ip', ['link', 'add', link, 'type', 'dummy']).catch(() =>
      exec('ip', ['link', 'add', link, 'type', 'bridge']),
    );
    await exec('ip', ['link', 'set', link, 'up']);
  }
  const current = (found ?? '').split(/\s+/).filter((word) => word.includes('/'));
  for (const address of current) {
    if (address !== `${ip}/32`) await exec('ip', ['address', 'delete', address, 'dev', link]);
  }
  if (!current.includes(`${ip}/32`)) await exec('ip', ['address', 'add', `${ip}/32`, 'dev', link]);
}

/** Takes the link away; fine if there is none. */
export async function removeLocalAddress({
  exec = run,
  link = DNS_LINK,
}: {
  exec?: Exec;
  link?: string;
} = {}): Promise<void> {
  await exec('ip', ['link', 'delete', link]).catch((error: unknown) => {
    if (!(error instanceof Error && error.message.includes('Cannot find device'))) throw error;
  });
}
