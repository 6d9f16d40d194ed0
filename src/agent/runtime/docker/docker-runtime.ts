import { readFile, stat } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ContainerCreateOptions } from 'dockerode';
import { sleep } from '#base/backoff.ts';
import type { Logger } from '#base/logger.ts';
import { run } from '#base/process.ts';
import {
  type AttachOptions,
  type ContainerResources,
  type ContainerRuntime,
  type ContainerSpec,
  type ContainerState,
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
} from '../container-runtime.ts';
import { containerConfig, PAUSE_IMAGE, resourceConfig, sandboxConfig } from './container-config.ts';
import { type InspectedContainer, type ListedContainer, toState, toSummary } from './container-state.ts';
import { DockerApi } from './docker-api.ts';
import { EventStream } from './event-stream.ts';
import { boundingCapabilities, GRANTS, type Grant } from './grants.ts';
import { DockerImages } from './images.ts';
import { Semaphore } from './semaphore.ts';
import { attachTo, execIn, logsOf } from './streams.ts';

export interface DockerRuntimeOptions {
  /** Path of the socket, or a `unix://` URL. */
  socket?: string;
  /** Sets containers of this node apart from those of other skiffs on the same daemon. */
  owner: string;
  /** A `docker save` archive of the pause image; asked for only when Docker does not have the image. */
  pauseImage: () => Buffer | Promise<Buffer>;
  log: Logger;
  /** Containers started at once; more only makes each of them slower. */
  parallelStarts?: number;
  /** How long `start` waits for a daemon that is only starting. */
  connectTimeoutMs?: number;
}

/** Every container of ours bears this label, with the owner as value. */
export const OWNER_LABEL = 'io.skiff.owner';

const CONNECT_EVERY_MS = 100;
const ENTER_TIMEOUT_MS = 10_000;
const REMOVAL_TIMEOUT_MS = 10_000;

/** Containers by a Docker daemon on this machine. */
export class DockerRuntime implements ContainerRuntime {
  readonly name = 'docker';
  readonly #options: DockerRuntimeOptions;
  readonly #api: DockerApi;
  readonly #label: string;
  readonly #images: DockerImages;
  readonly #events: EventStream;
  readonly #starts: Semaphore;
  /** What this host has refused, so that it is not asked for again. */
  readonly #refused = new Set<Grant>();
  #hostCapabilities: Promise<string[]> | undefined;
  #pauseLoading: Promise<void> | undefined;

