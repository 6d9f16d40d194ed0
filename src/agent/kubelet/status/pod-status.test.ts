import { describe, expect, test } from 'vitest';
import type { Container, Pod, PodSpec, PodStatus } from '#api/core/v1.ts';
import type { ContainerView, PodView } from '../pods/pod-view.ts';
import { hasChanged, podStatus } from './pod-status.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const context = { nodeIps: ['192.0.2.1'], now: NOW };
const TIME = '2026-01-01T12:00:00Z';
const BEFORE = '2026-01-01T11:00:00Z';

const container = (name: string, more: Partial<Container> = {}): Container => ({ name, image: `${name}:1`, ...more });

function running(name: string, more: Partial<ContainerView> = {}): ContainerView {
  return {
    id: `${name}-id`,
    name,
    attempt: 0,
    hash: '',
    sandboxId: 's0',
    status: 'running',
    image: `${name}:1`,
    imageId: 'sha256:1',
    pid: 1,
    startedAt: '2026-01-01T11:59:00.123456789Z',
    logPath: '',
    isGone: false,
    ...more,
  };
}

const exited = (name: string, exitCode: number, more: Partial<ContainerView> = {}) =>
  running(name, {
    status: 'exited',
    exitCode,
    reason: exitCode === 0 ? 'Completed' : 'Error',
    finishedAt: '2026-01-01T11:59:30Z',
    ...more,
  });

interface Given {
  spec?: Partial<PodSpec>;
  status?: PodStatus;
  containers?: ContainerView[];
  more?: Partial<PodView>;
  metadata?: Partial<Pod['metadata']>;
}

function statusOf({ spec = {}, status, containers = [], more = {}, metadata = {} }: Given): PodStatus {
  const pod: Pod = {
    metadata: { name: 'web', namespace: 'shop', uid: 'u1', generation: 3, ...metadata },
    spec: { containers: [container('app')], ...spec },
    ...(status === undefined ? {} : { status }),
  };
  const view: PodView = {
    pod,
    isDeleted: false,
    sandboxes: [{ id: 's0', attempt: 0, isRunning: true, pid: 1 }],
    containers,
    health: new Map(containers.map(({ id }) => [id, { isStarted: true, isReady: true }])),
    failures: new Map(),
    restarts: new Map(),
    waiting: new Map(),
    outcome: undefined,
    graceSeconds: 30,
    ip: '10.42.0.5',
    hasNetwork: true,
    hasVolumes: true,
    isFinished: false,
    ...more,
  };
  return podStatus(view, context);
}

const condition = (status: PodStatus, type: string) => status.conditions?.find((each) => each.type === type);

