import { RuntimeError } from '#agent/runtime/container-runtime.ts';
import type { Pod } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import type { Logger } from '#base/logger.ts';
import { WorkQueue } from '#base/work-queue.ts';
import type { PodEvents } from '../pod-events.ts';
import { PodError } from '../pod-hook.ts';
import { podIdentity } from '../pod-names.ts';
import type { ProbeManager } from '../probes/probe-manager.ts';
import type { StatusManager } from '../status/status-manager.ts';
import { type Executors, execute, type PodAction } from './pod-actions.ts';
import { type PodPlan, planPod } from './pod-plan.ts';
import { type PodRecord, type PodTable, viewPod } from './pod-table.ts';
import { containersOf, isEnding, type PodView, runningSandbox } from './pod-view.ts';
import type { RuntimeMirror } from './runtime-mirror.ts';

export interface PodWorkersDeps {
  readonly table: PodTable;
  readonly mirror: RuntimeMirror;
  readonly status: StatusManager;
  readonly probes: ProbeManager;
  readonly events: PodEvents;
  readonly executors: (record: PodRecord) => Executors;
  /** Takes care of the network of a pod whose sandbox an earlier run of the agent made. */
  readonly adoptNetwork: (record: PodRecord) => void;
  /** Where probes reach the pod. */
  readonly addressOf: (record: PodRecord) => string;
  readonly log: Logger;
}

/** Enough for any pod; beyond it something is wrong and the pod is looked at again later. */
const MAX_ROUNDS = 100;

/**
 * One worker per pod: look, plan, act, and again until there is nothing to do. Woken by changes of the pod, of its containers
 * and of their health. When a pod is told to end, what its worker is doing is broken off.
 */
export class PodWorkers {
  readonly #deps: PodWorkersDeps;
  readonly #queue: WorkQueue;
  readonly #passes = new Map<string, AbortController>();

  constructor(deps: PodWorkersDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue({
      // A worker mostly waits; what is scarce is bounded where it is used.
      concurrency: 1000,
      backoff: { initialMs: 500, maxMs: 60_000 },
      process: (uid, signal) => this.#process(uid, signal),
      onError: (uid, error, failures) => this.#report(uid, error, failures),
    });
  }

  /** A pod that this node is to run, or a new version of it. */
  setPod(pod: Pod): void {
    const { uid } = podIdentity(pod);
    const before = this.#deps.table.get(uid)?.pod;
    const record = this.#deps.table.set(uid, pod);
    if (before !== undefined && endsSooner(before, pod)) this.#breakOff(uid);
    if (before === undefined || record.isDeleted || !isOnlyStatus(before, pod)) this.#queue.add(uid);
  }

  /** The API knows the pod no more. */
  removePod(uid: string): void {
    const record = this.#deps.table.get(uid);
    if (record === undefined) return;
    record.isDeleted = true;
    this.#breakOff(uid);
    this.#queue.add(uid);
  }

  wake(uid: string): void {
    if (this.#deps.table.get(uid) !== undefined) this.#queue.add(uid);
  }

  view(record: PodRecord): PodView {
    const { mirror } = this.#deps;
    const engine = { sandboxes: mirror.sandboxes(record.uid), containers: mirror.containers(record.uid) };
    return viewPod(record, engine, Date.now());
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
  }

  #breakOff(uid: string): void {
    this.#passes.get(uid)?.abort(new Error('The pod is to end'));
  }

