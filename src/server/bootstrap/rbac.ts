import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding, Subject } from '#api/rbac/v1.ts';
import { CLUSTER_ROLES } from './cluster-roles.ts';
import { CONTROLLER_ROLES } from './controller-roles.ts';
import { clusterRoleOf, parseRule } from './role-table.ts';

const GROUP = 'rbac.authorization.k8s.io';
const API_VERSION = `${GROUP}/v1`;
const CONTROLLER_PREFIX = 'system:controller:';

/** Marks what the server keeps up to date by itself; users may switch that off with the annotation. */
export const AUTO_UPDATE = 'rbac.authorization.kubernetes.io/autoupdate';
const OWN = {
  labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' },
  annotations: { [AUTO_UPDATE]: 'true' },
} as const;

const group = (name: string): Subject => ({ apiGroup: GROUP, kind: 'Group', name });
const user = (name: string): Subject => ({ apiGroup: GROUP, kind: 'User', name });
const account = (name: string): Subject => ({ kind: 'ServiceAccount', name, namespace: 'kube-system' });

/** Who has which ClusterRole from the start; bindings bear the role's name unless another is given. */
const BINDINGS: readonly { role: string; name?: string; subjects: readonly Subject[] }[] = [
  { role: 'cluster-admin', subjects: [group('system:masters')] },
  { role: 'system:monitoring', subjects: [group('system:monitoring')] },
  { role: 'system:discovery', subjects: [group('system:authenticated')] },
  { role: 'system:basic-user', subjects: [group('system:authenticated')] },
  { role: 'system:public-info-viewer', subjects: [group('system:authenticated'), group('system:unauthenticated')] },
  { role: 'system:node-proxier', subjects: [user('system:kube-proxy')] },
  { role: 'system:kube-controller-manager', subjects: [user('system:kube-controller-manager')] },
  { role: 'system:kube-scheduler', subjects: [user('system:kube-scheduler')] },
  { role: 'system:volume-scheduler', subjects: [user('system:kube-scheduler')] },
  { role: 'system:kube-dns', subjects: [account('kube-dns')] },
  { role: 'system:service-account-issuer-discovery', subjects: [group('system:serviceaccounts')] },
  { role: 'system:node', subjects: [] },
  // What a node may do before it has a certificate: ask for one.
  { role: 'system:node-bootstrapper', name: 'skiff:node-bootstrapper', subjects: [group('system:bootstrappers')] },
  // Every node runs the service proxy and the cluster DNS itself.
  { role: 'system:node-proxier', name: 'skiff:node-proxier', subjects: [group('system:nodes')] },
  { role: 'skiff:node-network', subjects: [group('system:nodes')] },
];

/** Controllers that upstream does not have. */
const OWN_ROLES: readonly { name: string; rules: readonly string[] }[] = [
  {
    name: 'skiff:node-network',
    rules: [
      'core/{namespaces,pods}:R',
      'core/{configmaps}[skiff-cluster]:get',
      'networking.k8s.io/{networkpolicies}:R',
    ],
  },
];

