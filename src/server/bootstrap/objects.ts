import { type ConfigMap, configMaps, type Namespace, namespaces, type Service, services } from '#api/core/v1.ts';
import { flowSchemas, priorityLevelConfigurations } from '#api/flowcontrol/v1.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { type ServiceCIDR, serviceCIDRs } from '#api/networking/v1.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '#api/rbac/v1.ts';
import { type PriorityClass, priorityClasses } from '#api/scheduling/v1.ts';
import { flowSchemaObjects, priorityLevels } from './flow-control.ts';
import { bootstrapClusterRoleBindings, bootstrapClusterRoles, bootstrapRoleBindings, bootstrapRoles } from './rbac.ts';

/** One object that must be there. */
export interface Wanted<T extends ApiObject = ApiObject> {
  readonly ref: ResourceRef<T>;
  readonly object: T;
}

export interface BootstrapFacts {
  readonly serviceCidr: string;
  /** First address of the service range. */
  readonly serviceAddress: string;
  readonly clusterDns: string;
  /** Port that the service `kubernetes` leads to. */
  readonly apiPort: number;
  readonly clusterCa: string;
  readonly frontProxyCa: string;
  readonly hasDns: boolean;
  /** What nodes must know of the cluster, as the data of ConfigMap kube-system/skiff-cluster. */
  readonly settings: Record<string, string>;
}

const wanted = <T extends ApiObject>(ref: ResourceRef<T>, object: T): Wanted => ({ ref, object }) as unknown as Wanted;

export const SYSTEM_NAMESPACES = ['default', 'kube-system', 'kube-public', 'kube-node-lease'] as const;

export function bootstrapNamespaces(): Wanted[] {
  return SYSTEM_NAMESPACES.map((name) => {
    const namespace: Namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {}, status: {} };
    return wanted(namespaces, namespace);
  });
}

/** Everything else that is there from the start, in an order that works. */
export function bootstrapObjects(facts: BootstrapFacts): Wanted[] {
  return [
    ...bootstrapClusterRoles().map((role) => wanted(clusterRoles, role)),
    ...bootstrapClusterRoleBindings().map((binding) => wanted(clusterRoleBindings, binding)),
    ...bootstrapRoles().map((role) => wanted(roles, role)),
    ...bootstrapRoleBindings().map((binding) => wanted(roleBindings, binding)),
    ...systemPriorityClasses().map((priorityClass) => wanted(priorityClasses, priorityClass)),
    ...priorityLevels().map((level) => wanted(priorityLevelConfigurations, level)),
    ...flowSchemaObjects().map((schema) => wanted(flowSchemas, schema)),
    wanted(serviceCIDRs, defaultServiceCidr(facts)),
    wanted(configMaps, extensionAuthentication(facts)),
    wanted(configMaps, clusterSettings(facts)),
    ...(facts.hasDns ? [wanted(services, dnsService(facts))] : []),
  ];
}

function systemPriorityClasses(): PriorityClass[] {
  const of = (name: string, value: number, description: string): PriorityClass => ({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name },
    value,
    globalDefault: false,
    description,
    preemptionPolicy: 'PreemptLowerPriority',
  });
  return [
    of('system-node-critical', 2_000_001_000, 'For pods that a node cannot do without.'),
    of('system-cluster-critical', 2_000_000_000, 'For pods that the cluster cannot do without.'),
  ];
}

function defaultServiceCidr({ serviceCidr }: BootstrapFacts): ServiceCIDR {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name: 'kubernetes' },
    spec: { cidrs: [serviceCidr] },
  };
}

/** What aggregated API servers need to trust the requests that this server passes on to them. */
function extensionAuthentication({ clusterCa, frontProxyCa }: BootstrapFacts): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'extension-apiserver-authentication', namespace: 'kube-system' },
    data: {
      'client-ca-file': clusterCa,
      'requestheader-client-ca-file': frontProxyCa,
      'requestheader-allowed-names': '["front-proxy-client"]',
      'requestheader-username-headers': '["X-Remote-User"]',
      'requestheader-uid-headers': '["X-Remote-Uid"]',
      'requestheader-group-headers': '["X-Remote-Group"]',
      'requestheader-extra-headers-prefix': '["X-Remote-Extra-"]',
    },
  };
}

function clusterSettings({ settings }: BootstrapFacts): ConfigMap {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'skiff-cluster', namespace: 'kube-system' },
    data: settings,
  };
}

/** The service that pods reach the API by. */
export function kubernetesService({ serviceAddress, apiPort }: BootstrapFacts): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'kubernetes', namespace: 'default', labels: { component: 'apiserver', provider: 'kubernetes' } },
    spec: {
      type: 'ClusterIP',
      clusterIP: serviceAddress,
      clusterIPs: [serviceAddress],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      sessionAffinity: 'None',
      ports: [{ name: 'https', port: 443, protocol: 'TCP', targetPort: apiPort }],
    },
  };
}

/** Has no selector and no endpoints: every node answers this address itself. */
export function dnsService({ clusterDns }: BootstrapFacts): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: 'kube-dns',
      namespace: 'kube-system',
      labels: { 'k8s-app': 'kube-dns', 'kubernetes.io/cluster-service': 'true', 'kubernetes.io/name': 'CoreDNS' },
    },
    spec: {
      type: 'ClusterIP',
      clusterIP: clusterDns,
      clusterIPs: [clusterDns],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP', targetPort: 53 },
        { name: 'dns-tcp', port: 53, protocol: 'TCP', targetPort: 53 },
        { name: 'metrics', port: 9153, protocol: 'TCP', targetPort: 9153 },
      ],
    },
  };
}
