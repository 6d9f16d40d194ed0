import { keyOf, keyString, type ObjectKey, type ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Logger } from '#base/logger.ts';
import type { KeyValue, KvStore, StoreEvent, Write, WriteResult } from '#kvstore/kvstore.ts';
import { encodeStored, withRevision } from './encoding.ts';
import { atRevision, type Entry, makeEntry, type ResourceEvent } from './entry.ts';
import { ResourceState } from './resource-state.ts';

/** Every key of the API lies below it. */
export const ROOT = '/registry/';
const PAGE_SIZE = 500;

type ResourceId = Pick<ResourceRef, 'group' | 'plural'>;

/** Where objects of a resource lie in the store: `/registry/apps/deployments/`, `/registry/core/pods/`. */
export function storePrefix({ group, plural }: ResourceId): string {
  return `${ROOT}${group === '' ? 'core' : group}/${plural}/`;
}

export interface CommitOptions {
  /** Revision the key must be at; 0: absent. */
  readonly expectRevision: number;
  readonly ttlSeconds?: number | undefined;
}

/** What came of a commit: the new entry, or the one in the way (undefined when there is none any more). */
export type CommitResult =
  | { readonly ok: true; readonly entry: Entry }
  | { readonly ok: false; readonly current: Entry | undefined };

/**
 * The whole cluster in memory, kept equal to the store by its ordered events. All writes of the API go through it.
 * Reads never wait; a write has been applied here before its promise resolves.
 */
export class ClusterState {
  readonly #store: KvStore;
  readonly #log: Logger;
  readonly #resources = new Map<string, ResourceState>();
  /** Resources being added while serving: their events wait for the load. */
  readonly #loading = new Map<string, StoreEvent[]>();
  /** What the bytes of a write say, so that its event need not be parsed. */
  readonly #written = new WeakMap<Buffer, ApiObject>();
  readonly #revisionWaiters = new Set<() => void>();
  readonly #revisionListeners = new Set<() => void>();
  #revision = 0;
  #writeError: string | undefined;
  #unwatch: (() => void) | undefined;

  constructor({ store, log }: { store: KvStore; log: Logger }) {
    this.#store = store;
    this.#log = log;
  }

  /** Revision of the newest event applied. */
  get revision(): number {
    return this.#revision;
  }

  /** Why the store refused the latest write; undefined as long as it takes them. */
  get writeError(): string | undefined {
    return this.#writeError;
  }

  get resources(): Iterable<ResourceState> {
    return this.#resources.values();
  }

  /** Loads the resources as they are in the store and follows it from there on. */
  async start(resources: readonly ResourceId[], signal: AbortSignal): Promise<void> {
    const first = await this.#store.range({ prefix: ROOT, limit: PAGE_SIZE });
    const { revision } = first;
    for (const id of resources) {
      const prefix = storePrefix(id);
      this.#resources.set(prefix, new ResourceState(prefix, revision));
    }
    for (let page = first; ; ) {
      signal.throwIfAborted();
      for (const { key, value, modRevision } of page.items) this.#load(key, value, modRevision);
      const last = page.items.at(-1);
      if (page.remaining === 0 || last === undefined) break;
      page = await this.#store.range({ prefix: ROOT, start: `${last.key}\0`, limit: PAGE_SIZE, revision });
    }
    this.#revision = revision;
    this.#unwatch = await this.#store.watch({ prefix: ROOT, afterRevision: revision }, (events) => this.#apply(events));
  }

  stop(): void {
    this.#unwatch?.();
    this.#unwatch = undefined;
  }

  /** The state of a resource; undefined for one that is not served. */
  resource(id: ResourceId): ResourceState | undefined {
    return this.#resources.get(storePrefix(id));
  }

