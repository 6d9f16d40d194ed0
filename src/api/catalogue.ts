/** The built-in resources as data: what discovery says of them, in the order of `/apis`. */

import {
  mutatingAdmissionPolicies,
  mutatingAdmissionPolicyBindings,
  mutatingWebhookConfigurations,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  validatingWebhookConfigurations,
} from './admissionregistration/v1.ts';
import { customResourceDefinitions } from './apiextensions/v1.ts';
import { apiServices } from './apiregistration/v1.ts';
import { controllerRevisions, daemonSets, deployments, replicaSets, statefulSets } from './apps/v1.ts';
import { selfSubjectReviews, tokenReviews } from './authentication/v1.ts';
import {
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
} from './authorization/v1.ts';
import { horizontalPodAutoscalers as horizontalPodAutoscalersV1 } from './autoscaling/v1.ts';
import { horizontalPodAutoscalers } from './autoscaling/v2.ts';
import { cronJobs, jobs } from './batch/v1.ts';
import { certificateSigningRequests } from './certificates/v1.ts';
import { leases } from './coordination/v1.ts';
import {
  bindings,
  componentStatuses,
  configMaps,
  endpoints,
  events,
  limitRanges,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  podTemplates,
  replicationControllers,
  resourceQuotas,
  secrets,
  serviceAccounts,
  services,
} from './core/v1.ts';
import { endpointSlices } from './discovery/v1.ts';
import { events as eventsV1Events } from './events/v1.ts';
import { flowSchemas, priorityLevelConfigurations } from './flowcontrol/v1.ts';
import { apiVersionOf, type GroupVersionKind, groupResource, type ResourceRef } from './meta/resource-ref.ts';
import { ingressClasses, ingresses, ipAddresses, networkPolicies, serviceCIDRs } from './networking/v1.ts';
import { runtimeClasses } from './node/v1.ts';
import { podDisruptionBudgets } from './policy/v1.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from './rbac/v1.ts';
import { deviceClasses, resourceClaims, resourceClaimTemplates, resourceSlices } from './resource/v1.ts';
import { priorityClasses } from './scheduling/v1.ts';
import {
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  storageClasses,
  volumeAttachments,
  volumeAttributesClasses,
} from './storage/v1.ts';

/** A part of an object with an address of its own. */
export interface BuiltinSubresource extends GroupVersionKind {
  readonly name: string;
  readonly verbs: readonly string[];
}

/** One resource as upstream serves it by default. */
export interface BuiltinResource {
  readonly ref: ResourceRef;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly BuiltinSubresource[];
  /** Name of its type in the schema registry. */
  readonly schema: string;
}

/** A group with its place among the groups and its versions, preferred first. */
export interface BuiltinGroup {
  /** Empty for the core group, which has its own root, `/api`. */
  readonly name: string;
  /** Groups are listed by falling priority, then by name. */
  readonly priority: number;
  readonly versions: readonly { readonly version: string; readonly priority: number }[];
}

const group = (
  name: string,
  priority: number,
  versions: BuiltinGroup['versions'] = [{ version: 'v1', priority: 15 }],
): BuiltinGroup => ({ name, priority, versions });

/** In the order of discovery. */
export const builtinGroups: readonly BuiltinGroup[] = [
  group('', 18_000, [{ version: 'v1', priority: 1 }]),
  group('apiregistration.k8s.io', 18_000),
  group('apps', 17_800),
  group('events.k8s.io', 17_750),
  group('authentication.k8s.io', 17_700),
  group('authorization.k8s.io', 17_600),
  group('autoscaling', 17_500, [
    { version: 'v2', priority: 30 },
    { version: 'v1', priority: 15 },
  ]),
  group('batch', 17_400),
  group('certificates.k8s.io', 17_300),
  group('networking.k8s.io', 17_200),
  group('policy', 17_100),
  group('rbac.authorization.k8s.io', 17_000),
  group('storage.k8s.io', 16_800),
  group('admissionregistration.k8s.io', 16_700),
  group('apiextensions.k8s.io', 16_700),
  group('scheduling.k8s.io', 16_600),
  group('coordination.k8s.io', 16_500),
  group('node.k8s.io', 16_300),
  group('discovery.k8s.io', 16_200),
  group('resource.k8s.io', 16_200),
  group('flowcontrol.apiserver.k8s.io', 16_100),
];

