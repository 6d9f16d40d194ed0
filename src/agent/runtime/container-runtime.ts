import type { Duplex, Readable } from 'node:stream';
import type { Component } from '#base/component.ts';

/** What the node agent asks of a container engine. Words of the engine's world: sandboxes and containers, not Pods. */
export interface ContainerRuntime extends Component {
  info(signal?: AbortSignal): Promise<RuntimeInfo>;

  /** Every sandbox and container this runtime made, running or not. Cheap enough to call after each reconnect. */
  list(signal?: AbortSignal): Promise<ContainerSummary[]>;
  inspect(id: string, signal?: AbortSignal): Promise<ContainerState | undefined>;
  /** Told of every change to a container of ours, in order; after a lost connection it is told `resync` instead of what was missed. */
  onEvent(listener: (event: RuntimeEvent) => void): () => void;

  /** Starts the sandbox's pause container and returns once its network namespace exists. */
  createSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<{ id: string; warnings: readonly string[] }>;
  /** Creates and starts; the id is known to `onCreated` before the start, so that events can be matched. */
  createContainer(spec: ContainerSpec, signal: AbortSignal): Promise<{ id: string; warnings: readonly string[] }>;
  startContainer(id: string, signal: AbortSignal): Promise<void>;
  /** TERM (or the image's stop signal), then KILL after `graceSeconds`. Resolves once it has ended; fine if it is gone. */
  stopContainer(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void>;
  /** Also kills it if it runs; fine if it is gone. */
  removeContainer(id: string): Promise<void>;
  updateResources(id: string, resources: ContainerResources): Promise<void>;

  exec(id: string, options: ExecOptions, signal: AbortSignal): Promise<ExecSession>;
  /** Attaches to the main process's streams. */
  attach(id: string, options: AttachOptions, signal: AbortSignal): Promise<StreamSession>;
  /** The container's output in time order. Ends when the container has ended, or at once without `follow`. */
  logs(id: string, options: LogOptions, signal: AbortSignal): Promise<Readable>;

  images(signal?: AbortSignal): Promise<ImageInfo[]>;
  /** By name, digest or id, as the user wrote it. */
  inspectImage(image: string, signal?: AbortSignal): Promise<ImageInfo | undefined>;
  /** Throws `RuntimeError` with reason `ErrImagePull` semantics left to the caller; message is the registry's. */
  pullImage(image: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<ImageInfo>;
  /** Loads a `docker save` archive; used for the pause image and for tars in the data folder. */
  loadImage(archive: Readable): Promise<void>;
  removeImage(id: string): Promise<void>;
}

/** The engine refused or failed; `code` tells what the caller may do about it. */
export class RuntimeError extends Error {
  readonly code: 'unavailable' | 'not-found' | 'conflict' | 'bad-image' | 'bad-command' | 'refused' | 'failed';
  constructor(code: RuntimeError['code'], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RuntimeError';
    this.code = code;
  }
}

export interface RuntimeInfo {
  /** As in `containerRuntimeVersion`: `docker://20.10.24`. */
  version: string;
  cgroupVersion: 1 | 2;
  cgroupDriver: 'cgroupfs' | 'systemd';
  /** Where images and containers are kept, for disk figures. */
  rootDir: string;
}

export type ContainerStatus = 'created' | 'running' | 'exited';

export interface ContainerSummary {
  id: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  status: ContainerStatus;
}

export interface ContainerState extends ContainerSummary {
  image: string;
  imageId: string;
  pid: number;
  createdAt: string;
  /** RFC 3339; absent before the first start. */
  startedAt?: string;
  finishedAt?: string;
  exitCode?: number;
  oomKilled: boolean;
  /** The engine's own words when it could not start. */
  error?: string;
  /** Current json-file log of the engine, rotated siblings are `.1`, `.2`... */
  logPath: string;
  cgroupPath?: string;
}

export type RuntimeEvent =
  | { type: 'create' | 'start' | 'die' | 'oom' | 'destroy'; id: string; labels: Readonly<Record<string, string>>; exitCode?: number }
  | { type: 'resync' };

export interface SandboxSpec {
  name: string;
  hostname: string;
  labels: Record<string, string>;
  /** `host` shares the node's; `pod` is an own, empty namespace which the agent then wires; `path` enters one the agent prepared. */
  network: { mode: 'host' } | { mode: 'pod' } | { mode: 'path'; path: string };
  hostPid?: boolean;
  hostIpc?: boolean;
  sysctls?: Record<string, string>;
  cgroupParent?: string;
  shmSizeBytes?: number;
}

export interface ContainerSpec {
  name: string;
  sandboxId: string;
  hostname: string;
  image: string;
  labels: Record<string, string>;
  /** Replace the image's entrypoint and command where given (Kubernetes `command` and `args`). */
  command?: readonly string[];
  args?: readonly string[];
  workingDir?: string;
  env: readonly string[];
  mounts: readonly Mount[];
  resources: ContainerResources;
  security: ContainerSecurity;
  stdin?: boolean;
  stdinOnce?: boolean;
  tty?: boolean;
  /** Share the sandbox's PID namespace, or the host's. */
  pid: 'container' | 'sandbox' | 'host';
  hostNetwork?: boolean;
  hostIpc?: boolean;
  cgroupParent?: string;
  log?: { maxSizeBytes: number; maxFiles: number };
}

export interface Mount {
  source: string;
  target: string;
  readOnly?: boolean;
  propagation?: 'private' | 'rslave' | 'rshared';
}

export interface ContainerResources {
  cpuShares?: number;
  cpuQuotaUs?: number;
  cpuPeriodUs?: number;
  memoryBytes?: number;
  oomScoreAdj?: number;
  pidsLimit?: number;
}

export interface ContainerSecurity {
  /** `uid[:gid]` */
  user?: string;
  supplementalGroups?: readonly number[];
  privileged?: boolean;
  addCapabilities?: readonly string[];
  dropCapabilities?: readonly string[];
  noNewPrivileges?: boolean;
  readOnlyRoot?: boolean;
  /** `unconfined`, or the JSON of a profile; absent is the engine's default. */
  seccomp?: string;
  apparmor?: string;
  unmaskedProc?: boolean;
}

export interface ExecOptions {
  command: readonly string[];
  stdin?: boolean;
  tty?: boolean;
}

export interface AttachOptions {
  stdin?: boolean;
  tty?: boolean;
}

export interface StreamSession {
  /** Ended by the caller to close the process's standard input. Undefined without stdin. */
  readonly stdin: Duplex | undefined;
  readonly stdout: Readable;
  /** Ends at once with a tty. */
  readonly stderr: Readable;
  resize(size: { width: number; height: number }): Promise<void>;
  close(): void;
}

export interface ExecSession extends StreamSession {
  /** Resolves when the process has ended and its output has been delivered. */
  readonly exitCode: Promise<number>;
}

export interface LogOptions {
  follow?: boolean;
  timestamps?: boolean;
  /** RFC 3339 or seconds since the epoch with fraction. */
  since?: string;
  tail?: number;
  /** Both streams unless narrowed. */
  stream?: 'stdout' | 'stderr';
}

export interface ImageInfo {
  id: string;
  tags: readonly string[];
  digests: readonly string[];
  sizeBytes: number;
  /** From the image's configuration. */
  user: string;
  env: readonly string[];
  stopSignal?: string;
}

export interface RegistryAuth {
  username?: string;
  password?: string;
  serverAddress?: string;
  identityToken?: string;
}