  constructor(options: DockerRuntimeOptions) {
    const { socket = '/var/run/docker.sock', owner, log, parallelStarts = 2 * availableParallelism() } = options;
    this.#options = options;
    this.#api = new DockerApi(socket.replace(/^unix:\/\//, ''));
    this.#label = `${OWNER_LABEL}=${owner}`;
    this.#images = new DockerImages(this.#api);
    this.#events = new EventStream({ api: this.#api, label: this.#label, log });
    this.#events.listen((event) => {
      // Another daemon may grant more.
      if (event.type === 'resync') this.#refused.clear();
    });
    this.#starts = new Semaphore(parallelStarts);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { connectTimeoutMs = 5000, log } = this.#options;
    const deadline = Date.now() + connectTimeoutMs;
    for (;;) {
      try {
        await this.#events.start();
        break;
      } catch (error) {
        if (Date.now() >= deadline)
          throw new RuntimeError('unavailable', `${messageOf(error)}; is Docker running?`, { cause: error });
      }
      await sleep(CONNECT_EVERY_MS, signal);
    }
    // The first pod shall not wait for it. If this fails, that pod loads it, or says why not.
    void this.#ensurePauseImage().catch((err) => log.debug({ err }, 'pause image not loaded'));
  }

  async stop(): Promise<void> {
    await this.#events.stop();
    this.#api.close();
  }

  async info(signal?: AbortSignal): Promise<RuntimeInfo> {
    const info = await this.#api.json<DockerInfo>({ method: 'GET', path: '/info', signal });
    return {
      version: `docker://${info.ServerVersion}`,
      cgroupVersion: info.CgroupVersion === '2' ? 2 : 1,
      cgroupDriver: info.CgroupDriver === 'systemd' ? 'systemd' : 'cgroupfs',
      rootDir: info.DockerRootDir,
    };
  }

  async list(signal?: AbortSignal): Promise<ContainerSummary[]> {
    const query = { all: true, filters: JSON.stringify({ label: [this.#label] }) };
    const listed = await this.#api.json<ListedContainer[]>({ method: 'GET', path: '/containers/json', query, signal });
    return listed.map(toSummary);
  }

  async inspect(id: string, signal?: AbortSignal): Promise<ContainerState | undefined> {
    const container = await this.#inspect(id, signal);
    return container && toState(container, await cgroupPathOf(container.State.Pid));
  }

  onEvent(listener: (event: RuntimeEvent) => void): () => void {
    return this.#events.listen(listener);
  }

  async createSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<CreateResult> {
    const { network } = spec;
    let body = sandboxConfig(spec, this.#labels(spec.labels));
    if (network.mode === 'path') {
      // Docker refuses these in what it takes for the host's network.
      const isNetwork = ([key]: [string, string]) => key.startsWith('net.');
      const sysctls = Object.entries(spec.sysctls ?? {});
      await writeNetworkSysctls(network.path, sysctls.filter(isNetwork), signal);
      const others = Object.fromEntries(sysctls.filter((entry) => !isNetwork(entry)));
      body = { ...body, HostConfig: { ...body.HostConfig, Sysctls: others } };
    }
    let id: string | undefined;
    const create = () =>
      this.#createAndStart(spec.name, body, signal, (created) => {
        id = created;
      });
    try {
      const result = await create().catch(async (error) => {
        if (!(error instanceof RuntimeError) || error.code !== 'bad-image') throw error;
        await this.#ensurePauseImage();
        return create();
      });
      if (network.mode === 'path') await this.#whenEntered(result.id, network.path, signal);
      return result;
    } catch (error) {
      // A sandbox that did not start tells nothing that the error does not.
      if (id !== undefined) await this.removeContainer(id).catch(() => {});
      throw error;
    }
  }

  createContainer(spec: ContainerSpec, signal: AbortSignal, onCreated?: (id: string) => void): Promise<CreateResult> {
    return this.#createAndStart(spec.name, containerConfig(spec, this.#labels(spec.labels)), signal, onCreated);
  }

  async startContainer(id: string, signal: AbortSignal): Promise<void> {
    await this.#starts.run(() => this.#api.json({ method: 'POST', path: `/containers/${id}/start`, signal }), signal);
  }

  async stopContainer(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void> {
    const query = { t: Math.max(0, Math.ceil(graceSeconds)) };
    await this.#api.json({ method: 'POST', path: `/containers/${id}/stop`, query, signal }).catch(unlessMissing);
  }

  async removeContainer(id: string): Promise<void> {
    try {
      await this.#api.json({ method: 'DELETE', path: `/containers/${id}`, query: { force: true, v: true } });
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code !== 'conflict') return unlessMissing(error);
      // Somebody else is removing it already.
      const deadline = Date.now() + REMOVAL_TIMEOUT_MS;
      while ((await this.#inspect(id)) !== undefined) {
        if (Date.now() > deadline) throw error;
        await delay(CONNECT_EVERY_MS);
      }
    }
  }

  async updateResources(id: string, resources: ContainerResources): Promise<void> {
    await this.#api.json({ method: 'POST', path: `/containers/${id}/update`, body: resourceConfig(resources) });
  }

  exec(id: string, options: ExecOptions, signal: AbortSignal): Promise<ExecSession> {
    return execIn(this.#api, id, { ...options, signal });
  }

  attach(id: string, options: AttachOptions, signal: AbortSignal): Promise<StreamSession> {
    return attachTo(this.#api, id, { ...options, signal });
  }

  logs(id: string, options: LogOptions, signal: AbortSignal): Promise<Readable> {
    return logsOf(this.#api, id, { ...options, signal });
  }

  images(signal?: AbortSignal): Promise<ImageSummary[]> {
    return this.#images.list(signal);
  }

  inspectImage(image: string, signal?: AbortSignal): Promise<ImageInfo | undefined> {
    return this.#images.inspect(image, signal);
  }

  pullImage(image: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<ImageInfo> {
    return this.#images.pull(image, auth, signal);
  }

  loadImage(archive: Readable): Promise<void> {
    return this.#images.load(archive);
  }

  removeImage(id: string): Promise<void> {
    return this.#images.remove(id);
  }

  /**
   * Asks for everything first, then without what the host is known to refuse. Each try needs a new container, as a
   * container's configuration is fixed.
   */
  async #createAndStart(
    name: string,
    wanted: ContainerCreateOptions,
    signal: AbortSignal,
    onCreated?: (id: string) => void,
  ): Promise<CreateResult> {
    let { body, warnings } = await this.#withdraw(wanted, this.#refused);
    for (;;) {
      const id = await this.#create(name, body, signal);
      onCreated?.(id);
      try {
        await this.#startCreated(id, signal);
        return { id, warnings };
      } catch (error) {
        const blamed = await this.#blame(error, body);
        if (blamed === undefined) throw error;
        this.#options.log.info({ grant: blamed, reason: messageOf(error) }, 'host refuses a privilege to containers');
        this.#refused.add(blamed);
        const degraded = await this.#withdraw(body, new Set([blamed]));
        body = degraded.body;
        warnings = [...warnings, ...degraded.warnings];
        await this.removeContainer(id);
      }
    }
  }

  async #create(name: string, body: ContainerCreateOptions, signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    const request = { method: 'POST', path: '/containers/create', query: { name }, body } as const;
    // Docker finishes what it was asked for even if nobody waits: so wait for it in the background, and take it back.
    const created = this.#api.json<{ Id: string }>(request);
    const { Id } = await unlessAbortedFirst(created, signal, ({ Id }) => this.removeContainer(Id));
    return Id;
  }

  async #startCreated(id: string, signal: AbortSignal): Promise<void> {
    const start = () => {
      const started = this.#api.json({ method: 'POST', path: `/containers/${id}/start` });
      return unlessAbortedFirst(started, signal, () => this.removeContainer(id));
    };
    try {
      await this.#starts.run(start, signal);
    } catch (error) {
      if (signal.aborted) void this.removeContainer(id).catch(() => {});
      throw error;
    }
  }

  /** The privilege that is the first suspect for a failed start, if the container asked for any. */
  async #blame(error: unknown, body: ContainerCreateOptions): Promise<Grant | undefined> {
    if (!(error instanceof RuntimeError) || (error.code !== 'refused' && error.code !== 'failed')) return undefined;
    const capabilities = await this.#capabilities();
    return GRANTS.find((rule) => rule.isBlamed(error.message) && rule.withdraw(body, capabilities) !== undefined)
      ?.grant;
  }

  async #withdraw(wanted: ContainerCreateOptions, grants: ReadonlySet<Grant>) {
    let body = wanted;
    const warnings: string[] = [];
    if (grants.size === 0) return { body, warnings };
    const capabilities = await this.#capabilities();
    for (const rule of GRANTS.filter(({ grant }) => grants.has(grant))) {
      const degraded = rule.withdraw(body, capabilities);
      if (degraded === undefined) continue;
      body = degraded.body;
      if (degraded.warning !== undefined) warnings.push(degraded.warning);
    }
    return { body, warnings };
  }

  #capabilities(): Promise<string[]> {
    // Docker runs on this machine; what this process may not have at most, its containers may not either.
    this.#hostCapabilities ??= readFile('/proc/self/status', 'utf8').then(boundingCapabilities);
    return this.#hostCapabilities;
  }

  /**
   * Docker says that the pause program has started, not that it has got as far as entering its network: until then, a
   * container that joins it would land in the node's.
   */
  async #whenEntered(id: string, path: string, signal: AbortSignal): Promise<void> {
    const deadline = Date.now() + ENTER_TIMEOUT_MS;
    const wanted = (await stat(path)).ino;
    for (let waitMs = 1; ; waitMs = Math.min(50, waitMs * 2)) {
      const container = await this.#inspect(id, signal);
      if (container === undefined || !container.State.Running) {
        throw new RuntimeError(
          'failed',
          `Cannot enter network "${path}": pause ended with code ${container?.State.ExitCode}`,
        );
      }
      const entered = await stat(`/proc/${container.State.Pid}/ns/net`).catch(() => undefined);
      if (entered?.ino === wanted) return;
      if (Date.now() > deadline) throw new RuntimeError('failed', `Pause did not enter network "${path}" in time`);
      await sleep(waitMs, signal);
    }
  }

  #ensurePauseImage(): Promise<void> {
    this.#pauseLoading ??= this.#loadPauseImage().finally(() => {
      this.#pauseLoading = undefined;
    });
    return this.#pauseLoading;
  }

  async #loadPauseImage(): Promise<void> {
    if ((await this.#images.inspect(PAUSE_IMAGE)) !== undefined) return;
    await this.#images.load(Readable.from([await this.#options.pauseImage()]));
  }

  async #inspect(id: string, signal?: AbortSignal): Promise<InspectedContainer | undefined> {
    try {
      return await this.#api.json<InspectedContainer>({ method: 'GET', path: `/containers/${id}/json`, signal });
    } catch (error) {
      unlessMissing(error);
      return undefined;
    }
  }

  #labels(labels: Record<string, string>): Record<string, string> {
    return { ...labels, [OWNER_LABEL]: this.#options.owner };
  }
}

