import type { ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject, WatchEvent } from '#api/meta/types.ts';

export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';
export type PatchType = 'json' | 'merge' | 'strategic' | 'apply';

/** One request to the API in the API's own terms, before any wire format. */
export interface ApiRequest {
  readonly verb: Verb;
  readonly ref: ResourceRef;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly subresource?: string | undefined;
  /** As in the URL: `labelSelector`, `resourceVersion`, `fieldManager`, `dryRun`... */
  readonly query?: Readonly<Record<string, string>>;
  /** JSON-shaped. The receiver must not modify it. */
  readonly body?: unknown;
  readonly patchType?: PatchType;
  readonly signal?: AbortSignal | undefined;
}

/**
 * How requests reach an API server: HTTPS, or a call in the same process. Answers and errors are the same for both:
 * objects are deeply frozen, failures reject with `StatusError`.
 */
export interface Transport {
  request(request: ApiRequest): Promise<unknown>;
  /** Ends when the server closes the watch; rejects with `StatusError` (410 when the revision is too old). Leaving the loop closes it. */
  watch(request: ApiRequest): AsyncIterable<WatchEvent<ApiObject>>;
}
