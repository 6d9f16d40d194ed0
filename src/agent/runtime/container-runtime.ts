import type { Readable, Writable } from 'node:stream';
import type { Component } from '#base/component.ts';

/**
 * What the node agent asks of a container engine. Words of the engine's world: sandboxes and containers, not Pods.
 * Every call fails with `RuntimeError`, at once with `unavailable` while the engine is down; it may be called again later.
 * A call whose signal aborts rejects with the signal's reason.
 */
export interface ContainerRuntime extends Component {
  info(signal?: AbortSignal): Promise<RuntimeInfo>;

  /** Every sandbox and container this runtime made, running or not. Cheap enough to call after each reconnect. */
  list(signal?: AbortSignal): Promise<ContainerSummary[]>;
  inspect(id: string, signal?: AbortSignal): Promise<ContainerState | undefined>;
  /** Told of every change to a container of ours, in order; after a lost connection it is told `resync` instead of what was missed. */
  onEvent(listener: (event: RuntimeEvent) => void): () => void;

  /** Starts the sandbox's pause container and returns once its network namespace exists. An abort leaves nothing behind. */
  createSandbox(spec: SandboxSpec, signal: AbortSignal): Promise<CreateResult>;
  /**
   * Creates and starts; the id is known to `onCreated` before the start, so that events can be matched. What a host refuses
   * to grant is left out where the container can do without, in words in `warnings`; `onCreated` may then be called again with
   * another id. A container that cannot be started stays, as `exited` with `error`. An abort leaves nothing behind.
   */
  createContainer(spec: ContainerSpec, signal: AbortSignal, onCreated?: (id: string) => void): Promise<CreateResult>;
  startContainer(id: string, signal: AbortSignal): Promise<void>;
  /** TERM (or the image's stop signal), then KILL after `graceSeconds`. Resolves once it has ended; fine if it is gone. */
  stopContainer(id: string, graceSeconds: number, signal?: AbortSignal): Promise<void>;
  /** Also kills it if it runs; fine if it is gone. */
  removeContainer(id: string): Promise<void>;
  /** What is absent stays as it is. */
  updateResources(id: string, resources: ContainerResources): Promise<void>;

  /** Aborting kills the process; to leave it alone, close the session instead. */
  exec(id: string, options: ExecOptions, signal: AbortSignal): Promise<ExecSession>;
  /** Attaches to the main process's streams. */
  attach(id: string, options: AttachOptions, signal: AbortSignal): Promise<StreamSession>;
  /** The container's output in time order. Ends when the container has ended, or at once without `follow`. */
  logs(id: string, options: LogOptions, signal: AbortSignal): Promise<Readable>;

  images(signal?: AbortSignal): Promise<ImageSummary[]>;
  /** By name, digest or id, as the user wrote it. */
  inspectImage(image: string, signal?: AbortSignal): Promise<ImageInfo | undefined>;
  /** Throws `RuntimeError` whose message is the registry's; what that means for a pod is left to the caller. */
  pullImage(image: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<ImageInfo>;
  /** Loads a `docker save` archive; used for the pause image and for tars in the data folder. */
  loadImage(archive: Readable): Promise<void>;
  /** With all its names; fine if it is gone. `conflict` while a container uses it. */
  removeImage(id: string): Promise<void>;
}

/**
 * - `unavailable`: the engine does not answer; try again later.
 * - `not-found`: no such container or image, or the registry knows no such image.
 * - `conflict`: the name is taken, or the thing is in use or in the wrong state.
 * - `bad-image`: the image's name is malformed, or `createContainer` was given an image that is not on this node.
 * - `bad-command`: the command or working directory does not exist or cannot be run.
 * - `refused`: the request is invalid or the host does not grant it; the same request will fail again.
 * - `failed`: anything else; the same request may succeed later.
 */
export type RuntimeErrorCode =
  | 'unavailable'
  | 'not-found'
  | 'conflict'
  | 'bad-image'
  | 'bad-command'
  | 'refused'
  | 'failed';

/** The engine refused or failed; `code` tells what the caller may do about it. */
export class RuntimeError extends Error {
  readonly code: RuntimeErrorCode;
  constructor(code: RuntimeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RuntimeError';
    this.code = code;
  }
}

export interface CreateResult {
  id: string;
  /** What was asked for and not granted, each a sentence fit for an event. */
  warnings: readonly string[];
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
  | {
      type: 'create' | 'start' | 'die' | 'oom' | 'destroy';
      id: string;
      labels: Readonly<Record<string, string>>;
      exitCode?: number;
    }
  | { type: 'resync' };

export interface SandboxSpec {
  name: string;
  /** Host name of the sandbox and of all containers in it; ignored with the node's network, which comes with its name. */
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
  /** Must exist. */
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
  readonly stdin: Writable | undefined;
  readonly stdout: Readable;
  /** Ends at once with a tty. */
  readonly stderr: Readable;
  /** Fine at any time; without a tty, or once the process has ended, it does nothing. */
  resize(size: { width: number; height: number }): Promise<void>;
  /** Lets go of the streams; the process goes on. */
  close(): void;
}

export interface ExecSession extends StreamSession {
  /** Resolves when the process has ended and its output has been delivered; rejects if the engine was lost. */
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

export interface ImageSummary {
  id: string;
  tags: readonly string[];
  digests: readonly string[];
  sizeBytes: number;
}

export interface ImageInfo extends ImageSummary {
  /** `uid[:gid]` or names, from the image's configuration; empty for root. */
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
