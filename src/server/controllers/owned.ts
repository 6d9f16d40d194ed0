import type { Pod, PodTemplateSpec } from '#api/core/v1.ts';
import { apiVersionOf, type ResourceRef } from '#api/meta/resource-ref.ts';
import { labelSelectorOf } from '#api/meta/selectors.ts';
import type { ApiObject, LabelSelector, OwnerReference } from '#api/meta/types.ts';
import type { Cache } from '#client/cache.ts';
import type { Client } from '#client/client.ts';

/** The reference that makes `owner` the controller of a dependent. */
export function controllerReference(ref: ResourceRef, owner: ApiObject): OwnerReference {
  return {
    apiVersion: apiVersionOf(ref),
    kind: ref.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  };
}

/** The controller's reference of a dependent, if it has one. */
export function controllerOf(object: ApiObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(({ controller }) => controller === true);
}

/** A pod as a template describes it, owned by `owner`. */
export function podFromTemplate(template: PodTemplateSpec, owner: ApiObject, ownerRef: ResourceRef): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: '',
      generateName: `${owner.metadata.name}-`,
      namespace: owner.metadata.namespace,
      ...(labels && { labels }),
      ...(annotations && { annotations }),
      ...(finalizers && { finalizers }),
      ownerReferences: [controllerReference(ownerRef, owner)],
    },
    ...(template.spec && { spec: template.spec }),
  };
}

export interface ClaimRequest<T extends ApiObject> {
  readonly client: Client;
  readonly cache: Cache;
  readonly owner: ApiObject;
  readonly ownerRef: ResourceRef;
  readonly ref: ResourceRef<T>;
  readonly selector: LabelSelector | undefined;
  readonly signal: AbortSignal;
}

/**
 * The dependents of an owner after adopting matching orphans and releasing those that stopped matching, as upstream's
 * ControllerRefManager decides it. Objects that are being deleted are neither adopted nor released.
 */
export async function claim<T extends ApiObject>(request: ClaimRequest<T>): Promise<T[]> {
  const { cache, owner, ref, selector } = request;
  const matcher = labelSelectorOf(selector);
  const fits = (object: T) => matcher.matches(object.metadata.labels);
  const terminating = owner.metadata.deletionTimestamp !== undefined;
  const claimed: T[] = [];
  for (const object of cache.ownedBy(ref, owner)) {
    if (fits(object) || object.metadata.deletionTimestamp !== undefined || terminating) claimed.push(object);
    else await release(request, object);
  }
  if (terminating) return claimed;
  for (const object of cache.list(ref, { namespace: owner.metadata.namespace })) {
    if (controllerOf(object) !== undefined || object.metadata.deletionTimestamp !== undefined || !fits(object))
      continue;
    claimed.push(await adopt(request, object));
  }
  return claimed;
}

function adopt<T extends ApiObject>({ client, owner, ownerRef, ref, signal }: ClaimRequest<T>, object: T): Promise<T> {
  const { uid, ownerReferences = [] } = object.metadata;
  const references = [
    ...ownerReferences.filter((other) => other.uid !== owner.metadata.uid),
    controllerReference(ownerRef, owner),
  ];
  return client.patch(
    ref,
    object.metadata,
    { metadata: { uid, ownerReferences: references } },
    { type: 'merge', signal },
  );
}

async function release<T extends ApiObject>({ client, owner, ref, signal }: ClaimRequest<T>, object: T): Promise<void> {
  const { uid, ownerReferences = [] } = object.metadata;
  const references = ownerReferences.filter((other) => other.uid !== owner.metadata.uid);
  await client.patch(
    ref,
    object.metadata,
    { metadata: { uid, ownerReferences: references } },
    { type: 'merge', signal },
  );
}

/**
 * Does `count` things, first one, then two at once, then four ... so that a thing that cannot work fails once and not a
 * hundred times. Returns how many worked and the first error.
 */
export async function slowStart(
  count: number,
  act: (index: number) => Promise<unknown>,
): Promise<{ done: number; error: unknown }> {
  let done = 0;
  for (let batch = 1; done < count; batch *= 2) {
    const size = Math.min(batch, count - done);
    const results = await Promise.allSettled(Array.from({ length: size }, (_, i) => act(done + i)));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) {
      return { done: done + results.filter(({ status }) => status === 'fulfilled').length, error: failed.reason };
    }
    done += size;
  }
  return { done, error: undefined };
}
