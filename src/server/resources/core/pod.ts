import { defaultPod } from '#api/core/defaults.ts';
import { isPodTerminal } from '#api/core/pod.ts';
import { qosClass } from '#api/core/pod-resources.ts';
import { type Pod, pods } from '#api/core/v1.ts';
import { type FieldError, forbiddenField } from '#api/meta/validation.ts';
import { defineResource, type RequestContext } from '#server/apiserver/resource.ts';
import { validatePodSpec } from '../pod-spec/pod-spec.ts';
import { validateEphemeralUpdate, validatePodUpdate, validateResize } from '../pod-spec/pod-update.ts';
import { bindPod, mergePodStatus } from './pod-binding.ts';
import { podColumns, podRowConditions } from './pod-columns.ts';
import { evictPod } from './pod-eviction.ts';

/** Pod: containers that run together on one node. */
export const podResource = defineResource<Pod>(pods, {
  columns: podColumns,
  rowConditions: podRowConditions,
  returnsDeleted: true,
  fieldSelectors: {
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
    'spec.restartPolicy': ({ spec }) => spec.restartPolicy ?? '',
    'spec.schedulerName': ({ spec }) => spec.schedulerName ?? '',
    'spec.serviceAccountName': ({ spec }) => spec.serviceAccountName ?? '',
    'spec.hostNetwork': ({ spec }) => String(spec.hostNetwork === true),
    'status.phase': ({ status }) => status?.phase ?? '',
    'status.podIP': ({ status }) => status?.podIPs?.[0]?.ip ?? status?.podIP ?? '',
    'status.podIPs': ({ status }) => (status?.podIPs ?? []).map(({ ip }) => ip).join(','),
    'status.nominatedNodeName': ({ status }) => status?.nominatedNodeName ?? '',
  },
  defaults: defaultPod,
  prepareCreate,
  validate: (pod) => validatePodSpec(pod.spec, 'spec'),
  validateUpdate: validatePodUpdate,
  gracePeriodSeconds,
  subresources: [
    { name: 'status', update: { merge: mergePodStatus } },
    {
      name: 'ephemeralcontainers',
      update: {
        merge: (pod, old) => ({
          ...old,
          metadata: writable(pod, old),
          spec: { ...old.spec, ephemeralContainers: pod.spec.ephemeralContainers },
        }),
        validate: (pod, old) => [...validatePodSpec(pod.spec, 'spec'), ...validateEphemeralUpdate(pod, old)],
      },
    },
    {
      name: 'resize',
      update: { merge: mergeResize, validate: validateResized },
    },
    { name: 'binding', create: (pod, body, context) => bindPod(pod.metadata.name, body, context) },
    { name: 'eviction', create: evictPod },
  ],
});

function prepareCreate(pod: Pod, { now }: RequestContext): void {
  pod.status = { phase: 'Pending', qosClass: qosClass(pod) };
  const gated = (pod.spec.schedulingGates ?? []).length > 0;
  if (!gated) return;
  const message = 'Scheduling is blocked due to non-empty scheduling gates';
  const lastTransitionTime = `${now.toISOString().slice(0, 19)}Z`;
  pod.status.conditions = [
    { type: 'PodScheduled', status: 'False', reason: 'SchedulingGated', message, lastTransitionTime },
  ];
}

/** The node gets this long to end the pod; one that runs nowhere, or not any more, needs no time. */
function gracePeriodSeconds(pod: Pod, asked: number | undefined): number {
  const { nodeName = '', terminationGracePeriodSeconds = 30 } = pod.spec;
  if (nodeName === '' || isPodTerminal(pod)) return 0;
  const grace = asked ?? terminationGracePeriodSeconds;
  return grace < 0 ? 1 : grace;
}

function writable(pod: Pod, old: Pod): Pod['metadata'] {
  const { resourceVersion, managedFields } = pod.metadata;
  return { ...old.metadata, resourceVersion, ...(managedFields !== undefined && { managedFields }) };
}

function mergeResize(pod: Pod, old: Pod): Pod {
  return { ...pod, metadata: writable(pod, old), status: old.status };
}

function validateResized(pod: Pod, old: Pod): FieldError[] {
  const errors = [...validatePodSpec(pod.spec, 'spec'), ...validateResize(pod, old)];
  if (qosClass(pod) !== (old.status?.qosClass ?? qosClass(old))) {
    errors.push(forbiddenField('spec', 'Pod QOS Class may not change as a result of resizing'));
  }
  return errors;
}
