import type { Logger } from '#base/logger.ts';
import { WorkQueue } from '#base/work-queue.ts';
import type { PodRecord, PodTable } from './pod-table.ts';

export interface NetworkAdoptionDeps {
  readonly table: PodTable;
  /** Resolves once pods can be given an address. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  /** Attaches the pod again, which changes nothing for it but lets the network know of it. */
  readonly attach: (record: PodRecord) => Promise<void>;
  readonly onAdopted: (podUid: string) => void;
  readonly log: Logger;
}

/**
 * Tells the network about running pods of an earlier run of the agent. Their containers need nothing of it, so nobody waits:
 * until it is done, the address is the one the API was told.
 */
export class NetworkAdoption {
  readonly #asked = new Set<string>();
  readonly #queue: WorkQueue;

  constructor({ table, ready, attach, onAdopted, log }: NetworkAdoptionDeps) {
    this.#queue = new WorkQueue({
      concurrency: 8,
      backoff: { initialMs: 500, maxMs: 60_000 },
      process: async (uid, signal) => {
        await ready(signal);
        const record = table.get(uid);
        if (record !== undefined && !record.isDeleted && record.hasNetwork) {
          await attach(record);
          onAdopted(uid);
        }
        return undefined;
      },
      onError: (podUid, err, failures) => log.warn({ err, podUid, failures }, 'cannot attach a running pod again'),
    });
  }

  /** Once per pod. */
  adopt(record: PodRecord): void {
    if (this.#asked.has(record.uid)) return;
    this.#asked.add(record.uid);
    record.ip = record.pod.status?.podIP;
    this.#queue.add(record.uid);
  }

  forget(podUid: string): void {
    this.#asked.delete(podUid);
  }

  stop(): Promise<void> {
    return this.#queue.stop();
  }
}
