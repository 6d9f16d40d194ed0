import { describe, expect, test } from 'vitest';
import type { Deployment, ReplicaSet } from '#api/apps/v1.ts';
import {
  DESIRED_REPLICAS,
  isScaling,
  MAX_REPLICAS,
  newSetReplicas,
  planCleanup,
  planRecreate,
  planRollingUpdate,
  planScale,
  REVISION,
  rollingLimits,
} from './rollout.ts';

const template = { metadata: {}, spec: { containers: [] } };

function deployment(replicas: number, more: Partial<NonNullable<Deployment['spec']>> = {}): Deployment {
  return { metadata: { name: 'web' }, spec: { replicas, selector: {}, template, ...more } };
}
const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge, maxUnavailable } },
});

let age = 0;
function set(
  name: string,
  replicas: number,
  available = replicas,
  annotations: Record<string, string> = {},
): ReplicaSet {
  const creationTimestamp = new Date(Date.UTC(2026, 0, 1, 0, 0, age++)).toISOString();
  return {
    metadata: { name, creationTimestamp, annotations, generation: 1 },
    spec: { replicas, selector: {}, template },
    status: { replicas, availableReplicas: available, observedGeneration: 1 },
  };
}
const sized = (plan: readonly { set: ReplicaSet; replicas: number }[]) =>
  Object.fromEntries(plan.map((step) => [step.set.metadata.name, step.replicas]));

describe('rollingLimits', () => {
  test.each([
    {
      name: 'a quarter each by default: surge up, unavailable down',
      given: deployment(3),
      expected: { maxSurge: 1, maxUnavailable: 0 },
    },
    {
      name: 'both zero becomes one unavailable',
      given: deployment(1, rolling(0, '25%')),
      expected: { maxSurge: 0, maxUnavailable: 1 },
    },
    { name: 'absolute numbers', given: deployment(10, rolling(2, 3)), expected: { maxSurge: 2, maxUnavailable: 3 } },
    {
      name: 'Recreate has neither',
      given: deployment(3, { strategy: { type: 'Recreate' } }),
      expected: { maxSurge: 0, maxUnavailable: 0 },
    },
  ])('$name', ({ given, expected }) => {
    expect(rollingLimits(given)).toEqual(expected);
  });
});

describe('planRollingUpdate', () => {
  test.each([
    { name: 'grows the new set by the surge', replicas: 3, newSet: [0, 0], old: [[3, 3]], expected: { new: 1 } },
    { name: 'waits until the new pod is available', replicas: 3, newSet: [1, 0], old: [[3, 3]], expected: {} },
    { name: 'then removes an old one', replicas: 3, newSet: [1, 1], old: [[3, 3]], expected: { old0: 2 } },
    { name: 'and grows again', replicas: 3, newSet: [1, 1], old: [[2, 2]], expected: { new: 2 } },
    { name: 'ends with the new set alone', replicas: 3, newSet: [3, 3], old: [[1, 1]], expected: { old0: 0 } },
    { name: 'removes broken old pods first', replicas: 3, newSet: [1, 0], old: [[3, 1]], expected: {} },
    {
      name: 'shrinks the oldest set first',
      replicas: 4,
      newSet: [1, 1],
      old: [
        [2, 2],
        [2, 2],
      ],
      expected: { old0: 1 },
    },
  ])('$name', ({ replicas, newSet, old, expected }) => {
    const fleet = {
      deployment: deployment(replicas, rolling('25%', 0)),
      oldSets: old.map(([size = 0, available = 0], i) => set(`old${i}`, size, available)),
      newSet: set('new', newSet[0] ?? 0, newSet[1] ?? 0),
    };
    expect(sized(planRollingUpdate(fleet))).toEqual(expected);
  });

  test('with unavailability allowed old pods go before new ones are there', () => {
    const fleet = { deployment: deployment(4, rolling(0, 2)), oldSets: [set('old', 4)], newSet: set('new', 0) };
    expect(newSetReplicas(fleet)).toBe(0);
    expect(sized(planRollingUpdate(fleet))).toEqual({ old: 2 });
  });

  test('never asks for more than the deployment wants', () => {
    const fleet = { deployment: deployment(2, rolling(5, 0)), oldSets: [], newSet: undefined };
    expect(newSetReplicas(fleet)).toBe(2);
  });
});

describe('planRecreate', () => {
  test('removes all old pods first', () => {
    const fleet = {
      deployment: deployment(3, { strategy: { type: 'Recreate' } }),
      oldSets: [set('old', 3)],
      newSet: undefined,
    };
    expect(sized(planRecreate(fleet, true))).toEqual({ old: 0 });
  });
  test('waits while old pods still run', () => {
    const fleet = { deployment: deployment(3), oldSets: [set('old', 0)], newSet: set('new', 0) };
    expect(planRecreate(fleet, true)).toEqual([]);
    expect(sized(planRecreate(fleet, false))).toEqual({ new: 3 });
  });
});

describe('planScale', () => {
  const annotated = (name: string, replicas: number, max: number) =>
    set(name, replicas, replicas, { [MAX_REPLICAS]: String(max), [DESIRED_REPLICAS]: String(max) });
  test('one set simply follows', () => {
    expect(sized(planScale({ deployment: deployment(5), oldSets: [], newSet: set('new', 3) }))).toEqual({ new: 5 });
  });
  test('several sets grow in proportion', () => {
    const fleet = {
      deployment: deployment(20, rolling(0, 5)),
      oldSets: [annotated('old', 8, 10)],
      newSet: annotated('new', 2, 10),
    };
    expect(sized(planScale(fleet))).toEqual({ old: 16, new: 4 });
  });
  test('several sets shrink in proportion', () => {
    const fleet = {
      deployment: deployment(5, rolling(0, 2)),
      oldSets: [annotated('old', 8, 10)],
      newSet: annotated('new', 2, 10),
    };
    expect(sized(planScale(fleet))).toEqual({ old: 4, new: 1 });
  });
  test('a full new set lets the old ones go', () => {
    expect(sized(planScale({ deployment: deployment(3), oldSets: [set('old', 1)], newSet: set('new', 3) }))).toEqual({
      old: 0,
    });
  });
});

test('isScaling compares with what the sets remember', () => {
  const old = set('old', 3, 3, { [DESIRED_REPLICAS]: '3' });
  expect(isScaling({ deployment: deployment(3), oldSets: [old], newSet: undefined })).toBe(false);
  expect(isScaling({ deployment: deployment(4), oldSets: [old], newSet: undefined })).toBe(true);
});

test('planCleanup removes the oldest empty sets beyond the limit', () => {
  const oldSets = [3, 1, 2].map((revision) => set(`r${revision}`, 0, 0, { [REVISION]: String(revision) }));
  const names = (limit: number) =>
    planCleanup({ deployment: deployment(1, { revisionHistoryLimit: limit }), oldSets, newSet: undefined }).map(
      ({ metadata }) => metadata.name,
    );
  expect(names(1)).toEqual(['r1', 'r2']);
  expect(names(10)).toEqual([]);
});
