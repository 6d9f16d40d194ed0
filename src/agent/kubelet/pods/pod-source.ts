import type { PodNetwork } from '#agent/network/pod-network.ts';
import { type ConfigMap, configMaps, type Pod, pods, type Secret, secrets } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import type { ObjectKey, ResourceRef } from '#api/meta/resource-ref.ts';
import type { Logger } from '#base/logger.ts';
import { WorkQueue } from '#base/work-queue.ts';
import type { Cache, CacheEvent } from '#client/cache.ts';
import type { PodHook } from '../pod-hook.ts';
import { podIdentity } from '../pod-names.ts';
import type { VolumeManager } from '../volumes/volume-manager.ts';
import { podFromLabels } from './orphan.ts';
import type { PodTable } from './pod-table.ts';
import type { PodWorkers } from './pod-workers.ts';
import { type ReferencedKind, ReferenceIndex } from './reference-index.ts';
import type { RuntimeMirror } from './runtime-mirror.ts';

export interface PodSourceDeps {
  readonly cache: Cache;
  readonly nodeName: string;
  readonly table: PodTable;
  readonly mirror: RuntimeMirror;
  readonly workers: PodWorkers;
  readonly volumes: VolumeManager;
  readonly network: Pick<PodNetwork, 'attached' | 'detach'>;
  readonly hooks: readonly PodHook[];
  readonly want: ((ref: ResourceRef, keys: readonly ObjectKey[]) => void) | undefined;
  readonly log: Logger;
}

/** Hands pods of the API to their workers, wakes them by what concerns them, and ends what the API knows no more. */
export class PodSource {
  readonly #deps: PodSourceDeps;
  readonly #references = new ReferenceIndex();
  readonly #refreshes: WorkQueue;
  readonly #subscriptions: (() => void)[] = [];
  #isStarted = false;
  #isSwept = false;
  #isWanting = false;

  constructor(deps: PodSourceDeps) {
    this.#deps = deps;
    this.#refreshes = new WorkQueue({
      concurrency: 8,
      backoff: { initialMs: 1000, maxMs: 60_000 },
      process: async (uid, signal) => {
        const record = deps.table.get(uid);
        if (record !== undefined && !record.isDeleted) await deps.volumes.refresh(record.pod, signal);
        return undefined;
      },
      onError: (podUid, err) => deps.log.debug({ err, podUid }, 'cannot refresh volumes'),
    });
  }

  /** The cache must be complete: pods that are not in it are ended. */
  start(): void {
    const { cache, mirror } = this.#deps;
    this.#subscriptions.push(
      cache.onChange(pods, (event) => this.#onPod(event)),
      cache.onChange(configMaps, (event) => this.#onObject('configMaps', event)),
      cache.onChange(secrets, (event) => this.#onObject('secrets', event)),
      mirror.onChange((podUid) => this.#onContainers(podUid)),
    );
    this.#isStarted = true;
    if (mirror.isLoaded) this.#onContainers('');
  }

  async stop(): Promise<void> {
    for (const unsubscribe of this.#subscriptions.splice(0)) unsubscribe();
    await this.#refreshes.stop();
  }

  /** Brings the pod's live volumes up to date. */
  refresh(podUid: string): void {
    this.#refreshes.add(podUid);
  }

  forget(podUid: string): void {
    this.#references.delete(podUid);
    this.#wantLater();
  }

  #onPod(event: CacheEvent<Pod>): void {
    const { object } = event;
    if (object.spec.nodeName !== this.#deps.nodeName) return;
    const { uid } = podIdentity(object);
    if (event.type === 'DELETED') return this.#deps.workers.removePod(uid);
    if (event.type === 'ADDED' || !deepEqual(event.previous.spec, object.spec)) {
      this.#references.set(uid, object);
      this.#wantLater();
    }
    this.#deps.workers.setPod(object);
    if (event.type === 'MODIFIED' && !hasSameMaps(event.previous, object)) this.refresh(uid);
  }

  #onObject(kind: ReferencedKind, event: CacheEvent<ConfigMap | Secret>): void {
    for (const uid of this.#references.users(kind, event.object.metadata)) {
      const record = this.#deps.table.get(uid);
      for (const [name, { reason }] of record?.failures ?? []) {
        // What was missing may be there now.
        if (reason === 'CreateContainerConfigError') record?.failures.delete(name);
      }
      this.refresh(uid);
      this.#deps.workers.wake(uid);
    }
  }

  /** An empty UID stands for all: the engine's containers have been listed anew. */
  #onContainers(podUid: string): void {
    const { table, workers, mirror } = this.#deps;
    if (podUid !== '') {
      if (table.get(podUid) === undefined) this.#adoptOrphans();
      return workers.wake(podUid);
    }
    this.#adoptOrphans();
    for (const { uid } of table.list()) workers.wake(uid);
    if (mirror.isLoaded && !this.#isSwept) {
      this.#isSwept = true;
      void this.#sweep().catch((err: unknown) => this.#deps.log.warn({ err }, 'cannot clean up after old pods'));
    }
  }

  /** Containers of pods that the API does not know: their pods were deleted while the agent was away. */
  #adoptOrphans(): void {
    const { table, mirror, workers, log } = this.#deps;
    if (!this.#isStarted || !mirror.isLoaded) return;
    for (const identity of mirror.pods()) {
      if (table.get(identity.uid) !== undefined) continue;
      log.info({ podUid: identity.uid, name: identity.name }, 'ending a pod that is gone from the API');
      table.set(identity.uid, podFromLabels(identity, mirror.labels(identity.uid)));
      workers.removePod(identity.uid);
    }
  }

  /** Addresses and folders of pods that have neither containers nor an object. */
  async #sweep(): Promise<void> {
    const { table, volumes, network, hooks, log } = this.#deps;
    const left = new Set([...(await volumes.leftovers()), ...(await network.attached())]);
    for (const uid of left) {
      if (table.get(uid) !== undefined) continue;
      log.info({ podUid: uid }, 'cleaning up after a pod');
      for (const hook of hooks) await hook.release?.(uid);
      await volumes.removePodDir(uid);
      await network.detach(uid);
    }
  }

  /** Once per turn, however many pods have come. */
  #wantLater(): void {
    const { want } = this.#deps;
    if (want === undefined || this.#isWanting) return;
    this.#isWanting = true;
    setImmediate(() => {
      this.#isWanting = false;
      want(configMaps, this.#references.keys('configMaps'));
      want(secrets, this.#references.keys('secrets'));
    });
  }
}

function hasSameMaps(a: Pod, b: Pod): boolean {
  return deepEqual(a.metadata.labels, b.metadata.labels) && deepEqual(a.metadata.annotations, b.metadata.annotations);
}
