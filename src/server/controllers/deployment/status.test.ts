import { describe, expect, test } from 'vitest';
import type { Deployment, DeploymentCondition, ReplicaSet } from '#api/apps/v1.ts';
import { deadlineOf, planStatus } from './status.ts';

const NOW = Date.parse('2026-01-01T00:10:00Z');

function deployment(conditions: DeploymentCondition[] = [], status: Deployment['status'] = {}): Deployment {
  return {
    metadata: { name: 'web', generation: 2 },
    spec: {
      replicas: 2,
      progressDeadlineSeconds: 60,
      selector: {},
      template: { metadata: {}, spec: { containers: [] } },
    },
    status: { ...status, conditions },
  };
}
function set(replicas: number, available: number): ReplicaSet {
  return {
    metadata: { name: 'web-1' },
    spec: { replicas, selector: {}, template: { spec: { containers: [] } } },
    status: { replicas, readyReplicas: available, availableReplicas: available },
  };
}
const progressing = (reason: string, lastUpdateTime: string): DeploymentCondition => ({
  type: 'Progressing',
  status: 'True',
  reason,
  lastUpdateTime,
  lastTransitionTime: lastUpdateTime,
});
const plan = (given: Deployment, newSet: ReplicaSet | undefined, created?: string) =>
  planStatus({ deployment: given, newSet, oldSets: [], now: NOW, created, failure: undefined });
const reasonOf = (status: NonNullable<Deployment['status']>, type: string) =>
  status.conditions?.find((condition) => condition.type === type)?.reason;

describe('planStatus', () => {
  test('counts pods and leaves zeros out', () => {
    expect(plan(deployment(), set(2, 1))).toMatchObject({
      observedGeneration: 2,
      replicas: 2,
      updatedReplicas: 2,
      readyReplicas: 1,
      availableReplicas: 1,
      unavailableReplicas: 1,
    });
    expect(plan(deployment(), undefined)).not.toHaveProperty('replicas');
  });
  test.each([
    { name: 'a new set', given: deployment(), newSet: set(1, 0), created: 'web-1', reason: 'NewReplicaSetCreated' },
    {
      name: 'complete',
      given: deployment([progressing('ReplicaSetUpdated', '2026-01-01T00:09:50Z')]),
      newSet: set(2, 2),
      reason: 'NewReplicaSetAvailable',
    },
    {
      name: 'progress',
      given: deployment([progressing('NewReplicaSetCreated', '2026-01-01T00:09:50Z')]),
      newSet: set(2, 1),
      reason: 'ReplicaSetUpdated',
    },
    {
      name: 'past the deadline',
      given: deployment([progressing('ReplicaSetUpdated', '2026-01-01T00:08:00Z')], {
        replicas: 2,
        updatedReplicas: 2,
      }),
      newSet: set(2, 0),
      reason: 'ProgressDeadlineExceeded',
    },
    {
      name: 'before the deadline',
      given: deployment([progressing('ReplicaSetUpdated', '2026-01-01T00:09:30Z')], {
        replicas: 2,
        updatedReplicas: 2,
      }),
      newSet: set(2, 0),
      reason: 'ReplicaSetUpdated',
    },
  ])('Progressing: $name', ({ given, newSet, created, reason }) => {
    expect(reasonOf(plan(given, newSet, created), 'Progressing')).toBe(reason);
  });
  test('Available follows the allowed unavailability', () => {
    expect(reasonOf(plan(deployment(), set(2, 2)), 'Available')).toBe('MinimumReplicasAvailable');
    expect(reasonOf(plan(deployment(), set(2, 1)), 'Available')).toBe('MinimumReplicasUnavailable');
  });
  test('shows what keeps a set from making pods', () => {
    const failing = set(2, 0);
    const condition = { type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate', message: 'no room' };
    const status = plan(deployment(), { ...failing, status: { replicas: 0, conditions: [condition] } });
    expect(status.conditions).toContainEqual(expect.objectContaining(condition));
    expect(reasonOf(plan(deployment(status.conditions ?? []), set(2, 2)), 'ReplicaFailure')).toBeUndefined();
  });
  test('keeps conditions as they are when nothing changed', () => {
    const first = plan(deployment(), set(2, 2));
    const second = planStatus({
      deployment: deployment(first.conditions ?? [], first),
      newSet: set(2, 2),
      oldSets: [],
      now: NOW + 60_000,
      created: undefined,
      failure: undefined,
    });
    expect(second).toEqual(first);
  });
});

test('deadlineOf runs only while a rollout does', () => {
  expect(deadlineOf(deployment([progressing('ReplicaSetUpdated', '2026-01-01T00:00:00Z')]))).toBe(
    Date.parse('2026-01-01T00:01:00Z'),
  );
  expect(deadlineOf(deployment([progressing('NewReplicaSetAvailable', '2026-01-01T00:00:00Z')]))).toBeUndefined();
});
