import type { ObjectKey, ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';

export type CacheEvent<T extends ApiObject = ApiObject> =
  | { readonly type: 'ADDED'; readonly object: T }
  | { readonly type: 'MODIFIED'; readonly object: T; readonly previous: T }
  /** `object` is the last state before the deletion. */
  | { readonly type: 'DELETED'; readonly object: T };

/**
 * The cluster's state as objects, kept up to date. In the server it is the API server's own copy; on a node it is filled by
 * list and watch. Objects are deeply frozen and shared: never modify them. A read may lag behind the own last write on a
 * node, never in the server.
 */
export interface Cache {
  get<T extends ApiObject>(ref: ResourceRef<T>, key: ObjectKey): T | undefined;
  list<T extends ApiObject>(ref: ResourceRef<T>, options?: { namespace?: string | undefined }): readonly T[];
  /** Objects whose controller owner reference names this owner's UID. Indexed. */
  ownedBy<T extends ApiObject>(ref: ResourceRef<T>, owner: ApiObject): readonly T[];
  /** Pods of one node, without looking at the others. Only for kinds that have `spec.nodeName`. */
  onNode<T extends ApiObject>(ref: ResourceRef<T>, nodeName: string): readonly T[];
  /** Tells of every change, in order, after an ADDED for each object that is there already. Listeners must not throw. */
  onChange<T extends ApiObject>(ref: ResourceRef<T>, listener: (event: CacheEvent<T>) => void): () => void;
  /** Resolves once the objects of these kinds are all there. */
  synced(refs: readonly ResourceRef[], signal: AbortSignal): Promise<void>;
}

/** Which kinds exist; custom kinds come and go. For controllers that work on all of them (garbage collection, namespaces). */
export interface ResourceCatalogue {
  list(): readonly ServedResource[];
  onChange(listener: () => void): () => void;
}

export interface ServedResource {
  readonly ref: ResourceRef;
  readonly verbs: readonly string[];
}
