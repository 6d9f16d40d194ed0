import type { ClusterRole, ClusterRoleBinding, Role, RoleBinding } from '../generated/rbac-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/rbac-v1.ts';

export const clusterRoleBindings: ResourceRef<ClusterRoleBinding> = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRoleBinding',
  plural: 'clusterrolebindings',
  namespaced: false,
};
export const clusterRoles: ResourceRef<ClusterRole> = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  namespaced: false,
};
export const roleBindings: ResourceRef<RoleBinding> = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'RoleBinding',
  plural: 'rolebindings',
  namespaced: true,
};
export const roles: ResourceRef<Role> = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  namespaced: true,
};
