import { fill } from '../schema/fill.ts';
import type { ClusterRoleBinding, RoleBinding } from './v1.ts';

const GROUP = 'rbac.authorization.k8s.io';

/** Users and groups belong to the group of roles, service accounts to the core. Modifies. */
export function defaultRoleBinding(binding: RoleBinding | ClusterRoleBinding): void {
  if (binding.roleRef !== undefined) fill(binding.roleRef, { apiGroup: GROUP });
  for (const subject of binding.subjects ?? []) {
    if (subject.kind === 'User' || subject.kind === 'Group') fill(subject, { apiGroup: GROUP });
  }
}
