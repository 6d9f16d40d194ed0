import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '#base/process.ts';
import { unmountBelow } from '#test/lab/traces.ts';
import { connectNamespaces, createNamespace, type TestNamespace } from '#test/support/netns.ts';
import { Program, type ProgramOptions } from './program.ts';

const ASK = join(import.meta.dirname, 'ask.ts');

/** Whether this process may make machines. */
export const isRoot = process.getuid?.() === 0;
if (!isRoot) process.stderr.write('cli: needs root, NOT tested\n');

/** What a node object says of one condition. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly message: string;
}

/** A network of its own with one address, and folders for what the program writes: nothing of the real machine is touched. */
export class Machine {
  readonly folder: string;
  readonly netns: string;
  readonly ip: string;
  readonly #namespaces: readonly TestNamespace[];
  readonly #programs: Program[] = [];

  constructor(folder: string, ip: string, namespaces: readonly TestNamespace[]) {
    this.folder = folder;
    this.ip = ip;
    this.#namespaces = namespaces;
    this.netns = namespaces[0]?.path ?? '';
  }

  /** Name of the network namespace. */
  get name(): string {
    return this.#namespaces[0]?.name ?? '';
  }

  get dataDir(): string {
    return join(this.folder, 'data');
  }

  get kubeconfig(): string {
    return join(this.folder, 'kubeconfig.yaml');
  }

  get dockerSocket(): string {
    return join(this.folder, 'docker.sock');
  }

  /** Flags that keep a node within the machine; `name` sets several apart. */
  nodeFlags(name = 'data'): string[] {
    return [
      ...['--data-dir', join(this.folder, name), '--run-dir', join(this.folder, `run-${name}`)],
      ...['--log-dir', join(this.folder, `log-${name}`), '--docker-socket', this.dockerSocket],
    ];
  }

  server(flags: readonly string[] = [], options: ProgramOptions = {}): Program {
    return this.program(['server', ...this.nodeFlags(), '--write-kubeconfig', this.kubeconfig, ...flags], options);
  }

  program(args: readonly string[], options: ProgramOptions = {}): Program {
    return this.#keep(Program.start(args, { netns: this.netns, ...options }));
  }

  /** Another program on this machine. */
  spawn(file: string, args: readonly string[]): Program {
    return this.#keep(Program.spawn('nsenter', [`--net=${this.netns}`, '--', file, ...args]));
  }

  exec(file: string, args: readonly string[]): Promise<string> {
    return run('nsenter', [`--net=${this.netns}`, '--', file, ...args]);
  }

  /** One request to the API as the administrator. */
  async ask(method: string, path: string, body?: unknown): Promise<{ code: number; body: string }> {
    const sent = body === undefined ? [] : [JSON.stringify(body)];
    return JSON.parse(
      await this.exec(process.execPath, ['--no-warnings', ASK, this.kubeconfig, method, path, ...sent]),
    );
  }

  /** The Ready condition of the only node, or of the one with that name. */
  async ready(name?: string): Promise<Condition | undefined> {
    const { body } = await this.ask('GET', '/api/v1/nodes');
    const { items } = JSON.parse(body) as {
      items: { metadata: { name: string }; status: { conditions?: Condition[] } }[];
    };
    const node = items.find(({ metadata }) => name === undefined || metadata.name === name);
    return node?.status.conditions?.find(({ type }) => type === 'Ready');
  }

  #keep(program: Program): Program {
    this.#programs.push(program);
    return program;
  }

  /** Ends every program and removes every trace. */
  async destroy(): Promise<void> {
    for (const program of this.#programs) await program.kill();
    await unmountBelow(this.folder);
    for (const namespace of this.#namespaces) await namespace.destroy();
    await rm(this.folder, { recursive: true, force: true });
  }
}

export async function createMachine(): Promise<Machine> {
  const folder = await mkdtemp(join(tmpdir(), 'skiff-cli-'));
  await mkdir(join(folder, 'home'));
  const own = await createNamespace('skc');
  const fabric = await connectNamespaces([own], '172.31.21');
  return new Machine(folder, '172.31.21.1', [own, fabric]);
}
