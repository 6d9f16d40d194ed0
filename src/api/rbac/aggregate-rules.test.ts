import { expect, test } from 'vitest';
import { aggregateRules } from './aggregate-rules.ts';
import type { PolicyRule } from './v1.ts';

const rule = (group: string, resource: string, verb: string): PolicyRule => ({
  apiGroups: [group],
  resources: [resource],
  verbs: [verb],
});

test('aggregateRules collects the rules of the roles its selectors pick, each once', () => {
  const label = (name: string, ...rules: PolicyRule[]) => ({ metadata: { name, labels: { aggregate: 'yes' } }, rules });
  const role = {
    metadata: { name: 'all' },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { aggregate: 'yes' } }] },
  };
  const all = [
    label('b', rule('', 'pods', 'get'), rule('', 'nodes', 'get')),
    label('a', rule('', 'pods', 'get')),
    { metadata: { name: 'c' }, rules: [rule('', 'x', 'get')] },
  ];
  expect(aggregateRules(role, all)?.map(({ resources }) => resources)).toEqual([['pods'], ['nodes']]);
  expect(aggregateRules({ metadata: { name: 'plain' } }, all)).toBeUndefined();
});
