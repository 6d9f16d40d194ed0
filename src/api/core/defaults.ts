import { fill, fillZero } from '../schema/fill.ts';
import { defaultClaimSpec, defaultPodTemplate } from './pod-defaults.ts';
import type {
  LimitRange,
  LimitRangeItem,
  Namespace,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  PodTemplate,
  ReplicationController,
  Secret,
  Service,
  ServiceSpec,
} from './v1.ts';

export { defaultClaimSpec, defaultPod, defaultPodSpec, defaultPodTemplate } from './pod-defaults.ts';

const CLIENT_IP_TIMEOUT_SECONDS = 10_800;

/** Defaults of a Service, beyond what is allocated for it. Modifies. */
export function defaultService(service: Service): void {
  service.spec ??= {};
  const { spec } = service;
  fill(spec, { sessionAffinity: 'None', type: 'ClusterIP' });
  if (spec.sessionAffinity === 'ClientIP') {
    const clientIP = { timeoutSeconds: CLIENT_IP_TIMEOUT_SECONDS };
    fill(spec, { sessionAffinityConfig: {} });
    fill(spec.sessionAffinityConfig ?? {}, { clientIP });
    fill(spec.sessionAffinityConfig?.clientIP ?? {}, clientIP);
  } else delete spec.sessionAffinityConfig;
  for (const port of spec.ports ?? []) {
    fill(port, { protocol: 'TCP' });
    fillZero(port, { targetPort: port.port });
  }
  if (isReachableFromOutside(spec)) fill(spec, { externalTrafficPolicy: 'Cluster' });
  if (spec.type !== 'ExternalName') fill(spec, { internalTrafficPolicy: 'Cluster' });
  // Upstream also writes out that addresses in the status are virtual ones; older clients want nothing but the address.
  if (spec.type === 'LoadBalancer') fill(spec, { allocateLoadBalancerNodePorts: true });
}

function isReachableFromOutside({ type, externalIPs }: ServiceSpec): boolean {
  return type === 'NodePort' || type === 'LoadBalancer' || (type === 'ClusterIP' && (externalIPs?.length ?? 0) > 0);
}

/** The label that names the namespace, and its first phase. Modifies. */
export function defaultNamespace(namespace: Namespace): void {
  namespace.status ??= {};
  fill(namespace.status, { phase: 'Active' });
  const { metadata } = namespace;
  if (metadata.name) metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name };
}

/** What can be allocated is everything, until the node says otherwise. Modifies. */
export function defaultNode({ status }: Node): void {
  if (status?.capacity !== undefined) fill(status, { allocatable: { ...status.capacity } });
}

/** Modifies. */
export function defaultSecret(secret: Secret): void {
  fill(secret, { type: 'Opaque' });
}

/** Modifies. */
export function defaultPersistentVolume(volume: PersistentVolume): void {
  volume.spec ??= {};
  volume.status ??= {};
  fill(volume.spec, { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' });
  fill(volume.status, { phase: 'Pending' });
  if (volume.spec.hostPath && volume.spec.hostPath.type === undefined) volume.spec.hostPath.type = '';
}

/** Modifies. */
export function defaultPersistentVolumeClaim(claim: PersistentVolumeClaim): void {
  claim.spec ??= {};
  claim.status ??= {};
  defaultClaimSpec(claim.spec);
  fill(claim.status, { phase: 'Pending' });
}

/** The template's labels are the selector and the labels of a controller that has none. Modifies. */
export function defaultReplicationController(controller: ReplicationController): void {
  controller.spec ??= {};
  const { spec, metadata } = controller;
  fill(spec, { replicas: 1, minReadySeconds: 0 });
  if (spec.template === undefined) return;
  defaultPodTemplate(spec.template);
  const labels = spec.template.metadata?.labels;
  if (labels === undefined || Object.keys(labels).length === 0) return;
  if (Object.keys(spec.selector ?? {}).length === 0) spec.selector = { ...labels };
  if (Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
}

/** Modifies. */
export function defaultPodTemplateObject(object: PodTemplate): void {
  if (object.template !== undefined) defaultPodTemplate(object.template);
}

/** Modifies. */
export function defaultLimitRange(range: LimitRange): void {
  for (const item of range.spec?.limits ?? []) if (item.type === 'Container') defaultContainerLimits(item);
}

/** A maximum is the default limit, a default limit the default request, and failing that the minimum is. */
function defaultContainerLimits(item: LimitRangeItem): void {
  item.default = { ...item.max, ...item.default };
  item.defaultRequest = { ...item.min, ...item.default, ...item.defaultRequest };
}
