import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { type RunOptions, run } from '#base/process.ts';
import { eventually } from '#test/support/eventually.ts';
import { killCgroups, killQuietly, unmountBelow, waitForEnd } from './traces.ts';

export interface DockerOptions {
  /** With Docker's own bridge and rules, which drop what they do not know; the way it is on a real machine. */
  dockerIptables?: boolean;
  /** Keep containers running while the daemon is down. */
  liveRestore?: boolean;
}

export interface LabNodeOptions {
  id: string;
  number: number;
  ip: string;
  folder: string;
  docker: DockerOptions;
  isDetached: boolean;
}

/** One machine of a lab: a network namespace and a host name, with Docker and folders of its own. */
export class LabNode {
  readonly number: number;
  readonly ip: string;
  /** Name of the network namespace, as `ip -n` takes it. */
  readonly netns: string;
  readonly netnsPath: string;
  readonly dockerSocket: string;
  /** For what survives a reboot: give it to skiff as its data folder. */
  readonly dataDir: string;
  /** For what a reboot takes away, like `/run`. */
  readonly runDir: string;
  readonly folder: string;
  readonly cgroup: string;
  readonly #options: LabNodeOptions;
  readonly #children = new Set<ChildProcess>();

  constructor(options: LabNodeOptions) {
    const { id, number, ip, folder } = options;
    this.#options = options;
    this.number = number;
    this.ip = ip;
    this.folder = folder;
    this.netns = `${id}-n${number}`;
    this.netnsPath = `/run/netns/${this.netns}`;
    this.dockerSocket = join(folder, 'docker.sock');
    this.dataDir = join(folder, 'data');
    this.runDir = join(folder, 'run');
    this.cgroup = `${id}-n${number}`;
  }

  /** The machine's host name inside. */
  get name(): string {
    return `n${this.number}`;
  }

