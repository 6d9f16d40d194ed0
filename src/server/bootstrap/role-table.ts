import type { ClusterRole, PolicyRule } from '#api/rbac/v1.ts';

/** One ClusterRole in short. */
export interface RoleRow {
  readonly name: string;
  /** The role whose rules include this one's: admin, edit or view. */
  readonly aggregateTo?: string;
  /** The role is filled from those with this `aggregateTo`. */
  readonly aggregates?: string;
  readonly rules: readonly string[];
}

const AGGREGATE = 'rbac.authorization.k8s.io/aggregate-to-';

/** Bundles of verbs that recur. */
const VERBS: Readonly<Record<string, readonly string[]>> = {
  R: ['get', 'list', 'watch'],
  LW: ['list', 'watch'],
  W: ['create', 'delete', 'deletecollection', 'patch', 'update'],
  ALL: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
};

/**
 * One rule from its short form: `groups/{resources}[names]:verbs` or `URL{paths}:verbs`, each a list with commas. The group
 * `core` is the empty one; R, LW, W and ALL stand for bundles of verbs. Throws for anything else.
 */
export function parseRule(text: string): PolicyRule {
  const match = /^(URL|[^{]+\/)\{([^}]*)\}(?:\[([^\]]*)\])?:(.+)$/.exec(text);
  if (match === null) throw new Error(`Cannot read the rule "${text}"`);
  const [, where = '', what = '', names, verbText = ''] = match;
  const verbs = verbText.split(',').flatMap((verb) => VERBS[verb] ?? [verb]);
  if (where === 'URL') return { nonResourceURLs: what.split(','), verbs };
  const apiGroups = where
    .slice(0, -1)
    .split(',')
    .map((group) => (group === 'core' ? '' : group));
  return {
    apiGroups,
    resources: what.split(','),
    ...(names !== undefined && { resourceNames: names.split(',') }),
    verbs,
  };
}

/** The ClusterRole of a row. */
export function clusterRoleOf({ name, aggregateTo, aggregates, rules }: RoleRow): ClusterRole {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name, ...(aggregateTo !== undefined && { labels: { [`${AGGREGATE}${aggregateTo}`]: 'true' } }) },
    ...(aggregates !== undefined && {
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [`${AGGREGATE}${aggregates}`]: 'true' } }] },
    }),
    rules: rules.map(parseRule),
  };
}
