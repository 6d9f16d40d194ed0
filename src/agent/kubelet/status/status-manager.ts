import { type Pod, type PodStatus, pods } from '#api/core/v1.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Logger } from '#base/logger.ts';
import { WorkQueue } from '#base/work-queue.ts';
import type { Client } from '#client/client.ts';
import type { PodRecord, PodTable } from '../pods/pod-table.ts';
import type { PodView } from '../pods/pod-view.ts';
import { hasChanged, podStatus } from './pod-status.ts';

export interface StatusManagerDeps {
  readonly client: Client;
  readonly table: PodTable;
  readonly view: (record: PodRecord) => PodView;
  readonly nodeIps: () => readonly string[];
  readonly log: Logger;
  readonly now?: () => number;
}

/** Changes that nobody waits for are gathered for this long. */
const GATHER_MS = 100;
const MAX_CONFLICTS = 5;

/** Tells the API what becomes of pods: only changes, several at once, and never over somebody else's newer word. */
export class StatusManager {
  readonly #deps: StatusManagerDeps;
  readonly #now: () => number;
  /** The API's answers to our writes, which the cache may not have yet. */
  readonly #written = new Map<string, Pod>();
  readonly #queue: WorkQueue;

  constructor(deps: StatusManagerDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    this.#queue = new WorkQueue({
      concurrency: 16,
      backoff: { initialMs: 200, maxMs: 30_000 },
      process: async (uid, signal) => {
        await this.flush(uid, signal);
        return undefined;
      },
      onError: (podUid, err) => deps.log.debug({ err, podUid }, 'cannot report status'),
    });
  }

  /** Something about the pod may have changed. What makes it ready, unready or over is sent at once. */
  touch(podUid: string): void {
    const record = this.#deps.table.get(podUid);
    if (record === undefined || record.isDeleted || record.isFinished) return;
    const old = this.#base(record).status;
    const next = this.#compute(record);
    if (!hasChanged(old, next)) return;
    if (isUrgent(old, next)) this.#queue.add(podUid);
    else this.#queue.addAfter(podUid, GATHER_MS);
  }

  /** Sends what there is to send. Rejects when the API did not take it. */
  async flush(podUid: string, signal: AbortSignal): Promise<void> {
    for (let conflicts = 0; ; conflicts++) {
      const record = this.#deps.table.get(podUid);
      if (record === undefined || record.isDeleted) {
        this.#written.delete(podUid);
        return;
      }
      const base = this.#base(record);
      const status = this.#compute(record);
      if (!hasChanged(base.status, status)) return;
      try {
        this.#written.set(podUid, await this.#deps.client.updateStatus(pods, { ...base, status }, { signal }));
        return;
      } catch (error) {
        if (isNotFound(error)) return;
        if (!isConflict(error) || conflicts >= MAX_CONFLICTS) throw error;
        if (!(await this.#reload(podUid, base, signal))) return;
      }
    }
  }

  /** The status as it is now, whether or not the API knows. */
  current(record: PodRecord): PodStatus {
    return this.#compute(record);
  }

  forget(podUid: string): void {
    this.#written.delete(podUid);
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
  }

  #compute(record: PodRecord): PodStatus {
    const view = this.#deps.view(record);
    return podStatus({ ...view, pod: this.#base(record) }, { nodeIps: this.#deps.nodeIps(), now: this.#now() });
  }

  #base({ uid, pod }: PodRecord): Pod {
    const written = this.#written.get(uid);
    if (written === undefined) return pod;
    if (isNewer(pod, written)) {
      this.#written.delete(uid);
      return pod;
    }
    return written;
  }

  /** False when the pod has been replaced by another of its name. */
  async #reload(podUid: string, base: Pod, signal: AbortSignal): Promise<boolean> {
    try {
      const fresh = await this.#deps.client.get(pods, base.metadata, { signal });
      if (fresh.metadata.uid !== podUid) return false;
      this.#written.set(podUid, fresh);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }
}

/** Resource versions of one resource grow; as numbers they may be compared. */
function isNewer(a: Pod, b: Pod): boolean {
  const [left, right] = [a, b].map(({ metadata }) => metadata.resourceVersion ?? '');
  if (left === right) return true;
  return (
    BigInt(/^\d+$/.test(left ?? '') ? (left ?? '0') : '0') >= BigInt(/^\d+$/.test(right ?? '') ? (right ?? '0') : '0')
  );
}

function isUrgent(old: PodStatus | undefined, next: PodStatus): boolean {
  const readiness = (status: PodStatus | undefined) => status?.conditions?.find(({ type }) => type === 'Ready')?.status;
  return old?.phase !== next.phase || readiness(old) !== readiness(next);
}
