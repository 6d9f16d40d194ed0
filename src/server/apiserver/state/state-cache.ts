import { keyString, type ObjectKey, type ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Cache, CacheEvent } from '#client/cache.ts';
import type { Entry, ResourceEvent } from './entry.ts';
import type { Served, ServedResources } from './served.ts';

/** The server's own state as the `Cache` that controllers, scheduler and admission read. Never behind. */
export class StateCache implements Cache {
  readonly #served: ServedResources;
  readonly #loaded: Promise<void>;

  /** `loaded` resolves once the state has been read from the store. */
  constructor(served: ServedResources, loaded: Promise<void>) {
    this.#served = served;
    this.#loaded = loaded;
  }

  get<T extends ApiObject>(ref: ResourceRef<T>, key: ObjectKey): T | undefined {
    return this.#served.get(ref)?.get(key)?.object as T | undefined;
  }

  list<T extends ApiObject>(ref: ResourceRef<T>, { namespace }: { namespace?: string | undefined } = {}): readonly T[] {
    const served = this.#served.get(ref);
    if (served?.state === undefined) return [];
    const bucket = served.state.bucket(namespace);
    if (served.isStoredForm) return bucket.objects as readonly T[];
    return bucket.entries.map((entry) => served.show(entry).object as T);
  }

  ownedBy<T extends ApiObject>(ref: ResourceRef<T>, { metadata }: ApiObject): readonly T[] {
    const { uid, namespace } = metadata;
    const served = this.#served.get(ref);
    if (uid === undefined || served?.state === undefined) return [];
    const owned = served.state.ownedBy(uid);
    // An owner in another namespace is no owner.
    const valid = namespace === undefined ? owned : owned.filter((object) => object.metadata.namespace === namespace);
    return this.#shown(served, valid) as readonly T[];
  }

  onNode<T extends ApiObject>(ref: ResourceRef<T>, nodeName: string): readonly T[] {
    const served = this.#served.get(ref);
    if (served?.state === undefined) return [];
    return this.#shown(served, served.state.onNode(nodeName)) as readonly T[];
  }

  onChange<T extends ApiObject>(ref: ResourceRef<T>, listener: (event: CacheEvent<T>) => void): () => void {
    let stop: (() => void) | undefined;
    let stopped = false;
    const begin = () => {
      const served = this.#served.get(ref);
      if (stopped || served?.state === undefined) return;
      const show = (entry: Entry) => served.show(entry).object as T;
      stop = served.state.listen((events) => {
        for (const event of events) listener(toCacheEvent(event, show));
      });
      for (const entry of served.state.bucket().entries) listener({ type: 'ADDED', object: show(entry) });
    };
    if (this.#served.get(ref) === undefined) void this.#loaded.then(begin);
    else begin();
    return () => {
      stopped = true;
      stop?.();
    };
  }

  async synced(_refs: readonly ResourceRef[], signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    let onAbort: (() => void) | undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      await Promise.race([this.#loaded, aborted]);
    } finally {
      if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
    }
  }

  #shown(served: Served, objects: readonly ApiObject[]): readonly ApiObject[] {
    if (served.isStoredForm) return objects;
    return objects.flatMap(({ metadata }) => {
      const key = keyString({ namespace: metadata.namespace, name: metadata.name ?? '' });
      const entry = served.state?.get(key);
      return entry === undefined ? [] : [served.show(entry).object];
    });
  }
}

function toCacheEvent<T extends ApiObject>(
  { type, entry, previous }: ResourceEvent,
  show: (entry: Entry) => T,
): CacheEvent<T> {
  if (type === 'MODIFIED' && previous !== undefined) {
    return { type, object: show(entry), previous: show(previous) };
  }
  return { type: type === 'DELETED' ? 'DELETED' : 'ADDED', object: show(entry) };
}