const OWN_CONTROLLERS: readonly { name: string; rules: readonly string[] }[] = [
  {
    name: 'node-ipam-controller',
    rules: ['core/{nodes}:get,list,patch,watch', 'core,events.k8s.io/{events}:create,patch,update'],
  },
  {
    name: 'taint-eviction-controller',
    rules: [
      'core/{nodes}:R',
      'core/{pods}:delete,get,list,watch',
      'core/{pods/status}:patch',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'certificate-approver',
    rules: [
      'certificates.k8s.io/{certificatesigningrequests}:R',
      'certificates.k8s.io/{certificatesigningrequests/approval}:update',
      'certificates.k8s.io/{signers}[kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving]:approve',
    ],
  },
  { name: 'certificate-cleaner', rules: ['certificates.k8s.io/{certificatesigningrequests}:delete,get,list,watch'] },
  {
    name: 'tokens-controller',
    rules: [
      'core/{secrets}:create,delete,get,list,patch,update,watch',
      'core/{serviceaccounts}:R',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
];

export function bootstrapClusterRoles(): ClusterRole[] {
  const own = OWN_CONTROLLERS.map(({ name, rules }) => ({ name: `${CONTROLLER_PREFIX}${name}`, rules }));
  const known = new Set(CONTROLLER_ROLES.map(({ name }) => name));
  const rows = [...CLUSTER_ROLES, ...CONTROLLER_ROLES, ...OWN_ROLES, ...own.filter(({ name }) => !known.has(name))];
  return rows.map((row) => {
    const role = clusterRoleOf(row);
    return {
      ...role,
      metadata: { ...role.metadata, labels: { ...role.metadata.labels, ...OWN.labels }, annotations: OWN.annotations },
    };
  });
}

export function bootstrapClusterRoleBindings(): ClusterRoleBinding[] {
  const general = BINDINGS.map(({ role, name = role, subjects }) => clusterRoleBinding(name, role, subjects));
  const controllers = bootstrapClusterRoles()
    .map(({ metadata }) => metadata.name)
    .filter((name) => name.startsWith(CONTROLLER_PREFIX))
    .map((name) => clusterRoleBinding(name, name, [account(name.slice(CONTROLLER_PREFIX.length))]));
  return [...general, ...controllers];
}

function clusterRoleBinding(name: string, role: string, subjects: readonly Subject[]): ClusterRoleBinding {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterRoleBinding',
    metadata: { name, ...OWN },
    roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: role },
    ...(subjects.length > 0 && { subjects: [...subjects] }),
  };
}

interface NamespacedRow {
  readonly namespace: string;
  readonly name: string;
  /** Of the binding, where it is not the role's name. */
  readonly bindingName?: string;
  readonly rules: readonly string[];
  readonly subjects: readonly Subject[];
}

const LEADERS = (component: string): NamespacedRow => ({
  namespace: 'kube-system',
  name: `system::leader-locking-${component}`,
  rules: ['core/{configmaps}:watch', `core/{configmaps}[${component}]:get,update`],
  subjects: [user(`system:${component}`), account(component)],
});

const NAMESPACED: readonly NamespacedRow[] = [
  {
    namespace: 'kube-system',
    name: 'extension-apiserver-authentication-reader',
    bindingName: 'system::extension-apiserver-authentication-reader',
    rules: ['core/{configmaps}[extension-apiserver-authentication]:R'],
    subjects: [user('system:kube-controller-manager'), user('system:kube-scheduler')],
  },
  LEADERS('kube-controller-manager'),
  LEADERS('kube-scheduler'),
  {
    namespace: 'kube-system',
    name: 'system:controller:bootstrap-signer',
    rules: ['core/{secrets}:R'],
    subjects: [account('bootstrap-signer')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:cloud-provider',
    rules: ['core/{configmaps}:create,get,list,watch'],
    subjects: [account('cloud-provider')],
  },
  {
    namespace: 'kube-system',
    name: 'system:controller:token-cleaner',
    rules: ['core/{secrets}:delete,get,list,watch', 'core,events.k8s.io/{events}:create,patch,update'],
    subjects: [account('token-cleaner')],
  },
  {
    namespace: 'kube-public',
    name: 'system:controller:bootstrap-signer',
    rules: [
      'core/{configmaps}:R',
      'core/{configmaps}[cluster-info]:update',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
    subjects: [account('bootstrap-signer')],
  },
];

export function bootstrapRoles(): Role[] {
  return NAMESPACED.map(({ namespace, name, rules }) => ({
    apiVersion: API_VERSION,
    kind: 'Role',
    metadata: { namespace, name, ...OWN },
    rules: rules.map(parseRule),
  }));
}

export function bootstrapRoleBindings(): RoleBinding[] {
  return NAMESPACED.map(({ namespace, name, bindingName = name, subjects }) => ({
    apiVersion: API_VERSION,
    kind: 'RoleBinding',
    metadata: { namespace, name: bindingName, ...OWN },
    roleRef: { apiGroup: GROUP, kind: 'Role', name },
    subjects: [...subjects],
  }));
}
