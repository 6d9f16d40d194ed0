import { describe, expect, test } from 'vitest';
import type { ClusterRole } from '#api/rbac/v1.ts';
import { reconciled } from './bootstrap.ts';
import { AUTO_UPDATE, bootstrapClusterRoleBindings, bootstrapClusterRoles } from './rbac.ts';
import { parseRule } from './role-table.ts';

describe('parseRule', () => {
  test.each([
    {
      name: 'one group',
      text: 'core/{pods}:R',
      expected: { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
    },
    {
      name: 'several groups and resources',
      text: 'apps,extensions/{deployments,deployments/scale}:get',
      expected: { apiGroups: ['apps', 'extensions'], resources: ['deployments', 'deployments/scale'], verbs: ['get'] },
    },
    {
      name: 'names',
      text: 'core/{configmaps}[a,b]:get,update',
      expected: { apiGroups: [''], resources: ['configmaps'], resourceNames: ['a', 'b'], verbs: ['get', 'update'] },
    },
    {
      name: 'paths',
      text: 'URL{/healthz,/api/*}:get',
      expected: { nonResourceURLs: ['/healthz', '/api/*'], verbs: ['get'] },
    },
    { name: 'everything', text: '*/{*}:*', expected: { apiGroups: ['*'], resources: ['*'], verbs: ['*'] } },
  ])('$name', ({ text, expected }) => {
    expect(parseRule(text)).toEqual(expected);
  });
  test('refuses what it cannot read', () => expect(() => parseRule('core/pods:get')).toThrow('Cannot read the rule'));
});

test('every binding leads to a role that is there', () => {
  const names = new Set(bootstrapClusterRoles().map(({ metadata }) => metadata.name));
  expect(bootstrapClusterRoleBindings().filter(({ roleRef }) => !names.has(roleRef.name))).toEqual([]);
  expect(names.has('cluster-admin')).toBe(true);
  expect(names.size).toBeGreaterThan(60);
});

describe('reconciled', () => {
  const [pods, nodes] = [parseRule('core/{pods}:get'), parseRule('core/{nodes}:get')];
  const role = (rules: ClusterRole['rules'], annotations = {}): ClusterRole => ({
    kind: 'ClusterRole',
    metadata: { name: 'r', annotations },
    rules,
  });
  test('adds missing rules and keeps extra ones', () => {
    expect(reconciled(role([nodes]), role([pods]))).toMatchObject({ rules: [nodes, pods] });
  });
  test('leaves what is complete', () => expect(reconciled(role([nodes, pods]), role([pods]))).toBeUndefined());
  test('leaves what a user took over', () => {
    expect(reconciled(role([], { [AUTO_UPDATE]: 'false' }), role([pods]))).toBeUndefined();
  });
});
