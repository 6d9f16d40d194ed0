import { describe, expect, test } from 'vitest';
import type { Node, Pod } from '#api/core/v1.ts';
import { decide } from './decide.ts';
import { NodeState } from './node-state.ts';
import { SchedulingQueue } from './queue.ts';

function node(
  name: string,
  more: { cpu?: string; labels?: Record<string, string>; spec?: Node['spec'] } = {},
): NodeState {
  const { cpu = '2', labels = {}, spec = {} } = more;
  return new NodeState({
    metadata: { name, labels },
    spec,
    status: { allocatable: { cpu, memory: '4Gi', pods: '3' } },
  });
}
let serial = 0;
function pod(
  more: { cpu?: string; spec?: Partial<NonNullable<Pod['spec']>>; owner?: string; hostPort?: number } = {},
): Pod {
  const { cpu, spec = {}, owner, hostPort } = more;
  const container = {
    name: 'c',
    ...(cpu !== undefined && { resources: { requests: { cpu } } }),
    ...(hostPort !== undefined && { ports: [{ containerPort: 80, hostPort }] }),
  };
  return {
    metadata: {
      name: `p${++serial}`,
      uid: `u${serial}`,
      ...(owner !== undefined && {
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: owner, uid: owner, controller: true }],
      }),
    },
    spec: { containers: [container], ...spec },
  };
}
const place = (given: Pod, nodes: NodeState[]) => decide(given, nodes, () => 0);
function holding(state: NodeState, ...pods: Pod[]): NodeState {
  for (const held of pods) state.add(held);
  return state;
}
const HELPLESS = 'Preemption is not helpful for scheduling';
const NO_VICTIMS = 'No preemption victims found for incoming pod';
const NONE = (reasons: string, preemption = `1 ${HELPLESS}`, count = 1) =>
  `0/${count} nodes are available: ${reasons}. preemption: 0/${count} nodes are available: ${preemption}.`;

describe('decide', () => {
  test.each<{ name: string; given: Pod; nodes: NodeState[]; expected: string }>([
    {
      name: 'takes the emptier node',
      given: pod({ cpu: '500m' }),
      nodes: [holding(node('a'), pod({ cpu: '1' })), node('b')],
      expected: 'b',
    },
    {
      name: 'follows nodeSelector',
      given: pod({ spec: { nodeSelector: { disk: 'ssd' } } }),
      nodes: [node('a'), node('b', { labels: { disk: 'ssd' } })],
      expected: 'b',
    },
    {
      name: 'keeps away from taints',
      given: pod(),
      nodes: [
        node('a', { spec: { taints: [{ key: 'x', effect: 'NoSchedule' }] } }),
        holding(node('b'), pod({ cpu: '1' })),
      ],
      expected: 'b',
    },
    {
      name: 'avoids soft taints',
      given: pod(),
      nodes: [node('a', { spec: { taints: [{ key: 'x', effect: 'PreferNoSchedule' }] } }), node('b')],
      expected: 'b',
    },
    {
      name: 'spreads the pods of one owner',
      given: pod({ owner: 'rs' }),
      nodes: [holding(node('a'), pod({ owner: 'rs' })), holding(node('b'), pod({ owner: 'other' }))],
      expected: 'b',
    },
    {
      name: 'finds a node with the host port free',
      given: pod({ hostPort: 80 }),
      nodes: [holding(node('a'), pod({ hostPort: 80 })), node('b')],
      expected: 'b',
    },
  ])('$name', ({ given, nodes, expected }) => {
    expect(place(given, nodes).nodeName).toBe(expected);
  });

  test.each<{ name: string; given: Pod; nodes: NodeState[]; message: string }>([
    { name: 'too small a node', given: pod({ cpu: '3' }), nodes: [node('a')], message: NONE('1 Insufficient cpu') },
    {
      name: 'too little cpu left',
      given: pod({ cpu: '1' }),
      nodes: [holding(node('a'), pod({ cpu: '1500m' }))],
      message: NONE('1 Insufficient cpu', `1 ${NO_VICTIMS}`),
    },
    {
      name: 'a pod that may push nobody away',
      given: pod({ cpu: '3', spec: { preemptionPolicy: 'Never' } }),
      nodes: [node('a')],
      message: '0/1 nodes are available: 1 Insufficient cpu. preemption: not eligible due to preemptionPolicy=Never.',
    },
    {
      name: 'counts per reason',
      given: pod({ cpu: '1' }),
      nodes: [
        holding(node('a'), pod({ cpu: '2' })),
        holding(node('b'), pod({ cpu: '2' })),
        node('c', { spec: { unschedulable: true } }),
      ],
      message: NONE('1 node(s) were unschedulable, 2 Insufficient cpu', `1 ${HELPLESS}, 2 ${NO_VICTIMS}`, 3),
    },
    {
      name: 'too many pods',
      given: pod(),
      nodes: [holding(node('a'), pod(), pod(), pod())],
      message: NONE('1 Too many pods', `1 ${NO_VICTIMS}`),
    },
    {
      name: 'an untolerated taint',
      given: pod(),
      nodes: [node('a', { spec: { taints: [{ key: 'k', value: 'v', effect: 'NoExecute' }] } })],
      message: NONE('1 node(s) had untolerated taint(s)'),
    },
    { name: 'no nodes at all', given: pod(), nodes: [], message: 'no nodes available to schedule pods' },
  ])('says why not: $name', ({ given, nodes, message }) => {
    expect(place(given, nodes)).toEqual({ nodeName: undefined, message });
  });
});

test('NodeState gives back what a pod took', () => {
  const state = node('a');
  const held = pod({ cpu: '1', hostPort: 80 });
  state.add(held);
  state.add(held);
  expect([state.requested['cpu'], state.requested['pods'], state.ports.size]).toEqual([1000, 1000, 1]);
  state.remove(held.metadata.uid ?? '');
  expect([state.requested['cpu'], state.requested['pods'], state.ports.size]).toEqual([0, 0, 0]);
});

describe('SchedulingQueue', () => {
  test('takes higher priority first, then the longest waiting', () => {
    let now = 0;
    const queue = new SchedulingQueue(() => now++);
    queue.add('low', 0);
    queue.add('high', 10);
    queue.add('high2', 10);
    expect(queue.next()).toBe('high');
    queue.remove('high');
    expect(queue.next()).toBe('high2');
  });
  test('parks until woken, and not before the backoff is over', () => {
    let now = 0;
    const queue = new SchedulingQueue(() => now);
    queue.add('a', 0);
    queue.park('a');
    now = 5000;
    expect([queue.next(), queue.nextInMs()]).toEqual([undefined, undefined]);
    queue.wake();
    expect(queue.next()).toBe('a');
    queue.park('a');
    queue.wake();
    expect([queue.next(), queue.nextInMs()]).toEqual([undefined, 2000]);
    queue.wake({ atOnce: true });
    expect(queue.next()).toBe('a');
  });
  test('tries pods that were refused together in the order of their priorities', () => {
    let now = 10_100;
    const queue = new SchedulingQueue(() => now);
    for (const [key, priority] of [
      ['low', 0],
      ['high', 10],
    ] as const) {
      queue.add(key, priority);
      queue.park(key);
      now += 100;
    }
    queue.wake();
    now += queue.nextInMs() ?? 0;
    expect(queue.next()).toBe('high');
  });
});
