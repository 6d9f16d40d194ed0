import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AttachOptions,
  type ContainerResources,
  type ContainerRuntime,
  type ContainerSpec,
  type ContainerState,
  type ContainerStatus,
  type ContainerSummary,
  type CreateResult,
  type ExecOptions,
  type ExecSession,
  type ImageInfo,
  type ImageSummary,
  type LogOptions,
  type RegistryAuth,
  RuntimeError,
  type RuntimeEvent,
  type RuntimeInfo,
  type SandboxSpec,
  type StreamSession,
} from '#agent/runtime/container-runtime.ts';
import { FakeProcess } from './fake-process.ts';

interface FakeContainer {
  id: string;
  spec: ContainerSpec | SandboxSpec;
  status: ContainerStatus;
  createdAt: string;
  startedAt?: string;
  finishedAt?: string;
  exitCode?: number;
  oomKilled: boolean;
  error?: string;
  process?: FakeProcess;
  /** Settles when the process has ended. */
  ended: Promise<void>;
  log: { stream: 'stdout' | 'stderr'; time: string; text: string }[];
  onLog: Set<(entry: FakeContainer['log'][number]) => void>;
}

type Operation = 'createSandbox' | 'createContainer' | 'startContainer' | 'exec' | 'pullImage' | 'removeContainer';

/** Containers in memory, with processes of `FakeProcess`. Behaves as its contract says, and as the test tells it to. */
export class FakeRuntime implements ContainerRuntime {
  readonly name = 'fake-runtime';
  /** Images on the node, by name. */
  readonly localImages = new Map<string, ImageInfo>();
  /** What `pullImage` finds, by name; an error is thrown. */
  readonly registry = new Map<string, ImageInfo | Error>();
  readonly pulls: { image: string; auth: RegistryAuth | undefined }[] = [];
  /** Answers an exec in place of the built-in shell; undefined leaves it to that. */
  onExec:
    | ((id: string, command: readonly string[]) => { exitCode: number; stdout?: string; stderr?: string } | undefined)
    | undefined;
  readonly #containers = new Map<string, FakeContainer>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #failures = new Map<Operation, Error[]>();
  #isConnected = true;

  constructor({ images = [] }: { images?: readonly string[] } = {}) {
    for (const image of images) this.localImages.set(image, fakeImage(image));
  }

  /** What a container or sandbox was made from. */
  specOf(id: string): ContainerSpec | SandboxSpec | undefined {
    return this.#containers.get(id)?.spec;
  }

  /** The next call of `operation` fails with `error`. */
  failNext(operation: Operation, error: Error): void {
    this.#failures.set(operation, [...(this.#failures.get(operation) ?? []), error]);
  }

  /** The container's process ends by itself, e.g. by a crash. */
  async endContainer(id: string, exitCode: number, { oomKilled = false } = {}): Promise<void> {
    const container = this.#require(id);
    if (oomKilled) {
      container.oomKilled = true;
      this.#emit('oom', container);
    }
    container.process?.end(exitCode);
    await container.ended;
  }

  /** The engine goes away; its containers run on. */
  disconnect(): void {
    this.#isConnected = false;
  }

