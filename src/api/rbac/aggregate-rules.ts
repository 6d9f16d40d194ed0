import { labelSelectorOf } from '../meta/selectors.ts';
import type { ClusterRole, PolicyRule } from './v1.ts';

/**
 * The rules an aggregated ClusterRole must have: those of every other role its selectors pick, in order of name, each
 * once. Undefined for a role that does not aggregate.
 */
export function aggregateRules(role: ClusterRole, all: readonly ClusterRole[]): PolicyRule[] | undefined {
  if (role.aggregationRule === undefined) return undefined;
  const selectors = (role.aggregationRule.clusterRoleSelectors ?? []).map(labelSelectorOf);
  const picked = all
    .filter(({ metadata }) => metadata.name !== role.metadata.name)
    .filter(({ metadata }) => selectors.some((selector) => selector.matches(metadata.labels)))
    .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  const rules = new Map<string, PolicyRule>();
  for (const rule of picked.flatMap(({ rules = [] }) => rules)) rules.set(JSON.stringify(rule), rule);
  return [...rules.values()];
}
