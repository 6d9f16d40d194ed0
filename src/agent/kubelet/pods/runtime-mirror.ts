import type { ContainerRuntime, ContainerState, RuntimeEvent } from '#agent/runtime/container-runtime.ts';
import { formatTime } from '#api/meta/time.ts';
import { backoffMs, sleep } from '#base/backoff.ts';
import type { Logger } from '#base/logger.ts';
import { WorkQueue } from '#base/work-queue.ts';
import { type Identity, identityOf, LABEL, type Labels, type PodIdentity } from '../pod-names.ts';
import type { ContainerView, SandboxView } from './pod-view.ts';

export interface RuntimeMirrorDeps {
  readonly runtime: ContainerRuntime;
  /** The last words of a container that has ended. */
  readonly endMessage: (container: EndedContainer) => Promise<string | undefined>;
  readonly log: Logger;
}

export interface EndedContainer {
  readonly id: string;
  readonly pod: PodIdentity;
  readonly container: string;
  readonly attempt: number;
  readonly exitCode: number;
  readonly labels: Labels;
}

interface Entry {
  readonly identity: Identity;
  readonly state: ContainerState;
  readonly endMessage: string | undefined;
  readonly isGone: boolean;
}

const LOAD_BACKOFF = { initialMs: 250, maxMs: 10_000 };

/**
 * The engine's containers by pod, as last inspected. Loaded once, then kept by events; containers that somebody removed
 * behind our back stay as a memory, so that their end can be reported.
 */
export class RuntimeMirror {
  readonly #deps: RuntimeMirrorDeps;
  readonly #pods = new Map<string, Map<string, Entry>>();
  readonly #podOf = new Map<string, string>();
  readonly #listeners = new Set<(podUid: string) => void>();
  readonly #removedByUs = new Set<string>();
  readonly #exitCodes = new Map<string, number>();
  readonly #inspections: WorkQueue;
  readonly #stop = new AbortController();
  #loading: Promise<void> | undefined;
  #isLoaded = false;
  #unsubscribe: (() => void) | undefined;

