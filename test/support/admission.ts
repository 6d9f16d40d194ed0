import type { AdmissionRequest } from '#api/admission/request.ts';
import { deepClone, deepFreeze } from '#api/meta/clone.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { AdmissionDeps, AdmissionPlugin } from '#server/admission/plugin.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';

const USER = { username: 'jane', groups: ['system:authenticated'] };

/** A request as the API server would make it of these objects; the old one is frozen, the new one a copy. */
export function admissionRequest(
  ref: ResourceRef,
  { object, oldObject, ...rest }: Partial<AdmissionRequest> = {},
): AdmissionRequest {
  const metadata = (object ?? oldObject)?.metadata;
  return {
    operation: oldObject === undefined ? 'CREATE' : 'UPDATE',
    resource: ref,
    subresource: undefined,
    namespace: ref.namespaced ? (metadata?.namespace ?? 'default') : undefined,
    name: metadata?.name ?? '',
    object: deepClone(object),
    oldObject: oldObject === undefined ? undefined : deepFreeze(deepClone(oldObject)),
    options: {},
    user: USER,
    dryRun: false,
    signal: new AbortController().signal,
    warn: () => {},
    ...rest,
  };
}

/** What plugins need, with a cache to fill. Nothing is allowed beyond the request, and nobody keeps books. */
export function admissionDeps(overrides: Partial<AdmissionDeps> = {}): AdmissionDeps & { cache: MemoryCache } {
  const client: AdmissionDeps['client'] = { updateStatus: () => Promise.reject(new Error('no client in this test')) };
  return { client, mayDo: () => false, now: Date.now, ...overrides, cache: new MemoryCache() };
}

/** Sends a request through one plugin as the chain would and gives the object it leaves. */
export async function admit(plugin: AdmissionPlugin, request: AdmissionRequest): Promise<ApiObject | undefined> {
  if (plugin.handles(request)) {
    if (request.operation === 'CREATE' || request.operation === 'UPDATE') await plugin.mutate?.(request);
    await plugin.validate?.(request);
  }
  return request.object;
}

/** The message a plugin refuses a request with; undefined if it lets it pass. */
export async function refusalOf(plugin: AdmissionPlugin, request: AdmissionRequest): Promise<string | undefined> {
  try {
    await admit(plugin, request);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}
