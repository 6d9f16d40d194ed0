import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from '#base/process.ts';
import { killCgroups } from '#test/lab/traces.ts';
import { eventually } from '#test/support/eventually.ts';
import type { TestNamespace } from '#test/support/netns.ts';

const ROOT = join(import.meta.dirname, '../../..');
/** Where the checkout is on each machine. */
export const CHECKOUT = '/opt/checkout';

export interface Output {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Everything that something installed could leave behind. */
export interface Snapshot {
  readonly files: readonly string[];
  readonly mounts: readonly string[];
  readonly processes: readonly string[];
  readonly links: readonly string[];
  readonly rules: readonly string[];
  readonly routes: readonly string[];
  readonly sysctls: readonly string[];
}

/**
 * A computer like this one as far as a script can see, on which it can do no harm: its own network, processes, host name and
 * root, where what is written goes to a layer above this machine's files.
 */
export class FreshMachine {
  readonly name: string;
  readonly #folder: string;
  readonly #network: TestNamespace;
  #boot: ChildProcess | undefined;
  #init = 0;

  private constructor(name: string, folder: string, network: TestNamespace) {
    this.name = name;
    this.#folder = folder;
    this.#network = network;
  }

  static async boot(name: string, network: TestNamespace): Promise<FreshMachine> {
    const machine = new FreshMachine(name, await mkdtemp(join(tmpdir(), 'skiff-machine-')), network);
    try {
      await machine.#start();
      return machine;
    } catch (error) {
      await machine.destroy();
      throw error;
    }
  }

