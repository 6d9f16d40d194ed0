import { describe, expect, test } from 'vitest';
import type { ReplicaSet } from '#api/apps/v1.ts';
import type { Pod } from '#api/core/v1.ts';
import { planReplicas } from './replicaset.ts';

const set = (replicas?: number): ReplicaSet => ({
  metadata: { name: 'web' },
  spec: { selector: {}, template: { spec: { containers: [] } }, ...(replicas !== undefined && { replicas }) },
});

interface PodFacts {
  ready?: boolean;
  phase?: string;
  node?: string;
  created?: string;
  deleting?: boolean;
  cost?: number;
  restarts?: number;
}

function pod(name: string, facts: PodFacts = {}): Pod {
  const {
    ready = true,
    phase = 'Running',
    node = 'n1',
    created = '2026-01-01T00:00:00Z',
    deleting = false,
    cost,
    restarts = 0,
  } = facts;
  return {
    metadata: {
      name,
      creationTimestamp: created,
      ...(deleting && { deletionTimestamp: created }),
      ...(cost !== undefined && { annotations: { 'controller.kubernetes.io/pod-deletion-cost': String(cost) } }),
    },
    spec: { containers: [], ...(node !== '' && { nodeName: node }) },
    status: {
      phase,
      conditions: [{ type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: created }],
      containerStatuses: [{ name: 'c', image: '', imageID: '', ready, restartCount: restarts }],
    },
  };
}

describe('planReplicas', () => {
  test.each<{ name: string; replicas?: number; pods: Pod[]; create: number; remove: string[] }>([
    { name: 'makes what is missing', replicas: 3, pods: [pod('a')], create: 2, remove: [] },
    { name: 'wants one when nothing is said', pods: [], create: 1, remove: [] },
    {
      name: 'does not count finished or leaving pods',
      replicas: 1,
      pods: [pod('a', { phase: 'Failed' }), pod('b', { deleting: true })],
      create: 1,
      remove: [],
    },
    {
      name: 'removes pods without a node first',
      replicas: 1,
      pods: [pod('a'), pod('b', { node: '', phase: 'Pending', ready: false })],
      create: 0,
      remove: ['b'],
    },
    {
      name: 'removes unready pods before ready ones',
      replicas: 1,
      pods: [pod('a', { ready: false }), pod('b')],
      create: 0,
      remove: ['a'],
    },
    {
      name: 'removes the cheapest by deletion cost',
      replicas: 1,
      pods: [pod('a', { cost: 10 }), pod('b', { cost: -1 })],
      create: 0,
      remove: ['b'],
    },
    {
      name: 'removes from the crowded node',
      replicas: 2,
      pods: [pod('a'), pod('b', { node: 'n2' }), pod('c', { node: 'n2' })],
      create: 0,
      remove: ['b'],
    },
    {
      name: 'removes the newest first',
      replicas: 1,
      pods: [pod('a'), pod('b', { created: '2026-01-02T00:00:00Z' })],
      create: 0,
      remove: ['b'],
    },
    {
      name: 'removes the one that restarts most',
      replicas: 1,
      pods: [pod('a', { restarts: 3 }), pod('b')],
      create: 0,
      remove: ['a'],
    },
    { name: 'scales to zero', replicas: 0, pods: [pod('a'), pod('b')], create: 0, remove: ['a', 'b'] },
  ])('$name', ({ replicas, pods, create, remove }) => {
    const plan = planReplicas(set(replicas), pods);
    expect(plan.create).toBe(create);
    expect(plan.remove.map(({ metadata }) => metadata.name)).toEqual(remove);
  });
});