  reconnect(): void {
    this.#isConnected = true;
    for (const listener of this.#listeners) listener({ type: 'resync' });
  }

  async start(): Promise<void> {}

  async stop(): Promise<void> {
    for (const container of this.#containers.values()) container.process?.end(137);
    await Promise.all([...this.#containers.values()].map(({ ended }) => ended));
    this.#listeners.clear();
  }

  async info(): Promise<RuntimeInfo> {
    this.#check();
    return { version: 'docker://0.0.0', cgroupVersion: 2, cgroupDriver: 'cgroupfs', rootDir: '/var/lib/fake' };
  }

  async list(): Promise<ContainerSummary[]> {
    this.#check();
    return [...this.#containers.values()].map(summary);
  }

  async inspect(id: string): Promise<ContainerState | undefined> {
    this.#check();
    const container = this.#containers.get(id);
    return container && this.#state(container);
  }

  onEvent(listener: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async createSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<CreateResult> {
    this.#check('createSandbox', signal);
    const container = this.#create(spec);
    this.#startProcess(container);
    return { id: container.id, warnings: [] };
  }

  async createContainer(
    spec: ContainerSpec,
    signal: AbortSignal,
    onCreated?: (id: string) => void,
  ): Promise<CreateResult> {
    this.#check('createContainer', signal);
    if (!this.localImages.has(spec.image)) throw new RuntimeError('bad-image', `No such image: ${spec.image}`);
    const container = this.#create(spec);
    onCreated?.(container.id);
    await delay(0);
    if (signal.aborted) {
      await this.removeContainer(container.id);
      throw signal.reason;
    }
    await this.startContainer(container.id, signal);
    return { id: container.id, warnings: [] };
  }

  async startContainer(id: string, signal: AbortSignal): Promise<void> {
    const container = this.#require(id);
    try {
      this.#check('startContainer', signal);
      const sandbox = 'sandboxId' in container.spec ? this.#containers.get(container.spec.sandboxId) : undefined;
      if ('sandboxId' in container.spec && sandbox?.status !== 'running') {
        throw new RuntimeError(
          'conflict',
          `cannot join network of a non running container: ${container.spec.sandboxId}`,
        );
      }
      const [program = ''] = commandOf(container.spec);
      if (program.startsWith('/absent'))
        throw new RuntimeError('bad-command', `exec: "${program}": no such file or directory`);
    } catch (error) {
      if (error instanceof RuntimeError) {
        Object.assign(container, { status: 'exited', exitCode: 128, error: error.message, finishedAt: now() });
      }
      throw error;
    }
    if (container.status !== 'running') this.#startProcess(container);
  }

  async stopContainer(id: string, graceSeconds: number): Promise<void> {
    this.#check();
    const container = this.#containers.get(id);
    if (container?.process === undefined) return;
    container.process.signal('TERM');
    const timer = setTimeout(() => container.process?.signal('KILL'), graceSeconds * 1000);
    await container.ended;
    clearTimeout(timer);
  }

  async removeContainer(id: string): Promise<void> {
    this.#check('removeContainer');
    const container = this.#containers.get(id);
    if (container === undefined) return;
    container.process?.end(137);
    await container.ended;
    if (this.#containers.delete(id)) this.#emit('destroy', container);
  }

  async updateResources(id: string, resources: ContainerResources): Promise<void> {
    this.#check();
    const container = this.#require(id);
    if ('resources' in container.spec)
      container.spec = { ...container.spec, resources: { ...container.spec.resources, ...resources } };
  }

  async exec(id: string, options: ExecOptions, signal: AbortSignal): Promise<ExecSession> {
    this.#check('exec', signal);
    const container = this.#require(id);
    if (container.status !== 'running') throw new RuntimeError('conflict', `Container ${id} is not running`);
    const outputs = { stdout: new PassThrough(), stderr: new PassThrough() };
    const scripted = this.onExec?.(id, options.command);
    if (scripted !== undefined) {
      outputs.stdout.end(scripted.stdout ?? '');
      outputs.stderr.end(scripted.stderr ?? '');
      return {
        ...outputs,
        stdin: undefined,
        resize: async () => {},
        close: () => {},
        exitCode: Promise.resolve(scripted.exitCode),
      };
    }
    const process = this.#process(container, options.command, options.stdin ?? false, (stream, text) => {
      outputs[options.tty ? 'stdout' : stream].write(text);
    });
    const onAbort = () => process.end(137);
    signal.addEventListener('abort', onAbort, { once: true });
    const exitCode = process.exitCode.then((code) => {
      signal.removeEventListener('abort', onAbort);
      outputs.stdout.end();
      outputs.stderr.end();
      if (signal.aborted) throw signal.reason;
      return code;
    });
    exitCode.catch(() => {});
    const close = () => {
      outputs.stdout.destroy();
      outputs.stderr.destroy();
    };
    return { ...outputs, stdin: options.stdin ? process.stdin : undefined, resize: async () => {}, close, exitCode };
  }

  async attach(id: string, options: AttachOptions, signal: AbortSignal): Promise<StreamSession> {
    this.#check(undefined, signal);
    const container = this.#require(id);
    if (container.process === undefined) throw new RuntimeError('conflict', `Container ${id} is not running`);
    const outputs = { stdout: new PassThrough(), stderr: new PassThrough() };
    const listener = (entry: FakeContainer['log'][number]) => outputs[entry.stream].write(entry.text);
    const close = () => {
      container.onLog.delete(listener);
      outputs.stdout.end();
      outputs.stderr.end();
    };
    container.onLog.add(listener);
    void container.ended.then(close);
    signal.addEventListener('abort', close, { once: true });
    return { ...outputs, stdin: options.stdin ? container.process.stdin : undefined, resize: async () => {}, close };
  }

  async logs(id: string, options: LogOptions, signal: AbortSignal): Promise<Readable> {
    this.#check(undefined, signal);
    const container = this.#require(id);
    const since =
      options.since === undefined
        ? ''
        : /^[\d.]+$/.test(options.since)
          ? new Date(Number(options.since) * 1000).toISOString()
          : options.since;
    const wanted = ({ stream }: FakeContainer['log'][number]) =>
      options.stream === undefined || options.stream === stream;
    const line = ({ time, text }: FakeContainer['log'][number]) => (options.timestamps ? `${time} ${text}` : text);
    const past = container.log.filter((entry) => wanted(entry) && entry.time >= since);
    const output = new PassThrough();
    for (const entry of options.tail === undefined ? past : past.slice(past.length - options.tail))
      output.write(line(entry));
    if (!options.follow || container.status !== 'running') return output.end();
    const listener = (entry: FakeContainer['log'][number]) => wanted(entry) && output.write(line(entry));
    container.onLog.add(listener);
    void container.ended.then(() => output.end());
    signal.addEventListener('abort', () => output.destroy(signal.reason), { once: true });
    output.once('close', () => container.onLog.delete(listener));
    return output;
  }

  async images(): Promise<ImageSummary[]> {
    this.#check();
    return [...new Set(this.localImages.values())];
  }

  async inspectImage(image: string): Promise<ImageInfo | undefined> {
    this.#check();
    return this.localImages.get(image) ?? [...this.localImages.values()].find(({ id }) => id === image);
  }

  async pullImage(image: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<ImageInfo> {
    this.#check('pullImage', signal);
    this.pulls.push({ image, auth });
    if (!/^[a-z0-9./:@_-]+$/.test(image)) throw new RuntimeError('bad-image', 'invalid reference format');
    const found =
      this.registry.get(image) ?? new RuntimeError('not-found', `manifest for ${image} not found: manifest unknown`);
    if (found instanceof Error) throw found;
    this.localImages.set(image, found);
    return found;
  }

  /** Takes the names from the archive's text: enough to tell whether the right archive came. */
  async loadImage(archive: Readable): Promise<void> {
    this.#check();
    const names = /"RepoTags":\[([^\]]*)\]/.exec((await buffer(archive)).toString('latin1'))?.[1] ?? '';
    for (const [, image = ''] of names.matchAll(/"([^"]+)"/g)) this.localImages.set(image, fakeImage(image));
  }

  async removeImage(id: string): Promise<void> {
    this.#check();
    for (const [name, image] of this.localImages) if (name === id || image.id === id) this.localImages.delete(name);
  }

  #check(operation?: Operation, signal?: AbortSignal): void {
    signal?.throwIfAborted();
    if (!this.#isConnected) throw new RuntimeError('unavailable', 'Cannot reach the engine');
    const failure = operation && this.#failures.get(operation)?.shift();
    if (failure !== undefined) throw failure;
  }

  #require(id: string): FakeContainer {
    const container = this.#containers.get(id);
    if (container === undefined) throw new RuntimeError('not-found', `No such container: ${id}`);
    return container;
  }

  #create(spec: ContainerSpec | SandboxSpec): FakeContainer {
    const holder = [...this.#containers.values()].find((other) => other.spec.name === spec.name);
    if (holder !== undefined)
      throw new RuntimeError('conflict', `The container name "${spec.name}" is already in use by "${holder.id}"`);
    const id = randomBytes(32).toString('hex');
    const idle = {
      status: 'created',
      createdAt: now(),
      oomKilled: false,
      ended: Promise.resolve(),
      log: [],
      onLog: new Set(),
    } as const;
    const container: FakeContainer = { ...idle, id, spec, log: [], onLog: new Set() };
    this.#containers.set(id, container);
    this.#emit('create', container);
    return container;
  }

  #startProcess(container: FakeContainer): void {
    const { spec } = container;
    Object.assign(container, {
      status: 'running',
      startedAt: now(),
      exitCode: undefined,
      finishedAt: undefined,
      error: undefined,
    });
    this.#emit('start', container);
    const hasStdin = 'stdin' in spec && spec.stdin === true;
    const process = this.#process(container, commandOf(spec), hasStdin, (stream, text) => {
      const entry = { stream, text, time: now() };
      container.log.push(entry);
      for (const listener of container.onLog) listener(entry);
    });
    container.process = process;
    container.ended = process.exitCode.then((exitCode) => {
      Object.assign(container, { status: 'exited', exitCode, finishedAt: now(), process: undefined });
      this.#emit('die', container, exitCode);
    });
  }

  #process(
    { spec }: FakeContainer,
    command: readonly string[],
    hasStdin: boolean,
    onOutput: (stream: 'stdout' | 'stderr', text: string) => void,
  ): FakeProcess {
    const sandbox = 'sandboxId' in spec ? this.#containers.get(spec.sandboxId)?.spec : spec;
    const hostname = (sandbox as SandboxSpec | undefined)?.hostname ?? '';
    const imageEnv = 'image' in spec ? (this.localImages.get(spec.image)?.env ?? []) : [];
    const pairs = [`HOSTNAME=${hostname}`, ...imageEnv, ...('env' in spec ? spec.env : [])].map((entry) => {
      const equals = entry.indexOf('=');
      return [entry.slice(0, equals), entry.slice(equals + 1)];
    });
    const mounts = 'mounts' in spec ? spec.mounts : [];
    const resolvePath = (path: string) => {
      const mount = mounts.find(({ target }) => path === target || path.startsWith(`${target}/`));
      return mount && join(mount.source, path.slice(mount.target.length));
    };
    return new FakeProcess({ command, hostname, env: Object.fromEntries(pairs), resolvePath, hasStdin }, onOutput);
  }

