import { keyString, type ObjectKey } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { CacheEvent } from './cache.ts';

/** The objects of one kind with the lookups every cache offers, and its listeners. */
export class ObjectIndex {
  readonly #objects = new Map<string, ApiObject>();
  readonly #namespaces = new Map<string, Set<string>>();
  readonly #owners = new Map<string, Set<string>>();
  readonly #nodes = new Map<string, Set<string>>();
  readonly #listeners = new Set<(event: CacheEvent) => void>();

  get(key: ObjectKey): ApiObject | undefined {
    return this.#objects.get(keyString(key));
  }

  list(namespace?: string): ApiObject[] {
    return namespace === undefined ? [...this.#objects.values()] : this.#among(this.#namespaces.get(namespace));
  }

  ownedBy(uid: string): ApiObject[] {
    return this.#among(this.#owners.get(uid));
  }

  onNode(nodeName: string): ApiObject[] {
    return this.#among(this.#nodes.get(nodeName));
  }

  keys(): string[] {
    return [...this.#objects.keys()];
  }

  /** Stores an object and tells listeners, unless nothing changed. */
  put(object: ApiObject): void {
    const key = keyString(object.metadata);
    const previous = this.#objects.get(key);
    if (previous !== undefined && previous.metadata.resourceVersion === object.metadata.resourceVersion) return;
    if (previous !== undefined) this.#unindex(key, previous);
    this.#objects.set(key, object);
    this.#eachIndex(object, (index, value) => {
      const keys = index.get(value) ?? new Set();
      index.set(value, keys.add(key));
    });
    this.#tell(previous === undefined ? { type: 'ADDED', object } : { type: 'MODIFIED', object, previous });
  }

  remove(key: string): void {
    const object = this.#objects.get(key);
    if (object === undefined) return;
    this.#unindex(key, object);
    this.#objects.delete(key);
    this.#tell({ type: 'DELETED', object });
  }

  onChange(listener: (event: CacheEvent) => void): () => void {
    for (const object of this.#objects.values()) listener({ type: 'ADDED', object });
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #tell(event: CacheEvent): void {
    for (const listener of this.#listeners) listener(event);
  }

  #among(keys: ReadonlySet<string> | undefined): ApiObject[] {
    const found: ApiObject[] = [];
    for (const key of keys ?? []) {
      const object = this.#objects.get(key);
      if (object !== undefined) found.push(object);
    }
    return found;
  }

  #unindex(key: string, object: ApiObject): void {
    this.#eachIndex(object, (index, value) => {
      const keys = index.get(value);
      keys?.delete(key);
      if (keys?.size === 0) index.delete(value);
    });
  }

  #eachIndex(object: ApiObject, use: (index: Map<string, Set<string>>, value: string) => void): void {
    const { namespace, ownerReferences } = object.metadata;
    if (namespace !== undefined) use(this.#namespaces, namespace);
    const controller = ownerReferences?.find((owner) => owner.controller === true);
    if (controller !== undefined) use(this.#owners, controller.uid);
    const { spec } = object as { spec?: { nodeName?: unknown } };
    if (typeof spec?.nodeName === 'string') use(this.#nodes, spec.nodeName);
  }
}