  async #process(uid: string, signal: AbortSignal): Promise<number | undefined> {
    const { table, mirror } = this.#deps;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const record = table.get(uid);
      if (record === undefined || !mirror.isLoaded || signal.aborted) return undefined;
      const pass = new AbortController();
      this.#passes.set(uid, pass);
      try {
        const plan = await this.#round(record, AbortSignal.any([signal, pass.signal]));
        if (plan.actions.length === 0) {
          return plan.wakeAtMs === undefined ? undefined : Math.max(1, plan.wakeAtMs - Date.now());
        }
      } catch (error) {
        if (!pass.signal.aborted || signal.aborted) throw error;
      } finally {
        this.#passes.delete(uid);
      }
    }
    return 1000;
  }

  async #round(record: PodRecord, signal: AbortSignal): Promise<PodPlan> {
    const { status, executors, log } = this.#deps;
    this.#adopt(record);
    const view = this.view(record);
    if (isEnding(view)) record.endingSinceMs ??= Date.now();
    const plan = planPod(view, Date.now());
    this.#note(record, plan);
    status.touch(record.uid);
    if (plan.actions.length === 0) return plan;
    log.debug({ podUid: record.uid, actions: plan.actions.map(({ type }) => type) }, 'acting');
    await perform(plan.actions, executors(record), signal);
    status.touch(record.uid);
    return plan;
  }

  /** Takes over what an earlier run of the agent left, and lets go of what has ended. */
  #adopt(record: PodRecord): void {
    const { mirror, probes, adoptNetwork, addressOf } = this.#deps;
    const containers = mirror.containers(record.uid);
    for (const id of [...record.health.keys()]) {
      if (containers.some((container) => container.id === id && container.status === 'running')) continue;
      probes.forget(id);
      record.health.delete(id);
    }
    if (record.isDeleted) return;
    const sandbox = runningSandbox({ sandboxes: mirror.sandboxes(record.uid) });
    const isHost = record.pod.spec.hostNetwork === true;
    if (sandbox !== undefined && record.ip === undefined && !isHost && !isEnding(this.view(record)))
      adoptNetwork(record);
    for (const view of containers) {
      if (view.status !== 'running' || record.health.has(view.id)) continue;
      const place = containersOf(record.pod).find(({ container }) => container.name === view.name);
      if (place !== undefined)
        probes.adopt(record, view, { container: place.container, id: view.id, ip: addressOf(record) });
    }
  }

  /** Tells about containers that have just begun to wait. */
  #note(record: PodRecord, { waiting }: PodPlan): void {
    const { events } = this.#deps;
    for (const [name, { reason, message = '' }] of waiting) {
      const before = record.waiting.get(name);
      if (before?.reason === reason && before.message === message) continue;
      if (reason === 'CrashLoopBackOff') {
        const { name: pod, namespace, uid } = podIdentity(record.pod);
        const text = `Back-off restarting failed container ${name} in pod ${pod}_${namespace}(${uid})`;
        events.container(record.pod, name, { type: 'Warning', reason: 'BackOff', message: text });
      } else if (reason === 'ImagePullBackOff') {
        events.container(record.pod, name, { type: 'Normal', reason: 'BackOff', message });
        events.container(record.pod, name, { type: 'Warning', reason: 'Failed', message: 'Error: ImagePullBackOff' });
      }
    }
    record.waiting = waiting;
  }

  #report(uid: string, error: unknown, failures: number): void {
    const { events, table, log } = this.#deps;
    const record = table.get(uid);
    if (error instanceof PodError && record !== undefined)
      events.pod(record.pod, 'Warning', error.reason, error.message);
    const isDown = error instanceof RuntimeError && error.code === 'unavailable';
    log[isDown || error instanceof PodError ? 'debug' : 'warn'](
      { err: error, podUid: uid, failures },
      'pod worker failed',
    );
  }
}

/** In order; containers that are killed are killed together. */
async function perform(actions: readonly PodAction[], executors: Executors, signal: AbortSignal): Promise<void> {
  for (let i = 0; i < actions.length; ) {
    signal.throwIfAborted();
    const kills = actions.slice(i).findIndex(({ type }) => type !== 'killContainer');
    const count = Math.max(1, kills < 0 ? actions.length - i : kills);
    await together(actions.slice(i, i + count).map((action) => execute(action, executors, signal)));
    i += count;
  }
}

/** Waits for all, so that none goes on behind the pod's back; then fails with the first failure. */
async function together(tasks: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(tasks);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

function endsSooner(before: Pod, after: Pod): boolean {
  const grace = ({ metadata }: Pod) =>
    metadata.deletionTimestamp === undefined ? Number.POSITIVE_INFINITY : (metadata.deletionGracePeriodSeconds ?? 0);
  return grace(after) < grace(before);
}

/** Our own reports come back as changes; they change no plan, except where a gate of readiness is turned by others. */
function isOnlyStatus(before: Pod, after: Pod): boolean {
  const { phase } = before.status ?? {};
  return (
    phase === after.status?.phase &&
    deepEqual(before.spec, after.spec) &&
    deepEqual(before.status?.conditions, after.status?.conditions) &&
    deepEqual(before.metadata.labels, after.metadata.labels) &&
    deepEqual(before.metadata.annotations, after.metadata.annotations) &&
    before.metadata.deletionTimestamp === after.metadata.deletionTimestamp &&
    before.metadata.deletionGracePeriodSeconds === after.metadata.deletionGracePeriodSeconds
  );
}
