import type { ObjectKey, ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject, DeleteOptions, ObjectList, WatchEvent } from '#api/meta/types.ts';
import type { ApiRequest, PatchType, Transport } from './transport.ts';

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface WriteOptions extends CallOptions {
  readonly fieldManager?: string;
  readonly dryRun?: boolean;
}

export interface ListOptions extends CallOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly limit?: number;
  readonly continue?: string;
}

export interface WatchOptions extends CallOptions {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly allowWatchBookmarks?: boolean;
  readonly timeoutSeconds?: number;
}

export interface PatchOptions extends WriteOptions {
  readonly type: PatchType;
  readonly subresource?: string;
  /** Only for `apply`: take fields over from other managers. */
  readonly force?: boolean;
}

export interface RemoveOptions extends CallOptions {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground';
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
}

/** Typed access to the API; the same for parts of the server and for nodes. All failures are `StatusError`. */
export class Client {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  get<T extends ApiObject>(ref: ResourceRef<T>, key: ObjectKey, options: CallOptions = {}): Promise<T> {
    return this.#request({ verb: 'get', ref, ...at(key), ...options });
  }

  list<T extends ApiObject>(
    ref: ResourceRef<T>,
    { signal, namespace, ...options }: ListOptions = {},
  ): Promise<ObjectList<T>> {
    return this.#request({ verb: 'list', ref, namespace, query: queryOf(options), signal });
  }

  watch<T extends ApiObject>(ref: ResourceRef<T>, options: WatchOptions = {}): AsyncIterable<WatchEvent<T>> {
    const { signal, namespace, ...rest } = options;
    const request: ApiRequest = { verb: 'watch', ref, namespace, query: { ...queryOf(rest), watch: 'true' }, signal };
    return this.#transport.watch(request) as AsyncIterable<WatchEvent<T>>;
  }

  create<T extends ApiObject>(ref: ResourceRef<T>, object: T, { signal, ...options }: WriteOptions = {}): Promise<T> {
    const { namespace } = object.metadata;
    return this.#request({ verb: 'create', ref, namespace, body: object, query: writeQuery(options), signal });
  }

  update<T extends ApiObject>(ref: ResourceRef<T>, object: T, { signal, ...options }: WriteOptions = {}): Promise<T> {
    return this.#request({
      verb: 'update',
      ref,
      ...at(object.metadata),
      body: object,
      query: writeQuery(options),
      signal,
    });
  }

  updateStatus<T extends ApiObject>(ref: ResourceRef<T>, object: T, options: WriteOptions = {}): Promise<T> {
    return this.updateSubresource(ref, object.metadata, 'status', object, options);
  }

  updateSubresource<R = unknown>(
    ref: ResourceRef,
    key: ObjectKey,
    subresource: string,
    body: unknown,
    { signal, ...options }: WriteOptions = {},
  ): Promise<R> {
    return this.#request({ verb: 'update', ref, ...at(key), subresource, body, query: writeQuery(options), signal });
  }

  patch<T extends ApiObject>(ref: ResourceRef<T>, key: ObjectKey, patch: unknown, options: PatchOptions): Promise<T> {
    const { type, subresource, force, signal, ...rest } = options;
    const query = { ...writeQuery(rest), ...(force === undefined ? {} : { force: String(force) }) };
    return this.#request({ verb: 'patch', ref, ...at(key), subresource, body: patch, patchType: type, query, signal });
  }

  /** Creates on a subresource: binding, eviction, token. */
  createSubresource<R = unknown>(
    ref: ResourceRef,
    key: ObjectKey,
    subresource: string,
    body: unknown,
    { signal, ...options }: WriteOptions = {},
  ): Promise<R> {
    return this.#request({ verb: 'create', ref, ...at(key), subresource, body, query: writeQuery(options), signal });
  }

  getSubresource<R = unknown>(
    ref: ResourceRef,
    key: ObjectKey,
    subresource: string,
    { signal }: CallOptions = {},
  ): Promise<R> {
    return this.#request({ verb: 'get', ref, ...at(key), subresource, signal });
  }

  /** The object as it is when its deletion takes time, else a Status. */
  delete(ref: ResourceRef, key: ObjectKey, { signal, ...options }: RemoveOptions = {}): Promise<unknown> {
    return this.#request({ verb: 'delete', ref, ...at(key), body: deleteOptions(options), signal });
  }

  deleteCollection(
    ref: ResourceRef,
    options: RemoveOptions & { namespace?: string | undefined; labelSelector?: string; fieldSelector?: string } = {},
  ): Promise<unknown> {
    const { signal, namespace, labelSelector, fieldSelector, ...rest } = options;
    const query = queryOf({ labelSelector, fieldSelector });
    return this.#request({ verb: 'deletecollection', ref, namespace, body: deleteOptions(rest), query, signal });
  }

  #request<R>(request: ApiRequest): Promise<R> {
    return this.#transport.request(request) as Promise<R>;
  }
}

function at({ namespace, name }: ObjectKey): ObjectKey {
  return { namespace, name };
}

function deleteOptions(options: Omit<RemoveOptions, 'signal'>): DeleteOptions {
  return { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
}

function writeQuery({ fieldManager, dryRun }: Omit<WriteOptions, 'signal'>): Record<string, string> {
  return queryOf({ fieldManager, dryRun: dryRun === true ? 'All' : undefined });
}

function queryOf(options: object): Record<string, string> {
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([key, value]) => [key, String(value)]));
}
