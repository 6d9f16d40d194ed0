import { deepClone, deepFreeze } from '#api/meta/clone.ts';
import { groupResource, keyString, type ObjectKey, type ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Cache, CacheEvent } from '#client/cache.ts';
import { ObjectIndex } from '#client/object-index.ts';

/** A cache a test fills by hand; every `put` is a new version of the object. */
export class MemoryCache implements Cache {
  readonly #kinds = new Map<string, ObjectIndex>();
  #revision = 0;

  /** Stores a copy, with a uid and a resource version, and returns it. */
  put<T extends ApiObject>(ref: ResourceRef<T>, object: T): T {
    const copy = deepClone(object);
    const { namespace, name } = copy.metadata;
    copy.metadata.uid ??= `uid-${ref.plural}-${keyString({ namespace, name: name ?? '' })}`;
    copy.metadata.resourceVersion = String(++this.#revision);
    this.#kind(ref).put(deepFreeze(copy));
    return copy;
  }

  remove(ref: ResourceRef, key: ObjectKey): void {
    this.#kind(ref).remove(keyString(key));
  }

  get<T extends ApiObject>(ref: ResourceRef<T>, key: ObjectKey): T | undefined {
    return this.#kind(ref).get(key) as T | undefined;
  }

  list<T extends ApiObject>(ref: ResourceRef<T>, options: { namespace?: string | undefined } = {}): readonly T[] {
    return this.#kind(ref).list(options.namespace) as T[];
  }

  ownedBy<T extends ApiObject>(ref: ResourceRef<T>, owner: ApiObject): readonly T[] {
    return this.#kind(ref).ownedBy(owner.metadata.uid ?? '') as T[];
  }

  onNode<T extends ApiObject>(ref: ResourceRef<T>, nodeName: string): readonly T[] {
    return this.#kind(ref).onNode(nodeName) as T[];
  }

  onChange<T extends ApiObject>(ref: ResourceRef<T>, listener: (event: CacheEvent<T>) => void): () => void {
    return this.#kind(ref).onChange(listener as (event: CacheEvent) => void);
  }

  async synced(): Promise<void> {}

  #kind(ref: ResourceRef): ObjectIndex {
    const name = groupResource(ref);
    const kind = this.#kinds.get(name) ?? new ObjectIndex();
    this.#kinds.set(name, kind);
    return kind;
  }
}
