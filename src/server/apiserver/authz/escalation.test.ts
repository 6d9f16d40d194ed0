import { beforeEach, describe, expect, test } from 'vitest';
import { clusterRoleBindings, clusterRoles, type PolicyRule, roleBindings, roles } from '#api/rbac/v1.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';
import { ServerAuthorizer } from './authorizer.ts';
import { checkBindingEscalation, checkRoleEscalation } from './escalation.ts';
import { renderRule, uncoveredRules } from './rules.ts';

const rule = (groups: string, resources: string, verbs: string, names?: string): PolicyRule => ({
  apiGroups: groups.split(','),
  resources: resources.split(','),
  verbs: verbs.split(','),
  ...(names !== undefined && { resourceNames: names.split(',') }),
});

test.each([
  { name: 'the same rule', owned: [rule('', 'pods', 'get')], wanted: rule('', 'pods', 'get'), missing: [] },
  {
    name: 'two rules together',
    owned: [rule('', 'pods', 'get'), rule('', 'pods', 'list')],
    wanted: rule('', 'pods', 'get,list'),
    missing: [],
  },
  { name: 'wildcards', owned: [rule('*', '*', '*')], wanted: rule('apps', 'deployments/scale', 'update'), missing: [] },
  {
    name: 'a subresource wildcard',
    owned: [rule('apps', '*/scale', 'get')],
    wanted: rule('apps', 'deployments/scale', 'get'),
    missing: [],
  },
  {
    name: 'not a subresource by its resource',
    owned: [rule('', 'pods', 'get')],
    wanted: rule('', 'pods/log', 'get'),
    missing: ['{APIGroups:[""], Resources:["pods/log"], Verbs:["get"]}'],
  },
  {
    name: 'not all names by one name',
    owned: [rule('', 'secrets', 'get', 'a')],
    wanted: rule('', 'secrets', 'get'),
    missing: ['{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'],
  },
  {
    name: 'one name by all names',
    owned: [rule('', 'secrets', 'get')],
    wanted: rule('', 'secrets', 'get', 'a'),
    missing: [],
  },
  {
    name: 'not a wildcard by members',
    owned: [rule('', 'pods', 'get,list')],
    wanted: rule('', 'pods', '*'),
    missing: ['{APIGroups:[""], Resources:["pods"], Verbs:["*"]}'],
  },
  {
    name: 'paths below a prefix',
    owned: [{ nonResourceURLs: ['/metrics/*'], verbs: ['get'] }],
    wanted: { nonResourceURLs: ['/metrics/slis'], verbs: ['get'] },
    missing: [],
  },
  {
    name: 'not the prefix itself',
    owned: [{ nonResourceURLs: ['/a'], verbs: ['get'] }],
    wanted: { nonResourceURLs: ['/*'], verbs: ['get'] },
    missing: ['{NonResourceURLs:["/*"], Verbs:["get"]}'],
  },
])('uncoveredRules covers $name', ({ owned, wanted, missing }) => {
  expect(uncoveredRules(owned, [wanted]).map(renderRule)).toEqual(missing);
});

describe('escalation', () => {
  const jane = { username: 'jane', groups: ['dev', 'system:authenticated'] };
  let cache = new MemoryCache();
  let authorizer = new ServerAuthorizer(cache);

  beforeEach(() => {
    cache = new MemoryCache();
    authorizer = new ServerAuthorizer(cache);
    cache.put(clusterRoles, { metadata: { name: 'pods' }, rules: [rule('', 'pods', 'get,list')] });
    cache.put(clusterRoleBindings, {
      metadata: { name: 'pods' },
      roleRef: { kind: 'ClusterRole', name: 'pods' },
      subjects: [{ kind: 'Group', name: 'dev' }],
    });
  });

  const check = (ref: typeof roles | typeof roleBindings | typeof clusterRoles) => ({
    user: jane,
    authorizer,
    ref,
    namespace: 'dev',
    name: 'x',
  });

  test('may give what it has', () => {
    expect(() => checkRoleEscalation(check(roles), [rule('', 'pods', 'get')])).not.toThrow();
  });

  test('may not give what it has not', () => {
    expect(() => checkRoleEscalation(check(roles), [rule('', 'secrets', 'get,list')])).toThrow(
      'roles.rbac.authorization.k8s.io "x" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["secrets"], Verbs:["get" "list"]}',
    );
  });

  test('may with the verb escalate', () => {
    cache.put(roles, {
      metadata: { namespace: 'dev', name: 'e' },
      rules: [rule('rbac.authorization.k8s.io', 'roles', 'escalate')],
    });
    cache.put(roleBindings, {
      metadata: { namespace: 'dev', name: 'e' },
      roleRef: { kind: 'Role', name: 'e' },
      subjects: [{ kind: 'User', name: 'jane' }],
    });
    expect(() => checkRoleEscalation(check(roles), [rule('', 'secrets', 'get')])).not.toThrow();
  });

  test.each([
    { name: 'a role whose rules it has', role: 'pods', grant: undefined, fails: undefined },
    { name: 'not a stronger role', role: 'strong', grant: undefined, fails: 'not currently held' },
    {
      name: 'a stronger role with the verb bind',
      role: 'strong',
      grant: rule('rbac.authorization.k8s.io', 'clusterroles', 'bind', 'strong'),
      fails: undefined,
    },
    {
      name: 'not a role that is missing',
      role: 'gone',
      grant: undefined,
      fails: 'clusterroles.rbac.authorization.k8s.io "gone" not found',
    },
  ])('binds $name', ({ role, grant, fails }) => {
    cache.put(clusterRoles, { metadata: { name: 'strong' }, rules: [rule('', 'nodes', 'delete')] });
    if (grant !== undefined)
      cache.put(clusterRoles, { metadata: { name: 'pods' }, rules: [rule('', 'pods', 'get,list'), grant] });
    const run = () => checkBindingEscalation(check(roleBindings), { kind: 'ClusterRole', name: role }, cache);
    if (fails === undefined) expect(run).not.toThrow();
    else expect(run).toThrow(fails);
  });
});
