import { beforeEach, describe, expect, test } from 'vitest';
import type { UserInfo } from '#api/admission/request.ts';
import { persistentVolumeClaims, pods } from '#api/core/v1.ts';
import { clusterRoleBindings, clusterRoles, type PolicyRule, roleBindings, roles } from '#api/rbac/v1.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';
import type { NonResourceAttributes, ResourceAttributes } from '../auth.ts';
import { ServerAuthorizer } from './authorizer.ts';

const RBAC = 'rbac.authorization.k8s.io';
let cache = new MemoryCache();
let authorizer = new ServerAuthorizer(cache);

beforeEach(() => {
  cache = new MemoryCache();
  authorizer = new ServerAuthorizer(cache);
});

const user = (username: string, ...groups: string[]): UserInfo => ({
  username,
  groups: [...groups, 'system:authenticated'],
});

/** `get ns/pods/web`, `create -/nodes`, `get dev/pods/web:log`, `list dev/deployments.apps`, `get /healthz`. */
function attributes(text: string): ResourceAttributes | NonResourceAttributes {
  const [verb = '', where = ''] = text.split(' ');
  if (where.startsWith('/')) return { verb, path: where };
  const [namespace = '', plural = '', rest = ''] = where.split('/');
  const [resource = '', ...group] = plural.split('.');
  const [name = '', subresource] = rest.split(':');
  return {
    verb,
    group: group.join('.'),
    version: 'v1',
    resource,
    namespace: namespace === '-' ? '' : namespace,
    name,
    subresource,
  };
}

function clusterRole(name: string, ...rules: PolicyRule[]) {
  cache.put(clusterRoles, { metadata: { name }, rules });
}
function bindCluster(role: string, kind: string, subject: string, namespace?: string) {
  const subjects = [{ kind, name: subject, ...(namespace !== undefined && { namespace }) }];
  cache.put(clusterRoleBindings, {
    metadata: { name: `${role}-${subject}` },
    roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: role },
    subjects,
  });
}