  async #start(): Promise<void> {
    const layers = join(this.#folder, 'layers');
    await mkdir(layers);
    await mkdir(join(this.#folder, 'docker'));
    // A file system of its own: an upper layer must not be part of the lower one.
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1g', 'skiff-machine', layers]);
    for (const name of ['upper', 'work', 'root']) await mkdir(join(layers, name), { mode: 0o755 });
    const namespaces = ['--mount', '--propagation', 'private', '--uts', '--pid', '--fork', '--kill-child'];
    const boot = ['bash', join(import.meta.dirname, 'boot.sh'), this.#folder, this.name, ROOT];
    this.#boot = spawn('nsenter', [`--net=${this.#network.path}`, '--', 'unshare', ...namespaces, '--', ...boot], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await Promise.race([
      once(this.#boot.stdout as NodeJS.ReadableStream, 'data'),
      once(this.#boot, 'exit').then(() => Promise.reject(new Error('The machine did not boot'))),
    ]);
    const pid = String(this.#boot.pid);
    this.#init = Number((await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim());
    // This one may have what a fresh one has not.
    const traces = ['/etc/skiff', '/var/lib/skiff', '/usr/local/bin/skiff', '/var/log/pods', '/var/log/containers'];
    await this.exec('rm', ['-rf', ...traces]);
    // Containers are to be found by their cgroup.
    await this.exec('mkdir', ['-p', '/etc/docker']);
    await this.write('/etc/docker/daemon.json', JSON.stringify({ 'cgroup-parent': `/${basename(this.#folder)}` }));
  }

  /** Runs a program to its end; throws if it fails. */
  async exec(file: string, args: readonly string[], input?: Buffer | string): Promise<string> {
    return run('nsenter', this.#enter(file, args), { env: this.#env({}), ...(input !== undefined && { input }) });
  }

  /** Runs a program to its end, whatever that is. */
  async attempt(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Output> {
    const child = spawn('nsenter', this.#enter(file, args), { stdio: ['ignore', 'pipe', 'pipe'], env: this.#env(env) });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    // Not `close`: what the script leaves running may hold its output.
    await once(child, 'exit');
    return { code: child.exitCode, stdout, stderr };
  }

  /** The installer with these arguments, as a person would type it. */
  install(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Output> {
    const own = { INSTALL_SKIFF_BINARY: `${CHECKOUT}/dist/skiff`, ...env };
    return this.attempt('sh', [`${CHECKOUT}/install.sh`, ...args], own);
  }

  read(path: string): Promise<string> {
    return this.exec('cat', [path]);
  }

  async write(path: string, content: string): Promise<void> {
    await this.exec('tee', [path], content);
  }

  /** Starts Docker, which has run containers before, and so made what it keeps for them. */
  async startUsedDocker(image: { name: string; archive: Buffer }): Promise<void> {
    await this.startDocker();
    await this.exec('docker', ['load', '--quiet'], image.archive);
    for (const network of ['bridge', 'host']) {
      await this.exec('docker', ['run', '--rm', '--network', network, image.name, 'true']);
    }
  }

  async startDocker(): Promise<void> {
    await this.exec('bash', ['-c', 'setsid dockerd >/tmp/dockerd.log 2>&1 </dev/null &']);
    await eventually(() => this.exec('docker', ['version']), { withinMs: 30_000, everyMs: 200 });
  }

  async stopDocker(): Promise<void> {
    await this.exec('bash', ['-c', 'kill $(cat /run/docker.pid)']);
    await eventually(async () => expectNone(await this.#processes(), 'dockerd'), { withinMs: 30_000, everyMs: 200 });
  }

  async snapshot(): Promise<Snapshot> {
    const lines = async (file: string, args: readonly string[]) =>
      (await this.exec(file, args)).split('\n').filter((line) => line !== '');
    const upper = join(this.#folder, 'layers/upper');
    const written = (await run('find', [upper, '!', '-type', 'd'])).split('\n').filter((line) => line !== '');
    // A folder that is on the real machine too was only written into.
    const folders = (await run('find', [upper, '-type', 'd']))
      .split('\n')
      .filter((line) => line !== '' && !existsSync(line.slice(upper.length) || '/'));
    const inRun = await lines('find', ['/run', '-xdev', '!', '-type', 's']);
    const saved = (await Promise.all(['iptables-save', 'ip6tables-save'].map((save) => lines(save, [])))).flat();
    const keys = ['ip_forward', 'conf.all.route_localnet', 'conf.lo.route_localnet', 'conf.eth0.route_localnet'];
    // Docker removes what it has for a container some time after the container.
    const isDockers = (line: string) => /^\/run\/docker\/netns\/[0-9a-f]{12}\b/.test(line);
    return {
      files: [...[...written, ...folders].map((path) => path.slice(upper.length)), ...inRun]
        .filter((path) => !isDockers(path))
        .sort(),
      mounts: (await lines('cut', ['-d', ' ', '-f', '2,3', '/proc/self/mounts']))
        .filter((mount) => !isDockers(mount))
        .sort(),
      processes: await this.#processes(),
      links: (await lines('ip', ['-br', 'link'])).map((line) => line.split(/[\s@]/)[0] ?? '').sort(),
      // Empty tables and the counters of chains say nothing.
      rules: saved
        .filter((line) => /^-A|^:.* - /.test(line))
        .map((line) => line.replace(/ \[.*/, ''))
        .sort(),
      // Link-local addresses come and go by themselves.
      routes: (await lines('ip', ['route', 'show', 'table', 'all']))
        .filter((route) => !route.includes('fe80::'))
        .map((route) => route.replace(' linkdown', ''))
        .sort(),
      sysctls: await lines(
        'sysctl',
        keys.map((key) => `net.ipv4.${key}`),
      ),
    };
  }

  async #processes(): Promise<string[]> {
    const all = (await this.exec('ps', ['-e', '-o', 'comm='])).split('\n').map((line) => line.trim());
    return all.filter((name) => name !== '' && name !== 'ps').sort();
  }

  /** Ends it and removes every trace. */
  async destroy(): Promise<void> {
    const boot = this.#boot;
    if (boot !== undefined && boot.exitCode === null && boot.signalCode === null) {
      const gone = once(boot, 'exit');
      // Its first process goes with it, and with that all the others.
      boot.kill('SIGKILL');
      await gone;
    }
    await killCgroups(basename(this.#folder));
    await run('umount', ['--lazy', join(this.#folder, 'layers')]).catch(() => '');
    await eventually(() => rm(this.#folder, { recursive: true, force: true }), { withinMs: 10_000 });
  }

  #enter(file: string, args: readonly string[]): string[] {
    const target = ['--target', String(this.#init), '--mount', '--net', '--uts', '--pid'];
    return [...target, '--', file, ...args];
  }

  #env(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
    const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
    return { PATH, HOME: '/root', KUBECACHEDIR: '/tmp/kube-cache', ...env };
  }
}

function expectNone(processes: readonly string[], name: string): void {
  if (processes.includes(name)) throw new Error(`${name} still runs`);
}