describe('phase', () => {
  const never = { restartPolicy: 'Never' };
  const two = { containers: [container('a'), container('b')] };
  test.each<{ name: string; given: Given; expected: string }>([
    { name: 'nothing has run', given: {}, expected: 'Pending' },
    { name: 'all run', given: { containers: [running('app')] }, expected: 'Running' },
    { name: 'one of two has not started yet', given: { spec: two, containers: [running('a')] }, expected: 'Pending' },
    { name: 'one has ended and comes back', given: { containers: [exited('app', 1)] }, expected: 'Running' },
    { name: 'all have succeeded', given: { spec: never, containers: [exited('app', 0)] }, expected: 'Succeeded' },
    { name: 'all have succeeded and come back', given: { containers: [exited('app', 0)] }, expected: 'Running' },
    {
      name: 'one has failed',
      given: { spec: { ...never, ...two }, containers: [exited('a', 0), exited('b', 1)] },
      expected: 'Failed',
    },
    {
      name: 'one has failed, the other runs',
      given: { spec: { ...never, ...two }, containers: [exited('a', 1), running('b')] },
      expected: 'Running',
    },
    {
      name: 'an init container runs',
      given: { spec: { initContainers: [container('one')] }, containers: [running('one')] },
      expected: 'Pending',
    },
    {
      name: 'an init container has failed for good',
      given: { spec: { ...never, initContainers: [container('one')] }, containers: [exited('one', 1)] },
      expected: 'Failed',
    },
    {
      name: 'a sidecar outlives the containers',
      given: {
        spec: { ...never, initContainers: [container('proxy', { restartPolicy: 'Always' })] },
        containers: [exited('app', 0), running('proxy')],
      },
      expected: 'Running',
    },
    {
      name: 'it is being deleted and still runs',
      given: { containers: [running('app')], metadata: { deletionTimestamp: TIME } },
      expected: 'Running',
    },
    {
      name: 'it was deleted and has ended by force',
      given: { containers: [exited('app', 137)], metadata: { deletionTimestamp: TIME } },
      expected: 'Failed',
    },
    {
      name: 'it was deleted and has ended well',
      given: { containers: [exited('app', 0)], metadata: { deletionTimestamp: TIME } },
      expected: 'Succeeded',
    },
    { name: 'it was over before', given: { status: { phase: 'Failed' } }, expected: 'Failed' },
    {
      name: 'the node has failed it',
      given: {
        containers: [exited('app', 0)],
        more: { outcome: { phase: 'Failed', reason: 'Evicted', message: 'm' } },
      },
      expected: 'Failed',
    },
  ])('is $expected when $name', ({ given, expected }) => {
    expect(statusOf(given).phase).toBe(expected);
  });
});

describe('conditions', () => {
  test('of a pod that is ready', () => {
    const { conditions } = statusOf({ containers: [running('app')] });
    expect(conditions).toEqual(
      ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady', 'PodScheduled'].map((type) => ({
        type,
        status: 'True',
        lastTransitionTime: TIME,
        observedGeneration: 3,
      })),
    );
  });

  test('name the containers that are not ready', () => {
    const status = statusOf({ spec: { containers: [container('a'), container('b')] }, containers: [running('a')] });
    expect(condition(status, 'Ready')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [b]',
    });
  });

  test('name the init containers that are not done', () => {
    const spec = { initContainers: [container('one'), container('two')] };
    const status = statusOf({ spec, containers: [exited('one', 0)] });
    expect(condition(status, 'Initialized')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotInitialized',
      message: 'containers with incomplete status: [two]',
    });
  });

  test.each<{ conditions: PodStatus['conditions']; expected: object }>([
    {
      conditions: [],
      expected: {
        status: 'False',
        reason: 'ReadinessGatesNotReady',
        message: 'corresponding condition of pod readiness gate "x.test/gate" does not exist.',
      },
    },
    {
      conditions: [{ type: 'x.test/gate', status: 'False' }],
      expected: { status: 'False', message: 'the status of pod readiness gate "x.test/gate" is not "True", but False' },
    },
    { conditions: [{ type: 'x.test/gate', status: 'True' }], expected: { status: 'True' } },
  ])('obey readiness gates: $expected.status', ({ conditions, expected }) => {
    const spec = { readinessGates: [{ conditionType: 'x.test/gate' }] };
    const status = statusOf({ spec, status: { conditions }, containers: [running('app')] });
    expect(condition(status, 'Ready')).toMatchObject(expected);
    expect(condition(status, 'ContainersReady')?.status).toBe('True');
  });

  test('of others are kept, and times change only with the status', () => {
    const old: PodStatus = {
      conditions: [
        { type: 'Ready', status: 'True', lastTransitionTime: BEFORE },
        { type: 'Initialized', status: 'False', lastTransitionTime: BEFORE },
        { type: 'DisruptionTarget', status: 'True', lastTransitionTime: BEFORE },
      ],
    };
    const status = statusOf({ status: old, containers: [running('app')] });
    expect(condition(status, 'Ready')?.lastTransitionTime).toBe(BEFORE);
    expect(condition(status, 'Initialized')?.lastTransitionTime).toBe(TIME);
    expect(condition(status, 'DisruptionTarget')).toEqual({
      type: 'DisruptionTarget',
      status: 'True',
      lastTransitionTime: BEFORE,
    });
  });

  test.each([
    { exitCode: 0, reason: 'PodCompleted' },
    { exitCode: 1, reason: 'PodFailed' },
  ])('after the end say $reason', ({ exitCode, reason }) => {
    const status = statusOf({ spec: { restartPolicy: 'Never' }, containers: [exited('app', exitCode)] });
    expect(condition(status, 'Ready')).toMatchObject({ status: 'False', reason });
  });
});

