import { existsSync } from 'node:fs';
import { readdir, readFile, rmdir } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { run } from '#base/process.ts';

const CGROUPS = '/sys/fs/cgroup';

/** Debian packages by a command each brings. */
const PACKAGES = {
  dockerd: 'docker.io',
  iptables: 'iptables',
  ipset: 'ipset',
  conntrack: 'conntrack',
  ip: 'iproute2',
  nsenter: 'util-linux',
};

/** Installs what the lab needs and the machine lacks. */
export async function requirePackages(): Promise<void> {
  if (process.getuid?.() !== 0) throw new Error('The lab needs root');
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin'];
  const missing = Object.entries(PACKAGES).filter(
    ([command]) => !folders.some((folder) => existsSync(join(folder, command))),
  );
  if (missing.length === 0) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['update', '-q'], { env });
  const packages = missing.map(([, name]) => name);
  // A daemon of the machine's own is not wanted; a policy that forbids starting services keeps it from coming up.
  await run('apt-get', ['install', '-q', '-y', '--no-install-recommends', ...packages], {
    env: { ...env, RUNLEVEL: '1' },
  });
}

/** Routes these ranges into nothing where no such route is; tells which it added. */
export async function blackhole(ranges: readonly string[]): Promise<string[]> {
  const added: string[] = [];
  for (const range of ranges) {
    if ((await run('ip', ['-4', 'route', 'show', 'exact', range])).trim() !== '') continue;
    // Another lab may be faster.
    const isAdded = await run('ip', ['route', 'add', 'blackhole', range]).then(
      () => true,
      () => false,
    );
    if (isAdded) added.push(range);
  }
  return added;
}

/** Unmounts everything at or below a folder, the deepest first. */
export async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replaceAll('\\040', ' '));
  const below = mounts.filter((path) => path === folder || path.startsWith(`${folder}/`));
  for (const path of below.sort((a, b) => b.length - a.length)) await run('umount', ['--lazy', path]).catch(() => '');
}

/** Kills every process in cgroups of this name, whatever hierarchy, and removes them. */
export async function killCgroups(name: string): Promise<void> {
  const roots = [CGROUPS, ...(await readdir(CGROUPS).catch(() => [])).map((entry) => join(CGROUPS, entry))];
  for (const root of roots) {
    const path = join(root, name);
    if (!existsSync(path)) continue;
    for (let left = 50; left > 0; left--) {
      const folders = await foldersBelow(path);
      const processes = (await Promise.all(folders.map(processesOf))).flat();
      for (const pid of processes) if (pid !== process.pid) killQuietly(pid);
      if (processes.length === 0) break;
      await sleep(100);
    }
    for (const folder of (await foldersBelow(path)).sort((a, b) => b.length - a.length))
      await rmdir(folder).catch(() => undefined);
  }
}

async function foldersBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  const below = await Promise.all(
    entries.filter((entry) => entry.isDirectory()).map((entry) => foldersBelow(join(path, entry.name))),
  );
  return [path, ...below.flat()];
}

async function processesOf(folder: string): Promise<number[]> {
  const text = await readFile(join(folder, 'cgroup.procs'), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

/** Signals a process, or a process group by a negative number; fine if it is gone. */
export function killQuietly(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Gone already.
  }
}

/** Whether a process, or by a negative number any of a group, is there. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** True once the process is gone, false if it is still there after the time. */
export async function waitForEnd(pid: number, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs;
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false;
    await sleep(50);
  }
  return true;
}
