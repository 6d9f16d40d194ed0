import { describe, expect, test } from 'vitest';
import {
  configMaps,
  events,
  type Pod,
  pods,
  type ResourceQuota,
  resourceQuotas,
  type Service,
  services,
} from '#api/core/v1.ts';
import { conflict } from '#api/meta/errors.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { admissionDeps, admissionRequest, refusalOf } from '#test/support/admission.ts';
import { resourceQuota } from './resource-quota.ts';

type Amounts = Record<string, string>;

function quota(
  hard: Amounts,
  used: Amounts,
  { name = 'q', ...spec }: ResourceQuota['spec'] & { name?: string } = {},
): ResourceQuota {
  return { metadata: { name, namespace: 'default' }, spec: { hard, ...spec }, status: { hard, used } };
}

/** A plugin whose bookings go to the cache at once, as in the server. */
function prepared(...quotas: ResourceQuota[]) {
  const writes: Amounts[] = [];
  const failures: Error[] = [];
  const deps = admissionDeps({
    client: {
      async updateStatus(ref, object) {
        await new Promise(setImmediate);
        const failure = failures.shift();
        if (failure !== undefined) throw failure;
        writes.push((object as ApiObject as ResourceQuota).status?.used ?? {});
        return deps.cache.put(ref, object);
      },
    },
  });
  for (const one of quotas) deps.cache.put(resourceQuotas, one);
  const used = (name = 'q') => deps.cache.get(resourceQuotas, { namespace: 'default', name })?.status?.used;
  return { plugin: resourceQuota(deps), cache: deps.cache, writes, failures, used };
}

function pod(spec: Partial<Pod['spec']> = {}, resources?: Pod['spec']['resources']): Pod {
  return {
    metadata: { name: 'p', namespace: 'default' },
    spec: { containers: [{ name: 'c', ...(resources && { resources }) }], ...spec },
  };
}

const create = (object: ApiObject, ref: ResourceRef = pods) => admissionRequest(ref, { object });

test('books what it lets in', async () => {
  const { plugin, used } = prepared(
    quota({ pods: '5', 'requests.memory': '1Gi' }, { pods: '4', 'requests.memory': '512Mi' }),
  );
  expect(await refusalOf(plugin, create(pod({}, { requests: { memory: '256Mi' } })))).toBeUndefined();
  expect(used()).toEqual({ pods: '5', 'requests.memory': '768Mi' });
});

test('refuses what there is no room for, and books nothing', async () => {
  const { plugin, writes } = prepared(quota({ pods: '5' }, { pods: '5' }));
  expect(await refusalOf(plugin, create(pod()))).toBe(
    'pods "p" is forbidden: exceeded quota: q, requested: pods=1, used: pods=5, limited: pods=5',
  );
  expect(writes).toEqual([]);
});

test.each([
  {
    name: 'says all that is exceeded, sorted',
    quota: quota(
      { 'requests.cpu': '1', 'limits.cpu': '2', pods: '9' },
      { 'requests.cpu': '900m', 'limits.cpu': '1800m', pods: '1' },
    ),
    object: pod({}, { requests: { cpu: '200m' }, limits: { cpu: '400m' } }),
    why: 'exceeded quota: q, requested: limits.cpu=400m,requests.cpu=200m, used: limits.cpu=1800m,requests.cpu=900m, limited: limits.cpu=2,requests.cpu=1',
  },
  {
    name: 'wants containers to say what is limited',
    quota: quota({ 'limits.cpu': '2', memory: '1Gi' }, { 'limits.cpu': '0', memory: '0' }),
    object: pod({ initContainers: [{ name: 'i', resources: { requests: { memory: '1Mi' } } }] }),
    why: 'failed quota: q: must specify limits.cpu for: c,i; memory for: c',
  },
  {
    name: 'waits until somebody has counted',
    quota: quota({ pods: '2', 'requests.cpu': '1' }, {}),
    object: pod({}, { requests: { cpu: '1m' } }),
    why: 'status unknown for quota: q, resources: pods,requests.cpu',
  },
  {
    name: 'counts objects of any kind',
    quota: quota({ 'count/widgets.example.com': '1' }, { 'count/widgets.example.com': '1' }),
    ref: { group: 'example.com', version: 'v1', kind: 'Widget', plural: 'widgets', namespaced: true },
    object: { metadata: { name: 'p', namespace: 'default' } },
    why: 'exceeded quota: q, requested: count/widgets.example.com=1, used: count/widgets.example.com=1, limited: count/widgets.example.com=1',
  },
  {
    name: 'counts config maps by their plain name',
    quota: quota({ configmaps: '1' }, { configmaps: '1' }),
    ref: configMaps,
    object: { metadata: { name: 'p', namespace: 'default' } },
    why: 'exceeded quota: q, requested: configmaps=1, used: configmaps=1, limited: configmaps=1',
  },
  {
    name: 'never counts events',
    quota: quota({ 'count/events': '1' }, { 'count/events': '1' }),
    ref: events,
    object: { metadata: { name: 'p', namespace: 'default' } },
  },
  {
    name: 'does not look at quotas of other kinds',
    quota: quota({ services: '0' }, { services: '0' }),
    object: pod(),
  },
])('$name', async ({ quota: given, ref = pods, object, why }) => {
  const refusal = await refusalOf(prepared(given).plugin, create(object, ref));
  expect(refusal?.replace(/^.*? is forbidden: /, '')).toBe(why);
});