describe('RBAC decisions', () => {
  beforeEach(() => {
    clusterRole('reader', { apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', 'list'] });
    clusterRole('scaler', { apiGroups: ['*'], resources: ['*/scale'], verbs: ['update'] });
    clusterRole('probe', { nonResourceURLs: ['/healthz', '/metrics/*'], verbs: ['get'] });
    clusterRole('one', { apiGroups: [''], resources: ['secrets'], resourceNames: ['mine'], verbs: ['get', 'create'] });
    clusterRole('all', { apiGroups: ['*'], resources: ['*'], verbs: ['*'] });
    bindCluster('reader', 'User', 'jane');
    bindCluster('scaler', 'Group', 'ops');
    bindCluster('probe', 'Group', 'system:authenticated');
    bindCluster('all', 'ServiceAccount', 'robot', 'ci');
    cache.put(roles, {
      metadata: { namespace: 'dev', name: 'admin' },
      rules: [{ apiGroups: ['apps'], resources: ['*'], verbs: ['*'] }],
    });
    cache.put(roleBindings, {
      metadata: { namespace: 'dev', name: 'b' },
      roleRef: { apiGroup: RBAC, kind: 'Role', name: 'admin' },
      subjects: [
        { kind: 'User', name: 'jane' },
        { kind: 'ServiceAccount', name: 'builder' },
      ],
    });
    cache.put(roleBindings, {
      metadata: { namespace: 'dev', name: 'c' },
      roleRef: { apiGroup: RBAC, kind: 'ClusterRole', name: 'one' },
      subjects: [{ kind: 'User', name: 'jane' }],
    });
  });

  test.each([
    { who: user('jane'), what: 'get dev/pods/web', allowed: true },
    { who: user('jane'), what: 'get dev/pods/web:log', allowed: true },
    { who: user('jane'), what: 'list -/pods', allowed: true },
    { who: user('jane'), what: 'delete dev/pods/web', allowed: false },
    { who: user('jane'), what: 'get dev/pods/web:exec', allowed: false },
    { who: user('jane'), what: 'get dev/pods.metrics.k8s.io/web', allowed: false },
    { who: user('jane'), what: 'delete dev/deployments.apps/web', allowed: true },
    { who: user('jane'), what: 'update dev/deployments.apps/web:status', allowed: true },
    { who: user('jane'), what: 'delete prod/deployments.apps/web', allowed: false },
    { who: user('jane'), what: 'delete -/deployments.apps', allowed: false },
    { who: user('jane'), what: 'get dev/secrets/mine', allowed: true },
    { who: user('jane'), what: 'get dev/secrets/other', allowed: false },
    { who: user('jane'), what: 'create dev/secrets', allowed: false },
    { who: user('bob', 'ops'), what: 'update x/statefulsets.apps/a:scale', allowed: true },
    { who: user('bob', 'ops'), what: 'update x/statefulsets.apps/a', allowed: false },
    { who: user('bob'), what: 'update x/statefulsets.apps/a:scale', allowed: false },
    { who: user('bob'), what: 'get /healthz', allowed: true },
    { who: user('bob'), what: 'get /metrics/slis', allowed: true },
    { who: user('bob'), what: 'get /metrics', allowed: false },
    { who: { username: 'x', groups: [] }, what: 'get /healthz', allowed: false },
    { who: user('system:serviceaccount:ci:robot'), what: 'deletecollection x/anything.example.com', allowed: true },
    { who: user('system:serviceaccount:ci:robot'), what: 'get /healthz2', allowed: false },
    { who: user('system:serviceaccount:dev:builder'), what: 'create dev/jobs.apps', allowed: true },
    { who: user('system:serviceaccount:dev:builder'), what: 'create dev/jobs.batch', allowed: false },
    { who: user('root', 'system:masters'), what: 'delete -/nodes/a', allowed: true },
    { who: user('root', 'system:masters'), what: 'post /anything', allowed: true },
  ])('$who.username: $what is $allowed', ({ who, what, allowed }) => {
    expect(authorizer.authorize(who, attributes(what)).allowed).toBe(allowed);
  });

  test('says which binding allowed it', () => {
    expect(authorizer.authorize(user('jane'), attributes('get dev/pods/web')).reason).toBe(
      'RBAC: allowed by ClusterRoleBinding "reader-jane" of ClusterRole "reader" to User "jane"',
    );
  });

  test('follows changed and deleted roles and bindings', () => {
    const get = attributes('get dev/pods/web');
    clusterRole('reader', { apiGroups: [''], resources: ['nodes'], verbs: ['get'] });
    expect(authorizer.authorize(user('jane'), get).allowed).toBe(false);
    clusterRole('reader', { apiGroups: [''], resources: ['pods'], verbs: ['get'] });
    expect(authorizer.authorize(user('jane'), get).allowed).toBe(true);
    cache.remove(clusterRoleBindings, { name: 'reader-jane' });
    expect(authorizer.authorize(user('jane'), get).allowed).toBe(false);
  });

  test('rulesFor lists what a user has in one namespace', () => {
    const { resourceRules, nonResourceRules, incomplete } = authorizer.rulesFor(user('jane'), 'dev');
    expect(resourceRules.map(({ resources }) => resources)).toEqual([['pods', 'pods/log'], ['*'], ['secrets']]);
    expect(nonResourceRules).toEqual([{ verbs: ['get'], nonResourceURLs: ['/healthz', '/metrics/*'] }]);
    expect(incomplete).toBe(false);
  });
});

describe('nodes', () => {
  const node = user('system:node:a', 'system:nodes');

  beforeEach(() => {
    clusterRole(
      'system:node',
      { apiGroups: [''], resources: ['nodes', 'nodes/status'], verbs: ['create', 'get', 'update'] },
      { apiGroups: [''], resources: ['secrets'], verbs: ['get'] },
    );
    cache.put(pods, {
      metadata: { namespace: 'dev', name: 'p', uid: 'u1' },
      spec: {
        nodeName: 'a',
        serviceAccountName: 'runner',
        containers: [
          {
            name: 'c',
            env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'env', key: 'k' } } }],
            envFrom: [{ configMapRef: { name: 'settings' } }],
          },
        ],
        volumes: [
          { name: 'v', secret: { secretName: 'files' } },
          { name: 'd', persistentVolumeClaim: { claimName: 'data' } },
          { name: 't', projected: { sources: [{ configMap: { name: 'kube-root-ca.crt' } }] } },
        ],
      },
    });
    cache.put(persistentVolumeClaims, { metadata: { namespace: 'dev', name: 'data' }, spec: { volumeName: 'pv-1' } });
  });

  test.each([
    { what: 'get dev/secrets/env', allowed: true },
    { what: 'watch dev/secrets/files', allowed: true },
    { what: 'get dev/secrets/other', allowed: false },
    { what: 'get prod/secrets/env', allowed: false },
    { what: 'list dev/secrets', allowed: false },
    { what: 'update dev/secrets/env', allowed: false },
    { what: 'get dev/configmaps/settings', allowed: true },
    { what: 'get dev/configmaps/kube-root-ca.crt', allowed: true },
    { what: 'get dev/persistentvolumeclaims/data', allowed: true },
    { what: 'get -/persistentvolumes/pv-1', allowed: true },
    { what: 'get -/persistentvolumes/pv-2', allowed: false },
    { what: 'create dev/serviceaccounts/runner:token', allowed: true },
    { what: 'create dev/serviceaccounts/default:token', allowed: false },
    { what: 'get dev/serviceaccounts/runner', allowed: true },
    { what: 'create -/nodes', allowed: true },
    { what: 'update -/nodes/a:status', allowed: true },
    { what: 'update -/nodes/b:status', allowed: false },
    { what: 'get -/nodes/b', allowed: true },
    { what: 'update kube-node-lease/leases.coordination.k8s.io/a', allowed: true },
    { what: 'update kube-node-lease/leases.coordination.k8s.io/b', allowed: false },
    { what: 'update kube-system/leases.coordination.k8s.io/a', allowed: false },
    { what: 'delete dev/deployments.apps/x', allowed: false },
  ])('$what is $allowed', ({ what, allowed }) => {
    expect(authorizer.authorize(node, attributes(what)).allowed).toBe(allowed);
  });

  test('the name alone makes no node', () => {
    expect(authorizer.authorize(user('system:node:a'), attributes('get dev/secrets/env')).allowed).toBe(false);
  });

  test('a pod that leaves takes its rights along', () => {
    cache.remove(pods, { namespace: 'dev', name: 'p' });
    expect(authorizer.authorize(node, attributes('get dev/secrets/env')).allowed).toBe(false);
  });

  test('what RBAC grants beyond the node role holds as well', () => {
    clusterRole('extra', { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], verbs: ['list'] });
    bindCluster('extra', 'Group', 'system:nodes');
    expect(authorizer.authorize(node, attributes('list -/endpointslices.discovery.k8s.io')).allowed).toBe(true);
  });
});