const ALL = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const READ_WRITE = ['get', 'patch', 'update'];
const CONNECT = ['create', 'delete', 'get', 'patch', 'update'];
const SCALE = { name: 'scale', verbs: READ_WRITE, group: 'autoscaling', version: 'v1', kind: 'Scale' };

/** A subresource whose bodies are the object's own kind, unless it says otherwise. */
type Sub = Pick<BuiltinSubresource, 'name' | 'verbs'> & Partial<GroupVersionKind>;
const writable = (name: string): Sub => ({ name, verbs: READ_WRITE });
const STATUS = writable('status');

type Options = Partial<Pick<BuiltinResource, 'shortNames' | 'categories' | 'verbs'>> & {
  subresources?: readonly Sub[];
};

/** Where the types of a group live among the schema's names. */
function schemaName(ref: ResourceRef): string {
  const [folder = ''] = ref.group === '' ? ['core'] : ref.group.split('.');
  const type = `${folder}.${ref.version}.${ref.kind}`;
  if (folder === 'apiextensions') return `io.k8s.apiextensions-apiserver.pkg.apis.${type}`;
  return folder === 'apiregistration' ? `io.k8s.kube-aggregator.pkg.apis.${type}` : `io.k8s.api.${type}`;
}

function resource(ref: ResourceRef, options: Options = {}): BuiltinResource {
  const { group: own, version, kind } = ref;
  return {
    ref,
    singular: kind.toLowerCase(),
    shortNames: options.shortNames ?? [],
    categories: options.categories ?? [],
    verbs: options.verbs ?? ALL,
    subresources: (options.subresources ?? []).map((sub) => ({ group: own, version, kind, ...sub })),
    schema: schemaName(ref),
  };
}