  /** Runs a program on the node and returns what it printed; `docker` finds the node's own daemon. */
  exec(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
    return run('nsenter', this.#enter(file, args), { ...options, env: this.#environment(options.env) });
  }

  /** Starts a program on the node, in a process group of its own; `stopProcesses` and the lab's end stop it. */
  spawn(file: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const child = spawn('nsenter', this.#enter(file, args), {
      ...options,
      detached: true,
      env: this.#environment(options.env),
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Starts a program whose output goes to `NAME.log` in the node's folder; for what may outlive this process. */
  async spawnLogged(
    name: string,
    file: string,
    args: readonly string[],
    options: SpawnOptions = {},
  ): Promise<ChildProcess> {
    await mkdir(this.folder, { recursive: true });
    const child = await this.#spawnInto(name, [file, ...args], options);
    if (this.#options.isDetached) {
      child.unref();
      await writeFile(join(this.folder, `${name}.pid`), String(child.pid));
    }
    return child;
  }

  async #spawnInto(log: string, [file = '', ...args]: readonly string[], options: SpawnOptions = {}) {
    const output = await open(join(this.folder, `${log}.log`), 'a');
    const child = this.spawn(file, args, { ...options, stdio: ['ignore', output.fd, output.fd] });
    await output.close();
    return child;
  }

  readLog(name: string): Promise<string> {
    return readFile(join(this.folder, `${name}.log`), 'utf8');
  }

  /** Starts Docker, unless it runs, and resolves when it answers. */
  async startDocker(): Promise<void> {
    if (await this.#dockerPid()) return;
    await mkdir(this.folder, { recursive: true });
    const { docker, number } = this.#options;
    const network =
      docker.dockerIptables === false
        ? ['--bridge', 'none', '--iptables=false', '--ip-masq=false']
        : ['--bip', `172.30.${number}.1/24`];
    const args = [
      ...['--data-root', join(this.folder, 'docker'), '--exec-root', join(this.folder, 'docker-run')],
      ...['--pidfile', this.#pidFile, '-H', `unix://${this.dockerSocket}`, '--storage-driver', 'overlay2'],
      ...['--cgroup-parent', `/${this.cgroup}`, ...network, ...(docker.liveRestore === true ? ['--live-restore'] : [])],
    ];
    const child = await this.#spawnInto('docker', ['dockerd', ...args]);
    if (this.#options.isDetached) child.unref();
    // It is stopped by `stopDocker` only, after what uses it.
    this.#children.delete(child);
    try {
      const answers = () => {
        if (child.exitCode !== null) throw new Error('dockerd has ended');
        return ping(this.dockerSocket);
      };
      await eventually(answers, { withinMs: 30_000 });
    } catch (cause) {
      const tail = (await this.readLog('docker')).trim().split('\n').slice(-8).join('\n');
      throw new Error(`Cannot start dockerd on ${this.name}: ${tail}`, { cause });
    }
  }

  /** Ends Docker, and with it its containers unless they are to be kept running. */
  async stopDocker(): Promise<void> {
    const pid = await this.#dockerPid();
    if (pid === undefined) return;
    killQuietly(pid, 'SIGTERM');
    if (!(await waitForEnd(pid, 30_000))) {
      killQuietly(pid);
      await waitForEnd(pid, 5000);
    }
    await rm(this.#pidFile, { force: true });
  }

  async loadImage(archivePath: string): Promise<void> {
    await this.exec('docker', ['load', '--quiet', '--input', archivePath]);
  }

  /** Stops every program `spawn` started, politely first. */
  async stopProcesses({ signal = 'SIGTERM' }: { signal?: NodeJS.Signals } = {}): Promise<void> {
    const files = (await readdir(this.folder).catch(() => [])).filter(
      (name) => name.endsWith('.pid') && name !== 'docker.pid',
    );
    const recorded = await Promise.all(
      files.map(async (name) => Number(await readFile(join(this.folder, name), 'utf8'))),
    );
    const own = await this.#processesOf(recorded);
    const pids = new Set([...own, ...[...this.#children].flatMap(({ pid }) => pid ?? [])]);
    pids.delete((await this.#dockerPid()) ?? 0);
    for (const pid of pids) killQuietly(-pid, signal);
    for (const pid of pids) {
      if (await waitForEnd(-pid, 10_000)) continue;
      killQuietly(-pid);
      await waitForEnd(-pid, 5000);
    }
    for (const name of files) if (name !== 'docker.pid') await rm(join(this.folder, name), { force: true });
  }

  /**
   * What a reboot does: programs, containers, devices, rules and `runDir` are gone, `dataDir` and Docker's data stay.
   * Docker and everything else have to be started again.
   */
  async reboot(): Promise<void> {
    await this.stopProcesses({ signal: 'SIGKILL' });
    await killCgroups(this.cgroup);
    await this.stopDocker();
    // Docker leaves mounts behind with containers that it keeps running, and so do volumes.
    await unmountBelow(this.folder);
    await rm(this.runDir, { recursive: true, force: true });
    await rm(join(this.folder, 'docker-run'), { recursive: true, force: true });
    for (const table of ['nat', 'filter', 'mangle', 'raw']) {
      await this.exec('iptables', ['-t', table, '-F']);
      await this.exec('iptables', ['-t', table, '-X']);
    }
    for (const chain of ['INPUT', 'FORWARD', 'OUTPUT']) await this.exec('iptables', ['-P', chain, 'ACCEPT']);
    const links = JSON.parse(await this.exec('ip', ['-json', 'link', 'show'])) as { ifname: string }[];
    for (const { ifname } of links) {
      if (ifname !== 'lo' && ifname !== 'eth0') await this.exec('ip', ['link', 'delete', ifname]).catch(() => '');
    }
    await this.exec('tee', ['/proc/sys/net/ipv4/ip_forward'], { input: '0' });
    await this.exec('conntrack', ['-F']).catch(() => '');
  }

  get #pidFile(): string {
    return join(this.folder, 'docker.pid');
  }

  async #dockerPid(): Promise<number | undefined> {
    const pid = Number(await readFile(this.#pidFile, 'utf8').catch(() => '0'));
    const [found] = await this.#processesOf([pid]);
    return found;
  }

  /** Those of the processes that live in this node's network: a number in a file may be somebody else's by now. */
  async #processesOf(pids: readonly number[]): Promise<number[]> {
    const inside = existsSync(this.netnsPath) ? await run('ip', ['netns', 'pids', this.netns]) : '';
    const known = new Set(
      inside
        .split('\n')
        .filter((line) => line !== '')
        .map(Number),
    );
    return pids.filter((pid) => known.has(pid));
  }

  #enter(file: string, args: readonly string[]): string[] {
    // Not `ip netns exec`: that hides the cgroups. The host name is the node's own, in a namespace that ends with the program.
    const named = ['unshare', '--uts', '--', 'sh', '-c', 'hostname "$0" && exec "$@"', this.name, file, ...args];
    return [`--net=${this.netnsPath}`, '--', ...named];
  }

  #environment(env: NodeJS.ProcessEnv | undefined): NodeJS.ProcessEnv {
    return { ...process.env, DOCKER_HOST: `unix://${this.dockerSocket}`, ...env };
  }
}

function ping(socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath, path: '/_ping', timeout: 1000 }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`Docker answered ${response.statusCode}`));
    });
    asked.on('error', reject);
    asked.on('timeout', () => asked.destroy(new Error('Docker does not answer')));
    asked.end();
  });
}
