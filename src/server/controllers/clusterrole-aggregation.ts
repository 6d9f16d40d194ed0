import { deepEqual } from '#api/meta/clone.ts';
import { labelSelectorOf } from '#api/meta/selectors.ts';
import { type ClusterRole, clusterRoles, type PolicyRule } from '#api/rbac/v1.ts';
import { type Controller, type ControllerDeps, watches } from './controller.ts';

/** Fills ClusterRoles that collect the rules of others by label: admin, edit, view and whatever users define. */
export function clusterRoleAggregationController({ client, cache }: ControllerDeps): Controller {
  return {
    name: 'clusterrole-aggregation-controller',
    primary: clusterRoles,
    watches: [
      watches(clusterRoles, () =>
        cache
          .list(clusterRoles)
          .filter(({ aggregationRule }) => aggregationRule !== undefined)
          .map(({ metadata }) => metadata),
      ),
    ],
    async reconcile({ name }, { signal }) {
      const role = cache.get(clusterRoles, { name });
      if (role?.aggregationRule === undefined) return;
      const rules = aggregateRules(role, cache.list(clusterRoles));
      if (deepEqual(rules, role.rules ?? [])) return;
      await client.patch(clusterRoles, { name }, { rules }, { type: 'merge', signal });
    },
  };
}

/** The rules of every role that one of the selectors picks, each once, in the order of names. Pure. */
export function aggregateRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] {
  const matchers = (role.aggregationRule?.clusterRoleSelectors ?? []).map((selector) => labelSelectorOf(selector));
  const picked = all
    .filter(
      ({ metadata }) =>
        metadata.name !== role.metadata.name && matchers.some(({ matches }) => matches(metadata.labels)),
    )
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  const rules = new Map<string, PolicyRule>();
  for (const { rules: own } of picked) for (const rule of own ?? []) rules.set(JSON.stringify(rule), rule);
  return [...rules.values()];
}