/** Every built-in resource, by group in the order of discovery, by name within a version. */
export const builtinResources: readonly BuiltinResource[] = [
  resource(bindings, { verbs: ['create'] }),
  resource(componentStatuses, { shortNames: ['cs'], verbs: ['get', 'list'] }),
  resource(configMaps, { shortNames: ['cm'] }),
  resource(endpoints, { shortNames: ['ep'] }),
  resource(events, { shortNames: ['ev'] }),
  resource(limitRanges, { shortNames: ['limits'] }),
  resource(namespaces, {
    shortNames: ['ns'],
    verbs: ALL.filter((verb) => verb !== 'deletecollection'),
    subresources: [{ name: 'finalize', verbs: ['update'] }, STATUS],
  }),
  resource(nodes, {
    shortNames: ['no'],
    subresources: [{ name: 'proxy', verbs: CONNECT, kind: 'NodeProxyOptions' }, STATUS],
  }),
  resource(persistentVolumeClaims, { shortNames: ['pvc'], subresources: [STATUS] }),
  resource(persistentVolumes, { shortNames: ['pv'], subresources: [STATUS] }),
  resource(pods, {
    shortNames: ['po'],
    categories: ['all'],
    subresources: [
      { name: 'attach', verbs: ['create', 'get'], kind: 'PodAttachOptions' },
      { name: 'binding', verbs: ['create'], kind: 'Binding' },
      writable('ephemeralcontainers'),
      { name: 'eviction', verbs: ['create'], group: 'policy', version: 'v1', kind: 'Eviction' },
      { name: 'exec', verbs: ['create', 'get'], kind: 'PodExecOptions' },
      { name: 'log', verbs: ['get'] },
      { name: 'portforward', verbs: ['create', 'get'], kind: 'PodPortForwardOptions' },
      { name: 'proxy', verbs: CONNECT, kind: 'PodProxyOptions' },
      writable('resize'),
      STATUS,
    ],
  }),
  resource(podTemplates),
  resource(replicationControllers, { shortNames: ['rc'], categories: ['all'], subresources: [SCALE, STATUS] }),
  resource(resourceQuotas, { shortNames: ['quota'], subresources: [STATUS] }),
  resource(secrets),
  resource(serviceAccounts, {
    shortNames: ['sa'],
    subresources: [
      { name: 'token', verbs: ['create'], group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
    ],
  }),
  resource(services, {
    shortNames: ['svc'],
    categories: ['all'],
    subresources: [{ name: 'proxy', verbs: CONNECT, kind: 'ServiceProxyOptions' }, STATUS],
  }),
  resource(apiServices, { categories: ['api-extensions'], subresources: [STATUS] }),
  resource(controllerRevisions),
  resource(daemonSets, { shortNames: ['ds'], categories: ['all'], subresources: [STATUS] }),
  resource(deployments, { shortNames: ['deploy'], categories: ['all'], subresources: [SCALE, STATUS] }),
  resource(replicaSets, { shortNames: ['rs'], categories: ['all'], subresources: [SCALE, STATUS] }),
  resource(statefulSets, { shortNames: ['sts'], categories: ['all'], subresources: [SCALE, STATUS] }),
  resource(eventsV1Events, { shortNames: ['ev'] }),
  resource(selfSubjectReviews, { verbs: ['create'] }),
  resource(tokenReviews, { verbs: ['create'] }),
  resource(localSubjectAccessReviews, { verbs: ['create'] }),
  resource(selfSubjectAccessReviews, { verbs: ['create'] }),
  resource(selfSubjectRulesReviews, { verbs: ['create'] }),
  resource(subjectAccessReviews, { verbs: ['create'] }),
  resource(horizontalPodAutoscalers, { shortNames: ['hpa'], categories: ['all'], subresources: [STATUS] }),
  resource(horizontalPodAutoscalersV1, { shortNames: ['hpa'], categories: ['all'], subresources: [STATUS] }),
  resource(cronJobs, { shortNames: ['cj'], categories: ['all'], subresources: [STATUS] }),
  resource(jobs, { categories: ['all'], subresources: [STATUS] }),
  resource(certificateSigningRequests, { shortNames: ['csr'], subresources: [writable('approval'), STATUS] }),
  resource(ingressClasses),
  resource(ingresses, { shortNames: ['ing'], subresources: [STATUS] }),
  resource(ipAddresses, { shortNames: ['ip'] }),
  resource(networkPolicies, { shortNames: ['netpol'] }),
  resource(serviceCIDRs, { subresources: [STATUS] }),
  resource(podDisruptionBudgets, { shortNames: ['pdb'], subresources: [STATUS] }),
  resource(clusterRoleBindings),
  resource(clusterRoles),
  resource(roleBindings),
  resource(roles),
  resource(csiDrivers),
  resource(csiNodes),
  resource(csiStorageCapacities),
  resource(storageClasses, { shortNames: ['sc'] }),
  resource(volumeAttachments, { subresources: [STATUS] }),
  resource(volumeAttributesClasses, { shortNames: ['vac'] }),
  resource(mutatingAdmissionPolicies, { categories: ['api-extensions'] }),
  resource(mutatingAdmissionPolicyBindings, { categories: ['api-extensions'] }),
  resource(mutatingWebhookConfigurations, { categories: ['api-extensions'] }),
  resource(validatingAdmissionPolicies, { categories: ['api-extensions'], subresources: [STATUS] }),
  resource(validatingAdmissionPolicyBindings, { categories: ['api-extensions'] }),
  resource(validatingWebhookConfigurations, { categories: ['api-extensions'] }),
  resource(customResourceDefinitions, {
    shortNames: ['crd', 'crds'],
    categories: ['api-extensions'],
    subresources: [STATUS],
  }),
  resource(priorityClasses, { shortNames: ['pc'] }),
  resource(leases),
  resource(runtimeClasses),
  resource(endpointSlices),
  resource(deviceClasses),
  resource(resourceClaims, { subresources: [STATUS] }),
  resource(resourceClaimTemplates),
  resource(resourceSlices),
  resource(flowSchemas, { subresources: [STATUS] }),
  resource(priorityLevelConfigurations, { subresources: [STATUS] }),
];

const byName = new Map(builtinResources.map((entry) => [`${groupResource(entry.ref)}/${entry.ref.version}`, entry]));
const byKind = new Map(builtinResources.map((entry) => [`${apiVersionOf(entry.ref)}/${entry.ref.kind}`, entry]));

/** The built-in resource of that group, version and plural. */
export function getBuiltinResource(
  ref: Pick<ResourceRef, 'group' | 'version' | 'plural'>,
): BuiltinResource | undefined {
  return byName.get(`${groupResource(ref)}/${ref.version}`);
}

/** The built-in resource whose objects have that kind. */
export function getBuiltinKind(gvk: GroupVersionKind): BuiltinResource | undefined {
  return byKind.get(`${apiVersionOf(gvk)}/${gvk.kind}`);
}
