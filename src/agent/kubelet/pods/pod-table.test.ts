import { describe, expect, test } from 'vitest';
import type { ContainerStatus, Pod } from '#api/core/v1.ts';
import { PodTable, viewPod } from './pod-table.ts';

const pod = (more: Partial<Pod> = {}): Pod => ({
  metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
  spec: { containers: [{ name: 'app' }] },
  ...more,
});
const nothing = { sandboxes: [], containers: [] };

describe('PodTable', () => {
  test('keeps what it knows of a pod when its object changes', () => {
    const table = new PodTable();
    table.set('u1', pod()).ip = '10.42.0.5';
    expect(table.set('u1', pod({ status: { phase: 'Running' } }))).toMatchObject({
      ip: '10.42.0.5',
      pod: { status: { phase: 'Running' } },
    });
  });

  test('finds the living pod of a name', () => {
    const table = new PodTable();
    table.set('u1', pod()).isDeleted = true;
    table.set('u2', pod());
    expect(table.find('shop', 'web')?.uid).toBe('u2');
    table.delete('u2');
    expect(table.find('shop', 'web')?.uid).toBe('u1');
    expect(table.find('other', 'web')).toBeUndefined();
  });
});

describe('viewPod', () => {
  const report = (more: Partial<ContainerStatus>): ContainerStatus => ({
    name: 'app',
    ready: true,
    restartCount: 2,
    image: 'nginx',
    imageID: 'docker://sha256:1',
    containerID: 'docker://c1',
    ...more,
  });
  const viewOf = (statuses: ContainerStatus[]) =>
    viewPod(new PodTable().set('u1', pod({ status: { containerStatuses: statuses } })), nothing, 0).containers;

  test('a running container that is gone from the engine has ended in a way nobody knows', () => {
    expect(viewOf([report({ state: { running: { startedAt: 'x' } } })])).toMatchObject([
      { id: 'c1', attempt: 2, status: 'exited', exitCode: 137, reason: 'ContainerStatusUnknown', isGone: true },
    ]);
  });

  test('one that had ended keeps its end', () => {
    const terminated = { exitCode: 0, reason: 'Completed', finishedAt: 'then' };
    expect(viewOf([report({ state: { terminated } })])).toMatchObject([
      { exitCode: 0, reason: 'Completed', finishedAt: 'then' },
    ]);
  });

  test('one that never was is none', () => {
    const { containerID: _, ...never } = report({});
    expect(viewOf([never])).toEqual([]);
  });

  test.each([
    { name: 'the pod', metadata: {}, since: undefined, expected: 20 },
    { name: 'the deletion', metadata: { deletionGracePeriodSeconds: 5 }, since: undefined, expected: 5 },
    { name: 'what is left of it', metadata: { deletionGracePeriodSeconds: 5 }, since: 7000, expected: 2 },
    { name: 'at least a second', metadata: { deletionGracePeriodSeconds: 0 }, since: undefined, expected: 1 },
  ])('the grace period is that of $name', ({ metadata, since, expected }) => {
    const given = pod({ spec: { containers: [], terminationGracePeriodSeconds: 20 } });
    const record = new PodTable().set('u1', { ...given, metadata: { ...given.metadata, ...metadata } });
    record.endingSinceMs = since;
    expect(viewPod(record, nothing, 10_000).graceSeconds).toBe(expected);
  });
});