  /** Begins to hold a further resource, with what the store has of it. Safe while serving; does nothing if it is held already. */
  async addResource(id: ResourceId): Promise<void> {
    const prefix = storePrefix(id);
    if (this.#resources.has(prefix) || this.#loading.has(prefix)) return;
    const waiting: StoreEvent[] = [];
    this.#loading.set(prefix, waiting);
    try {
      const { items, revision } = await this.#store.range({ prefix });
      const state = new ResourceState(prefix, revision);
      for (const { key, value, modRevision } of items) {
        state.load(makeEntry({ key: key.slice(prefix.length), value, revision: modRevision }));
      }
      for (const event of waiting) if (event.current.modRevision > revision) applyTo(state, event);
      this.#resources.set(prefix, state);
    } finally {
      this.#loading.delete(prefix);
    }
  }

  /** Stops to hold a resource. Its data stay in the store. */
  removeResource(id: ResourceId): void {
    this.#resources.delete(storePrefix(id));
  }

  /** Writes an object, which becomes frozen and part of the state. Rejects with `StoreError` when the disk does not take it. */
  async commit(
    id: ResourceId,
    object: ApiObject,
    { expectRevision, ttlSeconds }: CommitOptions,
  ): Promise<CommitResult> {
    const value = encodeStored(object);
    this.#written.set(value, object);
    const key = keyString(keyOf(object));
    const expect = { modRevision: expectRevision };
    const result = await this.#write({
      type: 'put',
      key: storePrefix(id) + key,
      value,
      expect,
      ...(ttlSeconds !== undefined && { ttlSeconds }),
    });
    if (!result.ok) return refused(key, result.current);
    const { revision } = result;
    const held = this.resource(id)?.get(key);
    if (held?.revision === revision) return { ok: true, entry: held };
    // Overwritten or removed again already; if its event was applied, the object is complete.
    if (Object.isFrozen(object)) {
      return { ok: true, entry: { key, revision, object, bytes: withRevision(value, revision) } };
    }
    return { ok: true, entry: makeEntry({ key, value, revision, object }) };
  }

  /** Removes an object. The entry in the answer is its last state. */
  async remove(id: ResourceId, key: ObjectKey, expectRevision: number): Promise<CommitResult> {
    const name = keyString(key);
    const previous = this.resource(id)?.get(name);
    const expect = { modRevision: expectRevision };
    const result = await this.#write({ type: 'delete', key: storePrefix(id) + name, expect });
    if (!result.ok) return refused(name, result.current);
    if (result.previous === undefined) return { ok: false, current: undefined };
    const { value } = result.previous;
    if (previous?.revision === expectRevision) {
      return { ok: true, entry: atRevision(previous, value, result.revision) };
    }
    return { ok: true, entry: makeEntry({ key: name, value, revision: result.revision }) };
  }

  /** Resolves to whether the state reached the revision in time. */
  waitFor(revision: number, { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal }): Promise<boolean> {
    if (this.#revision >= revision) return Promise.resolve(true);
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        this.#revisionWaiters.delete(check);
        resolve(this.#revision >= revision);
      };
      const check = () => {
        if (this.#revision >= revision) finish();
      };
      const timer = setTimeout(finish, timeoutMs);
      signal.addEventListener('abort', finish, { once: true });
      this.#revisionWaiters.add(check);
    });
  }

  /** Runs after every batch of changes. */
  onRevision(listener: () => void): void {
    this.#revisionListeners.add(listener);
  }

  /** Older states and events straight from the store. */
  get history(): Pick<KvStore, 'range' | 'watch' | 'compactedRevision'> {
    return this.#store;
  }

  async #write(write: Write): Promise<WriteResult> {
    try {
      const result = await this.#store.write(write);
      this.#writeError = undefined;
      return result;
    } catch (error) {
      this.#writeError = (error as Error).message;
      throw error;
    }
  }

  #load(storeKey: string, value: Buffer, revision: number): void {
    const state = this.#resources.get(prefixOf(storeKey));
    if (state === undefined) return;
    state.load(makeEntry({ key: storeKey.slice(state.prefix.length), value, revision }));
  }

  #apply(events: readonly StoreEvent[]): void {
    const changed = new Map<ResourceState, ResourceEvent[]>();
    for (const event of events) {
      const prefix = prefixOf(event.current.key);
      this.#loading.get(prefix)?.push(event);
      const state = this.#resources.get(prefix);
      if (state === undefined) continue;
      const applied = this.#applyOne(state, event);
      if (applied === undefined) continue;
      const list = changed.get(state);
      if (list === undefined) changed.set(state, [applied]);
      else list.push(applied);
    }
    this.#revision = Math.max(this.#revision, events.at(-1)?.current.modRevision ?? 0);
    for (const [state, list] of changed) state.notify(list);
    for (const check of [...this.#revisionWaiters]) check();
    for (const listener of this.#revisionListeners) listener();
  }

  #applyOne(state: ResourceState, event: StoreEvent): ResourceEvent | undefined {
    try {
      return applyTo(state, event, this.#written.get(event.current.value));
    } catch (err) {
      // A value that is no JSON must not keep the others from being seen.
      this.#log.error({ err, key: event.current.key }, 'unreadable value in store');
      return undefined;
    }
  }
}

function refused(key: string, current: KeyValue | undefined): CommitResult {
  if (current === undefined) return { ok: false, current: undefined };
  return { ok: false, current: makeEntry({ key, value: current.value, revision: current.modRevision }) };
}

/** `/registry/group/plural/` of a store key. */
function prefixOf(storeKey: string): string {
  const group = storeKey.indexOf('/', ROOT.length);
  const plural = storeKey.indexOf('/', group + 1);
  return storeKey.slice(0, plural + 1);
}

function applyTo(state: ResourceState, event: StoreEvent, object?: ApiObject): ResourceEvent | undefined {
  const { key: storeKey, value, modRevision: revision } = event.current;
  const key = storeKey.slice(state.prefix.length);
  const previous = state.get(key);
  let resourceEvent: ResourceEvent;
  if (event.type === 'delete') {
    if (previous === undefined) return undefined;
    resourceEvent = { type: 'DELETED', revision, previous, entry: atRevision(previous, value, revision) };
  } else {
    const entry = makeEntry({ key, value, revision, object });
    resourceEvent = { type: previous === undefined ? 'ADDED' : 'MODIFIED', revision, previous, entry };
  }
  state.apply(resourceEvent);
  return resourceEvent;
}
