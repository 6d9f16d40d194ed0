import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { type RunOptions, run } from '#base/process.ts';
import type { LabNode } from '#test/lab/node.ts';

export interface KubectlBinary {
  readonly path: string;
  /** E.g. `1.33`. */
  readonly version: string;
}

/** The oldest and the newest kubectl that stand beside the one on PATH; just that one if there is no other. */
export async function findKubectls(): Promise<KubectlBinary[]> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const found = folders.map((folder) => join(folder, 'kubectl')).find((path) => existsSync(path));
  if (found === undefined) throw new Error('There is no kubectl on PATH; see https://kubernetes.io/docs/tasks/tools/');
  const path = realpathSync(found);
  const names = readdirSync(dirname(path)).filter((name) => /^kubectl\.\d+\.\d+$/.test(name));
  const all = await Promise.all([path, ...names.map((name) => join(dirname(path), name))].map(versionOf));
  const sorted = all.sort((a, b) => minor(a) - minor(b));
  const [oldest, newest] = [sorted[0], sorted.at(-1)];
  if (oldest === undefined || newest === undefined) return [];
  return oldest.version === newest.version ? [newest] : [oldest, newest];
}

const minor = ({ version }: KubectlBinary) => Number(version.split('.')[1]);

async function versionOf(path: string): Promise<KubectlBinary> {
  const { clientVersion } = JSON.parse(await run(path, ['version', '--client', '-o', 'json'])) as {
    clientVersion: { gitVersion: string };
  };
  return { path, version: /^v(\d+\.\d+)/.exec(clientVersion.gitVersion)?.[1] ?? clientVersion.gitVersion };
}

export interface KubectlOptions {
  binary: KubectlBinary;
  /** The machine it runs on. */
  node: LabNode;
  kubeconfig: string;
  /** Holds its caches. */
  home: string;
  namespace?: string;
}

/** A kubectl that was started and runs on. */
export interface RunningKubectl {
  readonly stdout: () => string;
  readonly child: ChildProcess;
  /** Interrupts it as Ctrl-C does and waits for its end. */
  stop(): Promise<void>;
}

/** One kubectl of one version for one cluster. */
export class Kubectl {
  readonly version: string;
  readonly #options: KubectlOptions;

  constructor(options: KubectlOptions) {
    this.version = options.binary.version;
    this.#options = options;
  }

  in(namespace: string): Kubectl {
    return new Kubectl({ ...this.#options, namespace });
  }

  /** Runs it to its end and returns what it printed. */
  run(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { node, binary } = this.#options;
    return node.exec(binary.path, this.#args(args), { timeoutMs: 90_000, ...options, env: this.#env() });
  }

  async json<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run([...args, '-o', 'json'])) as T;
  }

  /** Starts it and leaves it running. */
  start(args: readonly string[]): RunningKubectl {
    const { node, binary } = this.#options;
    const child = node.spawn(binary.path, this.#args(args), { stdio: ['ignore', 'pipe', 'pipe'], env: this.#env() });
    let stdout = '';
    child.stdout?.on('data', (chunk) => (stdout += chunk));
    child.stderr?.on('data', (chunk) => (stdout += chunk));
    const ended = once(child, 'exit');
    return {
      child,
      stdout: () => stdout,
      async stop() {
        child.kill('SIGINT');
        await ended;
      },
    };
  }

  #args(args: readonly string[]): string[] {
    const { namespace } = this.#options;
    return namespace === undefined ? [...args] : ['--namespace', namespace, ...args];
  }

  #env(): NodeJS.ProcessEnv {
    const { kubeconfig, home } = this.#options;
    return { ...process.env, KUBECONFIG: kubeconfig, HOME: home };
  }
}
