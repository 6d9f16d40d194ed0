import { deepEqual } from '#api/meta/clone.ts';
import { checkDns1123Label, checkDns1123Subdomain, checkPathSegmentName } from '#api/meta/names.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import { type FieldError, invalidValue, notSupported, required } from '#api/meta/validation.ts';
import { defaultRoleBinding } from '#api/rbac/defaults.ts';
import {
  type ClusterRoleBinding,
  clusterRoleBindings,
  type RoleBinding,
  type RoleRef,
  roleBindings,
  type Subject,
} from '#api/rbac/v1.ts';
import type { Authorizer } from '#server/apiserver/auth.ts';
import { checkBindingEscalation } from '#server/apiserver/authz/escalation.ts';
import {
  ageColumn,
  type Column,
  defineResource,
  nameColumn,
  type RequestContext,
  type ResourceDefinition,
} from '#server/apiserver/resource.ts';
import { each, requireName, requireText } from '../validate.ts';

const GROUP = 'rbac.authorization.k8s.io';

/** RoleBinding: who has a role in one namespace. */
export function roleBindingResource(authorizer: () => Authorizer): ResourceDefinition<RoleBinding> {
  return defineBinding<RoleBinding>(roleBindings, authorizer, ['Role', 'ClusterRole']);
}

/** ClusterRoleBinding: who has a role everywhere. */
export function clusterRoleBindingResource(authorizer: () => Authorizer): ResourceDefinition<ClusterRoleBinding> {
  return defineBinding<ClusterRoleBinding>(clusterRoleBindings, authorizer, ['ClusterRole']);
}

function defineBinding<T extends RoleBinding | ClusterRoleBinding>(
  ref: ResourceRef<T>,
  authorizer: () => Authorizer,
  kinds: readonly string[],
): ResourceDefinition<T> {
  const requireHeld = ({ metadata, roleRef }: T, { user, cache }: RequestContext) => {
    if (roleRef === undefined) return;
    const { namespace, name } = metadata;
    checkBindingEscalation({ user, authorizer: authorizer(), ref, namespace, name }, roleRef, cache);
  };
  return defineResource<T>(ref, {
    nameRule: checkPathSegmentName,
    createOnUpdate: true,
    defaults: defaultRoleBinding,
    prepareCreate: requireHeld,
    prepareUpdate(binding, old, context) {
      if (!deepEqual(binding.subjects ?? [], old.subjects ?? [])) requireHeld(binding, context);
    },
    validate: ({ roleRef, subjects }) => [
      ...validateRoleRef(roleRef, kinds),
      ...each(subjects, 'subjects', (subject, at) => validateSubject(subject, at, { isNamespaced: ref.namespaced })),
    ],
    validateUpdate: ({ roleRef }, old) =>
      deepEqual(roleRef, old.roleRef) ? [] : [invalidValue('roleRef', roleRef, 'cannot change roleRef')],
    columns: bindingColumns<T>(),
  });
}

function validateRoleRef(roleRef: RoleRef | undefined, kinds: readonly string[]): FieldError[] {
  const { apiGroup = '', kind = '', name } = roleRef ?? {};
  return [
    ...(apiGroup === GROUP ? [] : [notSupported('roleRef.apiGroup', apiGroup, [GROUP])]),
    ...(kinds.includes(kind) ? [] : [notSupported('roleRef.kind', kind, kinds)]),
    ...requireName(name, 'roleRef.name', checkPathSegmentName),
  ];
}

function validateSubject(
  { kind = '', name, namespace = '', apiGroup = '' }: Subject,
  field: string,
  { isNamespaced }: { isNamespaced: boolean },
): FieldError[] {
  const errors = requireText(name, `${field}.name`);
  if (kind === 'ServiceAccount') {
    if (errors.length === 0) errors.push(...requireName(name, `${field}.name`, checkDns1123Subdomain));
    if (apiGroup !== '') errors.push(notSupported(`${field}.apiGroup`, apiGroup, ['']));
    if (!isNamespaced || namespace !== '')
      errors.push(
        ...(namespace === ''
          ? [required(`${field}.namespace`)]
          : requireName(namespace, `${field}.namespace`, checkDns1123Label)),
      );
    return errors;
  }
  if (kind !== 'User' && kind !== 'Group')
    return [...errors, notSupported(`${field}.kind`, kind, ['ServiceAccount', 'User', 'Group'])];
  return apiGroup === GROUP ? errors : [...errors, notSupported(`${field}.apiGroup`, apiGroup, [GROUP])];
}

function bindingColumns<T extends RoleBinding | ClusterRoleBinding>(): Column<T>[] {
  const names = (kind: string) => (binding: T) =>
    (binding.subjects ?? [])
      .filter((subject) => subject.kind === kind)
      .map((subject) => (kind === 'ServiceAccount' ? `${subject.namespace}/${subject.name}` : subject.name))
      .join(', ');
  return [
    nameColumn,
    { name: 'Role', value: ({ roleRef }) => `${roleRef?.kind}/${roleRef?.name}` },
    ageColumn,
    { name: 'Users', priority: 1, value: names('User') },
    { name: 'Groups', priority: 1, value: names('Group') },
    { name: 'ServiceAccounts', priority: 1, value: names('ServiceAccount') },
  ];
}
