import { deepEqual } from '#api/meta/clone.ts';
import { checkPathSegmentName } from '#api/meta/names.ts';
import { validateLabelSelector } from '#api/meta/object-meta.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import { type FieldError, invalidValue, required } from '#api/meta/validation.ts';
import { type ClusterRole, clusterRoles, type PolicyRule, type Role, roles } from '#api/rbac/v1.ts';
import type { Authorizer } from '#server/apiserver/auth.ts';
import { checkRoleEscalation } from '#server/apiserver/authz/escalation.ts';
import { defineResource, type RequestContext, type ResourceDefinition } from '#server/apiserver/resource.ts';
import { each } from '../validate.ts';

/** Role: rights within one namespace. */
export function roleResource(authorizer: () => Authorizer): ResourceDefinition<Role> {
  return defineRole<Role>(roles, authorizer, (role) => validateRules(role.rules, { isNamespaced: true }));
}

/** ClusterRole: rights in the whole cluster, or to be bound in any namespace. */
export function clusterRoleResource(authorizer: () => Authorizer): ResourceDefinition<ClusterRole> {
  return defineRole<ClusterRole>(clusterRoles, authorizer, (role) => [
    ...validateRules(role.rules, { isNamespaced: false }),
    ...validateAggregation(role),
  ]);
}

function defineRole<T extends Role & { aggregationRule?: ClusterRole['aggregationRule'] }>(
  ref: ResourceRef<T>,
  authorizer: () => Authorizer,
  validate: (role: T) => FieldError[],
): ResourceDefinition<T> {
  const requireHeld = (role: T, { user }: RequestContext) => {
    const { namespace, name } = role.metadata;
    const check = { user, authorizer: authorizer(), ref, namespace, name };
    // Whoever aggregates takes rights from roles that are still to come: that takes all rights, or the verb.
    const wanted = role.aggregationRule === undefined ? (role.rules ?? []) : [...(role.rules ?? []), ...EVERYTHING];
    checkRoleEscalation(check, wanted);
  };
  return defineResource<T>(ref, {
    nameRule: checkPathSegmentName,
    createOnUpdate: true,
    validate,
    prepareCreate: requireHeld,
    prepareUpdate(role, old, context) {
      if (!deepEqual(role.rules ?? [], old.rules ?? []) || !deepEqual(role.aggregationRule, old.aggregationRule))
        requireHeld(role, context);
    },
  });
}

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

function validateRules(
  rules: readonly PolicyRule[] | undefined,
  { isNamespaced }: { isNamespaced: boolean },
): FieldError[] {
  return each(
    rules,
    'rules',
    ({ verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] }, at) => {
      if (verbs.length === 0) return [required(`${at}.verbs`, 'verbs must contain at least one value')];
      if (nonResourceURLs.length > 0) {
        if (isNamespaced)
          return [
            invalidValue(
              `${at}.nonResourceURLs`,
              nonResourceURLs,
              'namespaced rules cannot apply to non-resource URLs',
            ),
          ];
        const mixes = apiGroups.length + resources.length + resourceNames.length > 0;
        return mixes
          ? [
              invalidValue(
                `${at}.nonResourceURLs`,
                nonResourceURLs,
                'rules cannot apply to both regular resources and non-resource URLs',
              ),
            ]
          : [];
      }
      return [
        ...(apiGroups.length === 0
          ? [required(`${at}.apiGroups`, 'resource rules must supply at least one api group')]
          : []),
        ...(resources.length === 0
          ? [required(`${at}.resources`, 'resource rules must supply at least one resource')]
          : []),
      ];
    },
  );
}

function validateAggregation({ aggregationRule }: ClusterRole): FieldError[] {
  if (aggregationRule === undefined) return [];
  const field = 'aggregationRule.clusterRoleSelectors';
  const { clusterRoleSelectors } = aggregationRule;
  if ((clusterRoleSelectors ?? []).length === 0)
    return [required(field, 'at least one clusterRoleSelector required if aggregationRule is non-nil')];
  return each(clusterRoleSelectors, field, (selector, at) => validateLabelSelector(selector, at));
}