describe('containers', () => {
  const only = (given: Given) => statusOf(given).containerStatuses?.[0];

  test('stand in the order of their names', () => {
    const status = statusOf({ spec: { containers: [container('b'), container('a')] } });
    expect(status.containerStatuses?.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  test('that run', () => {
    expect(only({ containers: [running('app')] })).toEqual({
      name: 'app',
      state: { running: { startedAt: '2026-01-01T11:59:00Z' } },
      lastState: {},
      ready: true,
      started: true,
      restartCount: 0,
      image: 'app:1',
      imageID: 'docker://sha256:1',
      containerID: 'docker://app-id',
      resources: {},
    });
  });

  test('that have not started', () => {
    expect(only({})).toMatchObject({
      state: { waiting: { reason: 'ContainerCreating' } },
      imageID: '',
      ready: false,
      started: false,
    });
  });

  test('that wait for init containers', () => {
    expect(only({ spec: { initContainers: [container('one')] } })?.state).toEqual({
      waiting: { reason: 'PodInitializing' },
    });
  });

  test('that wait after a crash', () => {
    const waiting = new Map([['app', { reason: 'CrashLoopBackOff', message: 'back-off' }]]);
    const status = only({ containers: [exited('app', 3, { attempt: 4, message: 'last words' })], more: { waiting } });
    expect(status).toMatchObject({
      state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off' } },
      lastState: {
        terminated: { exitCode: 3, reason: 'Error', message: 'last words', containerID: 'docker://app-id' },
      },
      restartCount: 4,
    });
  });

  test('that have ended for good', () => {
    const status = only({ spec: { restartPolicy: 'Never' }, containers: [exited('app', 0)] });
    expect(status?.state).toEqual({
      terminated: {
        exitCode: 0,
        reason: 'Completed',
        startedAt: '2026-01-01T11:59:00Z',
        finishedAt: '2026-01-01T11:59:30Z',
        containerID: 'docker://app-id',
      },
    });
  });

  test('that run again remember the run before, also when it is gone from the engine', () => {
    const ended = { exitCode: 9, containerID: 'docker://old' };
    const previous = {
      name: 'app',
      ready: false,
      restartCount: 0,
      image: '',
      imageID: '',
      state: { terminated: ended },
    };
    const status = only({ status: { containerStatuses: [previous] }, containers: [running('app', { attempt: 1 })] });
    expect(status?.lastState).toEqual({ terminated: ended });
  });

  test('show resources as they were asked for', () => {
    const resources = { requests: { cpu: '1' }, limits: { cpu: '2' } };
    expect(only({ spec: { containers: [container('app', { resources })] } })).toMatchObject({
      resources,
      allocatedResources: { cpu: '1' },
    });
  });
});

test("a pod in the node's network has the node's addresses", () => {
  expect(statusOf({ spec: { hostNetwork: true }, more: { ip: undefined } })).toMatchObject({
    hostIP: '192.0.2.1',
    podIP: '192.0.2.1',
    podIPs: [{ ip: '192.0.2.1' }],
  });
});

test('keeps what it knew and changes nothing without need', () => {
  const given: Given = {
    containers: [running('app')],
    status: { startTime: BEFORE, qosClass: 'Burstable', nominatedNodeName: 'x' },
  };
  const first = statusOf(given);
  expect(first).toMatchObject({ startTime: BEFORE, qosClass: 'Burstable', nominatedNodeName: 'x' });
  expect(hasChanged(first, statusOf({ ...given, status: first }))).toBe(false);
});
