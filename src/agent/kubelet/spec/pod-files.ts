import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { hostname as nodeHostname } from 'node:os';
import { join } from 'node:path';
import type { Mount } from '#agent/runtime/container-runtime.ts';
import type { Container, Pod } from '#api/core/v1.ts';
import type { PodHostname } from './hostname.ts';
import { hostsFile } from './hosts-file.ts';
import { managesPath } from './mounts.ts';
import { type DnsSettings, formatResolvConf, podResolver } from './resolv-conf.ts';

/** Where the agent keeps what belongs to one pod; the whole tree goes with the pod. */
export interface PodPaths {
  readonly root: string;
  readonly etc: string;
  /** Holds one directory per container with its termination message files. */
  readonly containers: string;
}

export function podPaths(podsDir: string, podUid: string): PodPaths {
  const root = join(podsDir, podUid);
  return { root, etc: join(root, 'etc'), containers: join(root, 'containers') };
}

export interface PodFileOptions {
  readonly hostname: PodHostname;
  readonly ips: readonly string[];
  readonly dns: DnsSettings;
}

/** Writes the pod's own `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf`. */
export async function writePodFiles(pod: Pod, { etc }: PodPaths, options: PodFileOptions): Promise<void> {
  const { hostname, ips, dns } = options;
  const isHost = pod.spec.hostNetwork === true;
  const nodeFile = isHost ? await readFile('/etc/hosts', 'utf8').catch(() => '127.0.0.1\tlocalhost\n') : undefined;
  const hosts = hostsFile({ hostname, ips, aliases: pod.spec.hostAliases ?? [], nodeFile });
  await mkdir(etc, { recursive: true, mode: 0o755 });
  // Containers hold these files by inode, so they are overwritten, never replaced.
  await Promise.all([
    writeFile(join(etc, 'hosts'), hosts, { mode: 0o644 }),
    writeFile(join(etc, 'hostname'), `${isHost ? nodeHostname() : hostname.hostname}\n`, { mode: 0o644 }),
    writeFile(join(etc, 'resolv.conf'), formatResolvConf(podResolver(pod, dns)), { mode: 0o644 }),
  ]);
}

/** Mounts of the pod's own files, except where the container brings its own. */
export function podFileMounts(container: Container, { etc }: PodPaths): Mount[] {
  return ['hosts', 'hostname', 'resolv.conf']
    .filter((name) => managesPath(container, `/etc/${name}`))
    .map((name) => ({ source: join(etc, name), target: `/etc/${name}` }));
}

const DEFAULT_MESSAGE_PATH = '/dev/termination-log';

/** The file in which one attempt of a container may leave its last words. */
export function messageFile({ containers }: PodPaths, container: string, attempt: number): string {
  return join(containers, container, String(attempt));
}

/** Makes that file and says how to mount it. Whoever the container runs as may write it. */
export async function messageMount(paths: PodPaths, container: Container, attempt: number): Promise<Mount> {
  const file = messageFile(paths, container.name, attempt);
  await mkdir(join(paths.containers, container.name), { recursive: true, mode: 0o755 });
  await writeFile(file, '');
  // The mode given at creation would be cut by the umask.
  await chmod(file, 0o666);
  return { source: file, target: container.terminationMessagePath ?? DEFAULT_MESSAGE_PATH };
}