describe('scopes', () => {
  const asking = { requests: { cpu: '1m' } };
  const high = { matchExpressions: [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }] };
  const affinity = {
    podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'zone', namespaces: ['other'] }] },
  };
  test.each([
    {
      name: 'BestEffort has pods that ask for nothing',
      scope: { scopes: ['BestEffort'] },
      object: pod(),
      counts: true,
    },
    { name: 'BestEffort has no others', scope: { scopes: ['BestEffort'] }, object: pod({}, asking), counts: false },
    {
      name: 'NotBestEffort has the others',
      scope: { scopes: ['NotBestEffort'] },
      object: pod({}, asking),
      counts: true,
    },
    {
      name: 'Terminating has pods with a deadline',
      scope: { scopes: ['Terminating'] },
      object: pod({ activeDeadlineSeconds: 9 }),
      counts: true,
    },
    {
      name: 'NotTerminating has none with a deadline',
      scope: { scopes: ['NotTerminating'] },
      object: pod({ activeDeadlineSeconds: 9 }),
      counts: false,
    },
    {
      name: 'several scopes must all hold',
      scope: { scopes: ['BestEffort', 'Terminating'] },
      object: pod(),
      counts: false,
    },
    {
      name: 'PriorityClass has pods of the class',
      scope: { scopeSelector: high },
      object: pod({ priorityClassName: 'high' }),
      counts: true,
    },
    {
      name: 'PriorityClass has no pods of another',
      scope: { scopeSelector: high },
      object: pod({ priorityClassName: 'low' }),
      counts: false,
    },
    {
      name: 'CrossNamespacePodAffinity has pods that look elsewhere',
      scope: { scopes: ['CrossNamespacePodAffinity'] },
      object: pod({ affinity }),
      counts: true,
    },
    {
      name: 'CrossNamespacePodAffinity has no others',
      scope: { scopes: ['CrossNamespacePodAffinity'] },
      object: pod(),
      counts: false,
    },
  ])('$name', async ({ scope, object, counts }) => {
    const { plugin } = prepared(quota({ pods: '0' }, { pods: '0' }, scope));
    expect((await refusalOf(plugin, create(object))) !== undefined).toBe(counts);
  });

  test('do not concern kinds that have none', async () => {
    const { plugin } = prepared(quota({ configmaps: '0' }, { configmaps: '0' }, { scopes: ['BestEffort'] }));
    const object = { metadata: { name: 'c', namespace: 'default' } };
    expect(await refusalOf(plugin, create(object, configMaps))).toBeUndefined();
  });
});