interface DockerInfo {
  ServerVersion: string;
  CgroupVersion?: string;
  CgroupDriver: string;
  DockerRootDir: string;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function unlessMissing(error: unknown): void {
  if (!(error instanceof RuntimeError) || error.code !== 'not-found') throw error;
}

/** Rejects as soon as the signal aborts; what `work` yields nevertheless is then undone in the background. */
async function unlessAbortedFirst<T>(
  work: Promise<T>,
  signal: AbortSignal,
  undo: (result: T) => Promise<void>,
): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => {
    aborted.reject(signal.reason);
    void work.then(undo).catch(() => {});
  };
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

/** Where the kernel keeps a running process's control group, below each hierarchy's mount point. */
async function cgroupPathOf(pid: number): Promise<string | undefined> {
  if (pid <= 0) return undefined;
  const lines = await readFile(`/proc/${pid}/cgroup`, 'utf8').catch(() => '');
  const memory = /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m.exec(lines)?.[1];
  return memory ?? /^0::(.*)$/m.exec(lines)?.[1];
}

async function writeNetworkSysctls(path: string, sysctls: [string, string][], signal: AbortSignal): Promise<void> {
  for (const [key, value] of sysctls) {
    try {
      await run('nsenter', [`--net=${path}`, 'tee', `/proc/sys/${key.replaceAll('.', '/')}`], { input: value, signal });
    } catch (cause) {
      throw new RuntimeError('refused', `Cannot set sysctl "${key}": ${messageOf(cause)}`, { cause });
    }
  }
}
