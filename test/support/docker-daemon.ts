import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, open, readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { endProcessesOf } from './end-processes.ts';
import { eventually } from './eventually.ts';

const run = promisify(execFile);
const CGROUPS = '/sys/fs/cgroup';

export interface DockerDaemonOptions {
  /** Keep containers running while the daemon is down. */
  liveRestore?: boolean;
  /** An existing network namespace by name; without it the daemon gets an own one, without any way out. */
  networkNamespace?: string;
}

/** A Docker daemon of a test's own: own data, own network, nothing shared with a daemon of the machine. */
export interface DockerDaemon {
  readonly socket: string;
  /** Holds everything the daemon writes; its log is `docker.log`. */
  readonly folder: string;
  readonly networkNamespace: string;
  /** Ends the daemon; `start` brings it back with the same data. */
  halt(): Promise<void>;
  start(): Promise<void>;
  /** Ends the daemon and removes every trace of it. */
  stop(): Promise<void>;
}

/** Starts a daemon; installs Debian's first if the machine has none. Needs root. */
export async function startDockerDaemon(options: DockerDaemonOptions = {}): Promise<DockerDaemon> {
  await ensureDocker();
  const id = `skiff-${randomBytes(3).toString('hex')}`;
  const folder = await mkdtemp(join(tmpdir(), `${id}-`));
  const socket = join(folder, 'docker.sock');
  const networkNamespace = options.networkNamespace ?? id;
  if (options.networkNamespace === undefined) {
    await run('ip', ['netns', 'add', id]);
    await run('ip', ['-n', id, 'link', 'set', 'lo', 'up']);
  }
  let child: ReturnType<typeof spawn> | undefined;

  const start = async () => {
    const log = await open(join(folder, 'docker.log'), 'a');
    const daemon = [
      ...['dockerd', '--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec')],
      ...['--pidfile', join(folder, 'docker.pid'), '-H', `unix://${socket}`, '--cgroup-parent', `/${id}`],
      ...['--bridge', 'none', '--iptables=false', '--ip-masq=false'],
      ...(options.liveRestore ? ['--live-restore'] : []),
    ];
    // Not `ip netns exec`: that hides the cgroups. The daemon must not outlive a test run that was killed.
    const args = [`--net=/run/netns/${networkNamespace}`, 'setpriv', '--pdeathsig', 'TERM', ...daemon];
    const started = spawn('nsenter', args, { stdio: ['ignore', log.fd, log.fd] });
    child = started;
    await log.close();
    const answers = async () => {
      if (started.exitCode !== null) throw new Error('dockerd has ended');
      await ping(socket);
    };
    try {
      await eventually(answers, { withinMs: 30_000 });
    } catch (cause) {
      const tail = (await readFile(join(folder, 'docker.log'), 'utf8')).split('\n').slice(-8).join('\n');
      throw new Error(`Cannot start dockerd: ${tail}`, { cause });
    }
  };
  const halt = async () => {
    const running = child;
    child = undefined;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGTERM');
    await ended;
  };
  const stop = async () => {
    if (options.liveRestore && child !== undefined) await removeContainers(socket);
    await halt();
    await endProcessesOf(folder);
    await unmountBelow(folder);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    if (options.networkNamespace === undefined) await run('ip', ['netns', 'del', id]).catch(() => {});
    await removeCgroups(id);
  };

  try {
    await start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { socket, folder, networkNamespace, halt, start, stop };
}

/** Whether this process may start a daemon at all. */
export function canRunDocker(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0;
}

async function ensureDocker(): Promise<void> {
  const folders = (process.env['PATH'] ?? '').split(':');
  if (folders.some((folder) => existsSync(join(folder, 'dockerd')))) return;
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  await run('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'docker.io'], { env });
}

function ping(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/_ping', agent: false }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`dockerd answers ${response.statusCode}`));
    });
    asked.on('error', reject).end();
  });
}

async function removeContainers(socket: string): Promise<void> {
  const docker = ['-H', `unix://${socket}`];
  const { stdout } = await run('docker', [...docker, 'ps', '-aq']);
  const ids = stdout.split('\n').filter((id) => id !== '');
  if (ids.length > 0) await run('docker', [...docker, 'rm', '-f', ...ids]);
}

async function unmountBelow(folder: string): Promise<void> {
  const mounts = (await readFile('/proc/self/mounts', 'utf8'))
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .filter((path) => path.startsWith(`${folder}/`));
  for (const path of mounts.reverse()) await run('umount', ['-l', path]).catch(() => {});
}

async function removeCgroups(id: string): Promise<void> {
  const candidates = [
    join(CGROUPS, id),
    ...(await readdir(CGROUPS).catch(() => [])).map((name) => join(CGROUPS, name, id)),
  ];
  for (const path of candidates) if (existsSync(path)) await removeCgroup(path);
}

/** The kernel's files in it cannot be removed, only the folders, innermost first. */
async function removeCgroup(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isDirectory()) await removeCgroup(join(path, entry.name));
  }
  await eventually(() => rmdir(path), { withinMs: 2000 }).catch(() => {});
}
