import { describe, expect, test } from 'vitest';
import type { Node, Pod, Service } from '#api/core/v1.ts';
import type { EndpointSlice } from '#api/discovery/v1.ts';
import { aggregateRules } from './clusterrole-aggregation.ts';
import { planSliceContents, planSlices, planSubsets, SLICE_SIZE, targetPortOf } from './endpoints-plan.ts';
import { nextRange } from './node-ipam.ts';
import { planTaints } from './node-lifecycle.ts';
import { slowStart } from './owned.ts';
import { planAddresses } from './service-load-balancer.ts';
import { evictionTime } from './taint-eviction.ts';

const service = (more: Partial<NonNullable<Service['spec']>> = {}): Service => ({
  metadata: { name: 'web', namespace: 'x' },
  spec: { ports: [{ name: 'http', port: 80, targetPort: 'web' }], ...more },
});

function pod(ip: string, facts: { ready?: boolean; deleting?: boolean; port?: number; phase?: string } = {}): Pod {
  const { ready = true, deleting = false, port = 8080, phase = 'Running' } = facts;
  return {
    metadata: {
      name: `p-${ip}`,
      namespace: 'x',
      uid: ip,
      ...(deleting && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
    spec: { nodeName: 'n1', containers: [{ name: 'c', ports: [{ name: 'web', containerPort: port }] }] },
    status: { podIP: ip, phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

describe('endpoints', () => {
  test('named ports are looked up in each pod', () => {
    expect(targetPortOf(pod('1'), { port: 80, targetPort: 'web' })).toBe(8080);
    expect(targetPortOf(pod('1'), { port: 80, targetPort: 'none' })).toBeUndefined();
    expect(targetPortOf(pod('1'), { port: 80 })).toBe(80);
  });
  test('pods whose named port differs stand in slices of their own', () => {
    const contents = planSliceContents(service(), [pod('1'), pod('2', { port: 9090 })]);
    expect(contents.map(({ ports }) => ports[0]?.port)).toEqual([8080, 9090]);
  });
  test.each([
    { name: 'a ready pod', given: pod('1'), expected: { ready: true, serving: true, terminating: false } },
    {
      name: 'an unready pod',
      given: pod('1', { ready: false }),
      expected: { ready: false, serving: false, terminating: false },
    },
    {
      name: 'a leaving pod still serves',
      given: pod('1', { deleting: true }),
      expected: { ready: false, serving: true, terminating: true },
    },
  ])('conditions of $name', ({ given, expected }) => {
    expect(planSliceContents(service(), [given])[0]?.endpoints[0]?.conditions).toEqual(expected);
  });
  test('publishNotReadyAddresses makes every pod ready', () => {
    const [content] = planSliceContents(service({ publishNotReadyAddresses: true }), [pod('1', { ready: false })]);
    expect(content?.endpoints[0]?.conditions?.ready).toBe(true);
  });
  test('finished pods and pods without address are no endpoints', () => {
    const [content] = planSliceContents(service(), [pod('1', { phase: 'Failed' }), pod('')]);
    expect(content).toEqual({ ports: [], endpoints: [] });
  });
  test('Endpoints tell ready from waiting and forget leaving pods', () => {
    const { subsets } = planSubsets(service(), [pod('1'), pod('2', { ready: false }), pod('3', { deleting: true })]);
    expect(subsets).toHaveLength(1);
    expect(subsets[0]?.addresses?.map(({ ip }) => ip)).toEqual(['1']);
    expect(subsets[0]?.notReadyAddresses?.map(({ ip }) => ip)).toEqual(['2']);
    expect(subsets[0]?.ports).toEqual([{ name: 'http', port: 8080, protocol: 'TCP' }]);
  });
  test('slices are reused, split when full and removed when empty', () => {
    const blank = (): EndpointSlice => ({ metadata: { name: '' }, addressType: 'IPv4', endpoints: [] });
    const present = ['a', 'b'].map((name): EndpointSlice => ({ ...blank(), metadata: { name } }));
    const endpoints = Array.from({ length: SLICE_SIZE + 1 }, (_, i) => ({ addresses: [`10.0.${i >> 8}.${i & 255}`] }));
    const full = planSlices([{ ports: [], endpoints }], present, blank);
    expect(full.update.map((slice) => slice.endpoints?.length)).toEqual([SLICE_SIZE, 1]);
    const less = planSlices([{ ports: [], endpoints: endpoints.slice(0, 1) }], present, blank);
    expect([less.create.length, less.update.length, less.remove.map(({ metadata }) => metadata.name)]).toEqual([
      0,
      1,
      ['b'],
    ]);
    expect(planSlices([{ ports: [], endpoints }], [], blank).create).toHaveLength(2);
  });
});

describe('planTaints', () => {
  const node = (status: string, spec: Node['spec'] = {}): Node => ({
    metadata: { name: 'n' },
    spec,
    status: { conditions: [{ type: 'Ready', status }] },
  });
  const keys = (given: Node) =>
    planTaints(given, 'now').map(({ key, effect }) => `${key.split('/')[1] ?? key}:${effect}`);
  test.each([
    { name: 'a ready node has none', given: node('True'), expected: [] },
    {
      name: 'a node that is not ready',
      given: node('False'),
      expected: ['not-ready:NoSchedule', 'not-ready:NoExecute'],
    },
    { name: 'a lost node', given: node('Unknown'), expected: ['unreachable:NoSchedule', 'unreachable:NoExecute'] },
    { name: 'a cordoned node', given: node('True', { unschedulable: true }), expected: ['unschedulable:NoSchedule'] },
    {
      name: "the node's own taints stay, old conditions' go",
      given: node('True', {
        taints: [
          { key: 'a/mine', effect: 'NoSchedule' },
          { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' },
        ],
      }),
      expected: ['mine:NoSchedule'],
    },
  ])('$name', ({ given, expected }) => {
    expect(keys(given)).toEqual(expected);
  });
  test('a new node stays closed until it says that it is ready', () => {
    const taints = [{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }];
    expect(keys({ metadata: { name: 'n' }, spec: { taints } })).toEqual(['not-ready:NoSchedule']);
  });
  test('keeps the time of a taint that is there', () => {
    const taint = { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: 'before' };
    expect(planTaints(node('Unknown', { taints: [taint] }), 'now')).toContainEqual(taint);
  });
});

describe('evictionTime', () => {
  const taint = { key: 'k', effect: 'NoExecute', timeAdded: '1970-01-01T00:00:10Z' };
  const tolerating = (...tolerations: object[]): Pod => ({
    metadata: { name: 'p' },
    spec: { containers: [], tolerations },
  });
  test.each([
    { name: 'no toleration: at once', given: tolerating(), expected: 10_000 },
    { name: 'toleration without end: never', given: tolerating({ key: 'k', operator: 'Exists' }), expected: undefined },
    {
      name: 'toleration for some time',
      given: tolerating({ key: 'k', operator: 'Exists', tolerationSeconds: 5 }),
      expected: 15_000,
    },
    {
      name: 'the shortest of several',
      given: tolerating(
        { key: 'k', operator: 'Exists', tolerationSeconds: 5 },
        { operator: 'Exists', tolerationSeconds: 2 },
      ),
      expected: 12_000,
    },
  ])('$name', ({ given, expected }) => {
    expect(evictionTime(given, [taint])).toBe(expected);
  });
  test('the time of a pod that came to a tainted node begins then', () => {
    const conditions = [{ type: 'PodScheduled', status: 'True', lastTransitionTime: '1970-01-01T00:01:00Z' }];
    const late = { ...tolerating({ key: 'k', operator: 'Exists', tolerationSeconds: 5 }), status: { conditions } };
    expect(evictionTime(late, [taint])).toBe(65_000);
  });
  test('no taint, no end', () => expect(evictionTime(tolerating(), [])).toBeUndefined());
});

test('nextRange gives the first free /24 and ends with the cluster range', () => {
  const node = (podCIDR: string): Node => ({ metadata: { name: podCIDR }, spec: { podCIDR } });
  expect(nextRange('10.42.0.0/16', [])).toBe('10.42.0.0/24');
  expect(nextRange('10.42.0.0/16', [node('10.42.0.0/24'), node('10.42.2.0/24')])).toBe('10.42.1.0/24');
  expect(nextRange('10.42.0.0/24', [node('10.42.0.0/24')])).toBeUndefined();
});

test('aggregateRules takes every rule once, from roles the labels pick, never from itself', () => {
  const rule = (resource: string) => ({ apiGroups: [''], resources: [resource], verbs: ['get'] });
  const role = (name: string, rules: ReturnType<typeof rule>[], labels: Record<string, string> = { pick: 'me' }) => ({
    metadata: { name, labels },
    rules,
  });
  const sum = {
    ...role('sum', [rule('own')]),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { pick: 'me' } }] },
  };
  const all = [
    sum,
    role('b', [rule('pods')]),
    role('a', [rule('pods'), rule('nodes')]),
    role('c', [rule('secrets')], {}),
  ];
  expect(aggregateRules(sum, all).map(({ resources }) => resources?.[0])).toEqual(['pods', 'nodes']);
});

describe('planAddresses', () => {
  const node = (address: string, ready = 'True'): Node => ({
    metadata: { name: address },
    spec: {},
    status: { addresses: [{ type: 'InternalIP', address }], conditions: [{ type: 'Ready', status: ready }] },
  });
  const balanced = (name: string, port: number, creationTimestamp: string): Service => ({
    metadata: { name, namespace: 'x', uid: name, creationTimestamp },
    spec: { type: 'LoadBalancer', ports: [{ port }] },
  });
  const old = balanced('old', 80, '2026-01-01T00:00:00Z');
  const young = balanced('young', 80, '2026-01-02T00:00:00Z');
  test('lists ready nodes', () => {
    expect(
      planAddresses(old, { services: [old], nodes: [node('10.0.0.2'), node('10.0.0.1'), node('10.0.0.3', 'False')] }),
    ).toEqual({ ips: ['10.0.0.1', '10.0.0.2'] });
  });
  test('the older service keeps a port that two want', () => {
    const world = { services: [old, young], nodes: [node('10.0.0.1')] };
    expect(planAddresses(old, world).ips).toEqual(['10.0.0.1']);
    expect(planAddresses(young, world)).toEqual({
      ips: [],
      conflict: 'Port 80/TCP of the nodes is in use by service x/old',
    });
  });
});

describe('slowStart', () => {
  test('doubles while it works', async () => {
    const seen: number[] = [];
    expect(await slowStart(5, async (index) => seen.push(index))).toEqual({ done: 5, error: undefined });
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });
  test('stops at the first batch that fails', async () => {
    let tries = 0;
    const result = await slowStart(100, async () => {
      tries++;
      throw new Error('no');
    });
    expect([result.done, (result.error as Error).message, tries]).toEqual([0, 'no', 1]);
  });
});
