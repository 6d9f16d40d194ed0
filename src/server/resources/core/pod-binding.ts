import type { Binding, Pod } from '#api/core/v1.ts';
import { pods } from '#api/core/v1.ts';
import { badRequest, conflict, invalid, isConflict, notFound } from '#api/meta/errors.ts';
import { formatTime } from '#api/meta/time.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { notSupported, required } from '#api/meta/validation.ts';
import type { Client } from '#client/client.ts';
import { SERVER_USER } from '#server/apiserver/authn/authenticator.ts';
import type { RequestContext } from '#server/apiserver/resource.ts';

type BindContext = RequestContext & { readonly client: Client };

const MAX_ATTEMPTS = 5;

/** Puts a pod onto a node: the answer to `pods/binding` and to `bindings`. Once only. */
export async function bindPod(name: string, body: ApiObject, context: BindContext): Promise<unknown> {
  const binding = body as Binding;
  const { target } = binding;
  if (binding.metadata.name !== name) throw badRequest('name in URL does not match name in Binding object');
  const errors = [
    ...(target?.kind !== undefined && target.kind !== '' && target.kind !== 'Node'
      ? [notSupported('target.kind', target.kind, ['Node', '<empty>'])]
      : []),
    ...(target?.name === undefined || target.name === '' ? [required('target.name')] : []),
  ];
  if (errors.length > 0) throw invalid({ group: '', kind: 'Binding' }, name, errors);
  for (let attempt = 1; ; attempt++) {
    try {
      await bindOnce(name, binding, context);
      return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
    } catch (error) {
      // The kubelet and others write the status at the same time; the binding itself decides whether it still fits.
      const pod = context.cache.get(pods, { namespace: context.namespace, name });
      if (!isConflict(error) || attempt === MAX_ATTEMPTS || pod === undefined || refusal(pod, binding) !== undefined)
        throw error;
    }
  }
}

async function bindOnce(
  name: string,
  binding: Binding,
  { client, cache, namespace, now, dryRun, signal }: BindContext,
): Promise<void> {
  const pod = cache.get(pods, { namespace, name });
  if (pod === undefined) throw notFound(pods, name);
  const why = refusal(pod, binding);
  if (why !== undefined) throw conflict({ group: '', plural: 'pods/binding' }, name, why);
  // Where the pod was meant to go no longer matters once it has a place.
  const { nominatedNodeName: _, ...status } = pod.status ?? {};
  const bound: Pod = {
    ...pod,
    metadata: {
      ...pod.metadata,
      annotations: { ...pod.metadata.annotations, ...binding.metadata.annotations },
      labels: { ...pod.metadata.labels, ...binding.metadata.labels },
    },
    spec: { ...pod.spec, nodeName: binding.target.name },
    status: { ...status, conditions: scheduled(pod, now) },
  };
  await client.updateStatus(pods, bound, { dryRun, signal });
}

function refusal({ metadata, spec }: Pod, binding: Binding): string | undefined {
  const { uid, resourceVersion } = binding.metadata;
  if (uid !== undefined && uid !== '' && uid !== metadata.uid)
    return `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid}`;
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== metadata.resourceVersion) {
    return `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion}`;
  }
  if (metadata.deletionTimestamp !== undefined)
    return `pod ${metadata.name} is being deleted, cannot be assigned to a host`;
  if (spec.nodeName !== undefined && spec.nodeName !== '')
    return `pod ${metadata.name} is already assigned to node "${spec.nodeName}"`;
  if ((spec.schedulingGates ?? []).length > 0) return `pod ${metadata.name} has non-empty .spec.schedulingGates`;
  return undefined;
}

function scheduled({ status }: Pod, now: Date) {
  const others = (status?.conditions ?? []).filter(({ type }) => type !== 'PodScheduled');
  return [
    ...others,
    { type: 'PodScheduled', status: 'True', lastProbeTime: undefined, lastTransitionTime: formatTime(now) },
  ];
}

/**
 * What a write to a pod's status stores: the status alone, except for the server's own write of a binding, which also
 * brings the node's name.
 */
export function mergePodStatus(object: Pod, old: Pod, { user }: RequestContext): Pod {
  const { resourceVersion, managedFields } = object.metadata;
  const metadata = { ...old.metadata, resourceVersion, ...(managedFields !== undefined && { managedFields }) };
  // The class of service follows from the spec; nobody else decides it.
  const qosClass = old.status?.qosClass ?? object.status?.qosClass;
  const merged: Pod = { ...old, metadata, status: { ...object.status, ...(qosClass !== undefined && { qosClass }) } };
  const isBinding = user.username === SERVER_USER.username && !old.spec.nodeName && Boolean(object.spec?.nodeName);
  if (!isBinding) return merged;
  return {
    ...merged,
    metadata: { ...metadata, labels: object.metadata.labels, annotations: object.metadata.annotations },
    spec: { ...old.spec, nodeName: object.spec.nodeName },
  };
}