describe('changes', () => {
  const service = (spec: Service['spec']): Service => ({ metadata: { name: 's', namespace: 'default' }, spec });
  const ports = [{ port: 80 }, { port: 443 }];
  const hard = { services: '1', 'services.nodeports': '2', 'services.loadbalancers': '0' };
  const change = (object: Service['spec'], oldObject: Service['spec']) =>
    admissionRequest(services, { object: service(object), oldObject: service(oldObject) });

  test('are charged by their difference', async () => {
    const { plugin, used } = prepared(
      quota(hard, { services: '1', 'services.nodeports': '0', 'services.loadbalancers': '0' }),
    );
    expect(await refusalOf(plugin, change({ type: 'NodePort', ports }, { type: 'ClusterIP', ports }))).toBeUndefined();
    expect(used()).toEqual({ services: '1', 'services.nodeports': '2', 'services.loadbalancers': '0' });
    expect(await refusalOf(plugin, change({ type: 'LoadBalancer', ports }, { type: 'NodePort', ports }))).toBe(
      'services "s" is forbidden: exceeded quota: q, requested: services.loadbalancers=1, used: services.loadbalancers=0, limited: services.loadbalancers=0',
    );
  });

  test('that use less pass even over the limit', async () => {
    const { plugin, used } = prepared(quota({ 'services.nodeports': '1' }, { 'services.nodeports': '5' }));
    expect(await refusalOf(plugin, change({ type: 'ClusterIP', ports }, { type: 'NodePort', ports }))).toBeUndefined();
    expect(used()).toEqual({ 'services.nodeports': '3' });
  });

  test('that use the same are not written', async () => {
    const { plugin, writes } = prepared(quota({ services: '0' }, { services: '1' }));
    expect(await refusalOf(plugin, change({ type: 'ClusterIP', ports }, { type: 'ClusterIP' }))).toBeUndefined();
    expect(writes).toEqual([]);
  });

  test('of a pod are charged when it is resized', async () => {
    const { plugin, used } = prepared(quota({ 'requests.cpu': '2' }, { 'requests.cpu': '500m' }));
    const request = admissionRequest(pods, {
      object: pod({}, { requests: { cpu: '1' } }),
      oldObject: pod({}, { requests: { cpu: '500m' } }),
      subresource: 'resize',
    });
    expect(await refusalOf(plugin, request)).toBeUndefined();
    expect(used()).toEqual({ 'requests.cpu': '1' });
  });
});

describe('the books', () => {
  test('give the last place to one of many', async () => {
    const { plugin, used } = prepared(quota({ pods: '3' }, { pods: '0' }));
    const refusals = await Promise.all(Array.from({ length: 20 }, () => refusalOf(plugin, create(pod()))));
    expect(refusals.filter((refusal) => refusal === undefined)).toHaveLength(3);
    expect(used()).toEqual({ pods: '3' });
  });

  test('are written once for all who wait', async () => {
    const { plugin, writes } = prepared(quota({ pods: '100' }, { pods: '0' }));
    await Promise.all(Array.from({ length: 50 }, () => refusalOf(plugin, create(pod()))));
    expect(writes.map(({ pods: count }) => count)).toEqual(['1', '50']);
  });

  test('are read again when somebody else wrote them', async () => {
    const { plugin, failures, cache, used } = prepared(quota({ pods: '2' }, { pods: '0' }));
    failures.push(conflict(resourceQuotas, 'q'));
    const admitted = refusalOf(plugin, create(pod()));
    cache.put(resourceQuotas, quota({ pods: '2' }, { pods: '1' }));
    expect(await admitted).toBeUndefined();
    expect(used()).toEqual({ pods: '2' });
  });

  test('charge a quota only once when another must be written again', async () => {
    const { plugin, failures, used } = prepared(
      quota({ pods: '9' }, { pods: '0' }, { name: 'a' }),
      quota({ pods: '9' }, { pods: '0' }, { name: 'b' }),
    );
    failures.push(conflict(resourceQuotas, 'a'));
    expect(await refusalOf(plugin, create(pod()))).toBeUndefined();
    expect([used('a'), used('b')]).toEqual([{ pods: '1' }, { pods: '1' }]);
  });

  test('that cannot be written refuse', async () => {
    const { plugin, failures } = prepared(quota({ pods: '9' }, { pods: '0' }));
    failures.push(new Error('disk full'));
    expect(await refusalOf(plugin, create(pod()))).toBe('disk full');
    expect(await refusalOf(plugin, create(pod()))).toBeUndefined();
  });

  test('do not change by a dry run, which is refused all the same', async () => {
    const { plugin, writes } = prepared(quota({ pods: '1' }, { pods: '0' }));
    expect(await refusalOf(plugin, { ...create(pod()), dryRun: true })).toBeUndefined();
    expect(writes).toEqual([]);
    const full = prepared(quota({ pods: '0' }, { pods: '0' }));
    expect(await refusalOf(full.plugin, { ...create(pod()), dryRun: true })).toContain('exceeded quota');
  });
});
