import { isExpired, StatusError } from '#api/meta/errors.ts';
import { groupResource, keyString, type ObjectKey, type ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { backoffMs, sleep } from '#base/backoff.ts';
import type { Component } from '#base/component.ts';
import type { Logger } from '#base/logger.ts';
import type { Cache, CacheEvent } from './cache.ts';
import type { Client } from './client.ts';
import { ObjectIndex } from './object-index.ts';

/** What to hold of one kind. */
export interface InformerSpec {
  readonly ref: ResourceRef;
  readonly fieldSelector?: string;
  readonly labelSelector?: string;
  /** Only objects named by `InformerCache.want`, each watched by itself: for kinds a node may not list. */
  readonly byName?: boolean;
}

export interface InformerCacheOptions {
  readonly client: Client;
  readonly informers: readonly InformerSpec[];
  readonly log: Logger;
}

/** A `Cache` filled through the API by list and watch. It keeps what it knows while the server is away. */
export class InformerCache implements Cache, Component {
  readonly name = 'informers';
  readonly #client: Client;
  readonly #log: Logger;
  readonly #kinds: ReadonlyMap<string, { spec: InformerSpec; index: ObjectIndex }>;
  readonly #synced = new Map<string, PromiseWithResolvers<void>>();
  readonly #single = new Map<string, AbortController>();
  readonly #running = new Set<Promise<void>>();
  readonly #abort = new AbortController();

  constructor({ client, informers, log }: InformerCacheOptions) {
    this.#client = client;
    this.#log = log;
    this.#kinds = new Map(informers.map((spec) => [groupResource(spec.ref), { spec, index: new ObjectIndex() }]));
    for (const id of this.#kinds.keys()) this.#synced.set(id, Promise.withResolvers());
  }

  /** Starts filling; use `synced` to wait for it, so that a node can start while its server is away. */
  async start(): Promise<void> {
    for (const [id, { spec, index }] of this.#kinds) {
      if (spec.byName === true) this.#synced.get(id)?.resolve();
      else
        this.#spawn(
          this.#follow(
            { spec, index, namespace: undefined, onSynced: () => this.#synced.get(id)?.resolve() },
            this.#abort.signal,
          ),
        );
    }
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    for (const controller of this.#single.values()) controller.abort();
    await Promise.all(this.#running);
  }

  get<T extends ApiObject>(ref: ResourceRef<T>, key: ObjectKey): T | undefined {
    return this.#index(ref).get(key) as T | undefined;
  }

  list<T extends ApiObject>(ref: ResourceRef<T>, { namespace }: { namespace?: string | undefined } = {}): readonly T[] {
    return this.#index(ref).list(namespace) as T[];
  }

  ownedBy<T extends ApiObject>(ref: ResourceRef<T>, owner: ApiObject): readonly T[] {
    return this.#index(ref).ownedBy(owner.metadata.uid ?? '') as T[];
  }

  onNode<T extends ApiObject>(ref: ResourceRef<T>, nodeName: string): readonly T[] {
    return this.#index(ref).onNode(nodeName) as T[];
  }

  onChange<T extends ApiObject>(ref: ResourceRef<T>, listener: (event: CacheEvent<T>) => void): () => void {
    return this.#index(ref).onChange(listener as (event: CacheEvent) => void);
  }

  async synced(refs: readonly ResourceRef[], signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([
        aborted.promise,
        Promise.all(refs.map((ref) => this.#synced.get(groupResource(ref))?.promise)),
      ]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** The complete set of objects to hold of a `byName` kind; others are forgotten. */
  want(ref: ResourceRef, keys: readonly ObjectKey[]): void {
    const kind = groupResource(ref);
    const { spec, index } = this.#require(ref);
    const wanted = new Map(keys.map((key) => [`${kind}/${keyString(key)}`, key]));
    for (const [id, controller] of this.#single) {
      if (!id.startsWith(`${kind}/`) || wanted.has(id)) continue;
      controller.abort();
      this.#single.delete(id);
      index.remove(id.slice(kind.length + 1));
    }
    for (const [id, { namespace, name }] of wanted) {
      if (this.#single.has(id) || this.#abort.signal.aborted) continue;
      const controller = new AbortController();
      this.#single.set(id, controller);
      const one = { ...spec, fieldSelector: `metadata.name=${name}` };
      this.#spawn(
        this.#follow({ spec: one, index, namespace, only: keyString({ namespace, name }) }, controller.signal),
      );
    }
  }

  #spawn(work: Promise<void>): void {
    this.#running.add(work);
    void work.finally(() => this.#running.delete(work));
  }

  /** List, then watch from there, for ever. A broken watch resumes where it was; a revision too old starts over. */
  async #follow(feed: Feed, signal: AbortSignal): Promise<void> {
    let failures = 0;
    let resourceVersion: string | undefined;
    while (!signal.aborted) {
      try {
        if (resourceVersion === undefined) {
          resourceVersion = await this.#fill(feed, signal);
          feed.onSynced?.();
          failures = 0;
        }
        for await (const { type, object } of this.#client.watch(feed.spec.ref, {
          ...selectors(feed),
          resourceVersion,
          allowWatchBookmarks: true,
          signal,
        })) {
          if (signal.aborted) return;
          failures = 0;
          resourceVersion = object.metadata.resourceVersion ?? resourceVersion;
          if (type === 'DELETED') feed.index.remove(keyString(object.metadata));
          else if (type !== 'BOOKMARK') feed.index.put(object);
        }
      } catch (error) {
        if (signal.aborted) return;
        if (isExpired(error)) resourceVersion = undefined;
        failures++;
        this.#report(feed, error, failures);
      }
      // A watch that ends at once, time after time, must not become a busy loop.
      const delay = Math.max(100, backoffMs(failures, { initialMs: 200, maxMs: 10_000 }));
      await sleep(delay, signal).catch(() => {});
    }
  }

  async #fill(feed: Feed, signal: AbortSignal): Promise<string> {
    const list = await this.#client.list(feed.spec.ref, { ...selectors(feed), signal });
    // An answer that came in spite of the end: what is held is no longer this feed's business.
    signal.throwIfAborted();
    const present = new Set(list.items.map((object) => keyString(object.metadata)));
    const held = feed.only === undefined ? feed.index.keys() : [feed.only];
    for (const key of held) if (!present.has(key)) feed.index.remove(key);
    for (const object of list.items) feed.index.put(object);
    return list.metadata.resourceVersion ?? '0';
  }

  #report({ spec }: Feed, error: unknown, failures: number): void {
    const resource = groupResource(spec.ref);
    if (failures === 1 && error instanceof StatusError && error.code !== 503)
      this.#log.warn({ resource, err: error }, 'watch failed');
    else this.#log.debug({ resource, err: error, failures }, 'watch failed');
  }

  #index(ref: ResourceRef): ObjectIndex {
    return this.#require(ref).index;
  }

  #require(ref: ResourceRef): { spec: InformerSpec; index: ObjectIndex } {
    const kind = this.#kinds.get(groupResource(ref));
    if (kind === undefined) throw new Error(`This cache does not hold ${groupResource(ref)}`);
    return kind;
  }
}

interface Feed {
  readonly spec: InformerSpec;
  readonly index: ObjectIndex;
  readonly namespace: string | undefined;
  /** The one object this feed is for. */
  readonly only?: string;
  readonly onSynced?: () => void;
}

function selectors({ spec: { fieldSelector, labelSelector }, namespace }: Feed) {
  return {
    namespace,
    ...(fieldSelector !== undefined && { fieldSelector }),
    ...(labelSelector !== undefined && { labelSelector }),
  };
}