  constructor(deps: RuntimeMirrorDeps) {
    this.#deps = deps;
    this.#inspections = new WorkQueue({
      concurrency: 8,
      process: async (id, signal) => {
        const podUid = await this.#inspect(id, signal);
        if (podUid !== undefined) this.#tell(podUid);
        return undefined;
      },
      onError: (id, err) => deps.log.warn({ err, containerId: id }, 'cannot inspect container'),
    });
  }

  /** Before this nobody may conclude from a container's absence that it does not exist. */
  get isLoaded(): boolean {
    return this.#isLoaded;
  }

  /** Resolves at once; pods are told when their containers are known. */
  start(): void {
    this.#unsubscribe = this.#deps.runtime.onEvent((event) => this.#onEvent(event));
    this.#load();
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('Runtime mirror stopped'));
    this.#unsubscribe?.();
    await this.#inspections.stop();
    await this.#loading;
  }

  /** Called with the pod's UID after each change. */
  onChange(listener: (podUid: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Pods that have containers or sandboxes here. */
  pods(): PodIdentity[] {
    return [...this.#pods.values()].flatMap((entries) => {
      const [first] = entries.values();
      return first === undefined ? [] : [first.identity.pod];
    });
  }

  labels(podUid: string): Labels[] {
    return [...(this.#pods.get(podUid)?.values() ?? [])].map(({ state }) => state.labels);
  }

  sandboxes(podUid: string): SandboxView[] {
    return [...(this.#pods.get(podUid)?.values() ?? [])]
      .filter(({ identity }) => identity.kind === 'sandbox')
      .map(({ identity, state: { id, status, pid } }) => ({
        id,
        attempt: identity.attempt,
        isRunning: status === 'running',
        pid,
      }))
      .sort((a, b) => Number(b.isRunning) - Number(a.isRunning) || b.attempt - a.attempt);
  }

  containers(podUid: string): ContainerView[] {
    return [...(this.#pods.get(podUid)?.values() ?? [])]
      .flatMap((entry) => (entry.identity.kind === 'container' ? [viewOf(entry, entry.identity.container)] : []))
      .sort((a, b) => b.attempt - a.attempt);
  }

  /** Brings one container up to date; for who just changed it. */
  async refresh(id: string, signal?: AbortSignal): Promise<void> {
    const podUid = await this.#inspect(id, signal);
    if (podUid !== undefined) this.#tell(podUid);
  }

  /** Removes a container so that its end is no news. One that could not be removed is known again. */
  async removing(id: string, remove: () => Promise<void>): Promise<void> {
    this.#removedByUs.add(id);
    this.#drop(id);
    try {
      await remove();
    } catch (error) {
      this.#removedByUs.delete(id);
      this.#inspections.add(id);
      throw error;
    }
  }

  forgetPod(podUid: string): void {
    for (const id of this.#pods.get(podUid)?.keys() ?? []) {
      this.#podOf.delete(id);
      this.#removedByUs.delete(id);
    }
    this.#pods.delete(podUid);
  }

  #onEvent(event: RuntimeEvent): void {
    if (event.type === 'resync') return this.#load();
    if (event.type === 'create' || identityOf(event.labels) === undefined) return;
    if (event.type === 'destroy' && this.#removedByUs.delete(event.id)) return;
    if (event.exitCode !== undefined) this.#exitCodes.set(event.id, event.exitCode);
    this.#inspections.add(event.id);
  }

  /** A resync that comes while loading starts the loading over, as what was listed may be old. */
  #load(): void {
    const after = this.#loading ?? Promise.resolve();
    this.#loading = after.then(() => this.#loadUntilDone());
  }

  async #loadUntilDone(): Promise<void> {
    const { signal } = this.#stop;
    for (let failures = 0; !signal.aborted; ) {
      try {
        await this.#loadOnce(signal);
        return;
      } catch (err) {
        if (signal.aborted) return;
        failures++;
        this.#deps.log.warn({ err, failures }, 'cannot list containers');
        await sleep(backoffMs(failures, LOAD_BACKOFF), signal).catch(() => {});
      }
    }
  }

  async #loadOnce(signal: AbortSignal): Promise<void> {
    const listed = (await this.#deps.runtime.list(signal)).filter(({ labels }) => identityOf(labels) !== undefined);
    const present = new Set(listed.map(({ id }) => id));
    for (const id of this.#removedByUs) if (!present.has(id)) this.#removedByUs.delete(id);
    const known = new Set([...this.#podOf.keys(), ...present]);
    const ids = [...known];
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let id = ids.pop(); id !== undefined; id = ids.pop()) await this.#inspect(id, signal);
      }),
    );
    this.#isLoaded = true;
    for (const podUid of [...this.#pods.keys()]) this.#tell(podUid);
    this.#tell('');
  }

  async #inspect(id: string, signal?: AbortSignal): Promise<string | undefined> {
    if (this.#removedByUs.has(id)) return undefined;
    const state = await this.#deps.runtime.inspect(id, signal);
    if (this.#removedByUs.has(id)) return undefined;
    if (state === undefined) return this.#markGone(id);
    this.#exitCodes.delete(id);
    const identity = identityOf(state.labels);
    if (identity === undefined) return undefined;
    const known = this.#pods.get(identity.pod.uid)?.get(id);
    const hadEnded = known?.state.status === 'exited' && known.state.finishedAt === state.finishedAt;
    const endMessage = hadEnded ? known.endMessage : await this.#endMessage(identity, state);
    if (this.#removedByUs.has(id)) return undefined;
    this.#put(id, { identity, state, endMessage, isGone: false });
    return identity.pod.uid;
  }

  async #endMessage(
    identity: Identity,
    { id, status, exitCode = 0, labels }: ContainerState,
  ): Promise<string | undefined> {
    if (identity.kind === 'sandbox' || status !== 'exited') return undefined;
    return this.#deps.endMessage({ ...identity, id, exitCode, labels });
  }

  #put(id: string, entry: Entry): void {
    const { uid } = entry.identity.pod;
    const entries = this.#pods.get(uid) ?? new Map<string, Entry>();
    this.#pods.set(uid, entries.set(id, entry));
    this.#podOf.set(id, uid);
  }

  #drop(id: string): string | undefined {
    const podUid = this.#podOf.get(id);
    if (podUid === undefined) return undefined;
    this.#podOf.delete(id);
    const entries = this.#pods.get(podUid);
    entries?.delete(id);
    if (entries?.size === 0) this.#pods.delete(podUid);
    return podUid;
  }

  #markGone(id: string): string | undefined {
    const podUid = this.#podOf.get(id);
    const entry = this.#pods.get(podUid ?? '')?.get(id);
    const exitCode = this.#exitCodes.get(id) ?? 137;
    this.#exitCodes.delete(id);
    if (podUid === undefined || entry === undefined || entry.isGone) return undefined;
    if (entry.identity.kind === 'sandbox' || entry.state.status === 'created') return this.#drop(id);
    const finishedAt = entry.state.finishedAt ?? formatTime(new Date());
    const state: ContainerState =
      entry.state.status === 'exited'
        ? entry.state
        : { ...entry.state, status: 'exited', pid: 0, exitCode, finishedAt };
    this.#put(id, { ...entry, state, isGone: true });
    return podUid;
  }

  #tell(podUid: string): void {
    for (const listener of this.#listeners) listener(podUid);
  }
}

function viewOf({ state, endMessage, isGone }: Entry, name: string): ContainerView {
  const { id, labels, status, image, imageId, pid, startedAt, finishedAt, exitCode, error, logPath, cgroupPath } =
    state;
  return {
    id,
    name,
    attempt: Number.parseInt(labels[LABEL.attempt] ?? '0', 10) || 0,
    hash: labels[LABEL.hash] ?? '',
    sandboxId: labels[LABEL.sandboxId] ?? '',
    status,
    image,
    imageId,
    pid,
    startedAt,
    // One that never started has no end of its own: its creation stands for it.
    finishedAt: status === 'exited' ? (finishedAt ?? state.createdAt) : undefined,
    exitCode: status === 'exited' ? (exitCode ?? 0) : undefined,
    reason: status === 'exited' ? endReason(state) : undefined,
    message: endMessage ?? (status === 'exited' && error !== '' ? error : undefined),
    logPath,
    cgroupPath,
    isGone,
  };
}

function endReason({ oomKilled, error, startedAt, exitCode = 0 }: ContainerState): string {
  if (oomKilled) return 'OOMKilled';
  if (error !== undefined && error !== '' && startedAt === undefined) return 'StartError';
  return exitCode === 0 ? 'Completed' : 'Error';
}