  #state(container: FakeContainer): ContainerState {
    const { spec, createdAt, startedAt, finishedAt, exitCode, oomKilled, error, status } = container;
    const image = 'image' in spec ? spec.image : 'fake/pause:1';
    return {
      ...summary(container),
      image,
      imageId: this.localImages.get(image)?.id ?? fakeImage(image).id,
      pid: status === 'running' ? 1 : 0,
      createdAt,
      ...(startedAt !== undefined && { startedAt }),
      ...(finishedAt !== undefined && { finishedAt }),
      ...(exitCode !== undefined && { exitCode }),
      oomKilled,
      ...(error !== undefined && { error }),
      logPath: `/var/lib/fake/${container.id}-json.log`,
    };
  }

  #emit(type: 'create' | 'start' | 'die' | 'oom' | 'destroy', { id, spec }: FakeContainer, exitCode?: number): void {
    if (!this.#isConnected) return;
    const event = { type, id, labels: spec.labels, ...(exitCode !== undefined && { exitCode }) };
    for (const listener of this.#listeners) listener(event);
  }
}

/** An image as `FakeRuntime` keeps it, for its `registry` and `localImages`. */
export function fakeImage(name: string, overrides: Partial<ImageInfo> = {}): ImageInfo {
  const id = `sha256:${createHash('sha256').update(name).digest('hex')}`;
  return {
    id,
    tags: [name],
    digests: [],
    sizeBytes: 1000,
    user: '',
    env: ['PATH=/bin', 'FROM_IMAGE=yes'],
    ...overrides,
  };
}

function summary({ id, spec, status }: FakeContainer): ContainerSummary {
  return { id, name: spec.name, labels: spec.labels, status };
}

function commandOf(spec: ContainerSpec | SandboxSpec): readonly string[] {
  return 'sandboxId' in spec ? [...(spec.command ?? []), ...(spec.args ?? [])] : ['pause'];
}

function now(): string {
  return new Date().toISOString();
}
