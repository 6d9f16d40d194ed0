import { describe, expect, test } from 'vitest';
import type { Container, Pod, PodSpec } from '#api/core/v1.ts';
import { containerHash } from '../pod-names.ts';
import { planPod } from './pod-plan.ts';
import type { ContainerView, PodView, SandboxView } from './pod-view.ts';

const NOW = Date.UTC(2026, 0, 1, 12);
const ago = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

const app = (name = 'app', more: Partial<Container> = {}): Container => ({ name, image: 'nginx', ...more });
const sidecar = (name = 'proxy'): Container => app(name, { restartPolicy: 'Always' });

function pod(spec: Partial<PodSpec> = {}, more: Partial<Pod> = {}): Pod {
  return {
    ...more,
    metadata: { name: 'web', namespace: 'shop', uid: 'u1', ...more.metadata },
    spec: { containers: [app()], restartPolicy: 'Always', ...spec },
  };
}

const sandbox = (more: Partial<SandboxView> = {}): SandboxView => ({
  id: 's0',
  attempt: 0,
  isRunning: true,
  pid: 7,
  ...more,
});

function container(name: string, more: Partial<ContainerView> = {}): ContainerView {
  const attempt = more.attempt ?? 0;
  return {
    id: `${name}-${attempt}`,
    name,
    attempt,
    hash: containerHash(app(name)),
    sandboxId: 's0',
    status: 'running',
    image: 'nginx',
    imageId: 'sha256:1',
    pid: 8,
    startedAt: ago(60),
    logPath: '/log',
    isGone: false,
    ...more,
  };
}

const exited = (name: string, exitCode: number, more: Partial<ContainerView> = {}) =>
  container(name, { status: 'exited', exitCode, finishedAt: ago(1), ...more });

function view(more: Partial<PodView> = {}): PodView {
  return {
    pod: pod(),
    isDeleted: false,
    sandboxes: [sandbox()],
    containers: [],
    health: new Map(),
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
}

/** Actions in short: type and what it is about. */
function brief(given: Partial<PodView>): string[] {
  return planPod(view(given), NOW).actions.map((action) => {
    switch (action.type) {
      case 'startContainer':
        return `start ${action.container}#${action.attempt}`;
      case 'killContainer':
        return `kill ${action.containerId} ${action.graceSeconds}`;
      case 'removeContainer':
        return `remove ${action.containerId}`;
      case 'removeSandbox':
        return `remove ${action.sandboxId}`;
      case 'createSandbox':
        return `sandbox#${action.attempt}`;
      case 'failPod':
        return `fail ${action.reason}`;
      default:
        return action.type;
    }
  });
}

const ready = { isStarted: true, isReady: true };
const deleted = { metadata: { name: 'web', deletionTimestamp: '2026-01-01T12:00:30Z' } };
const cleanUp = ['remove s0', 'releaseNetwork', 'releaseVolumes'];

interface Row {
  name: string;
  given: Partial<PodView>;
  expected: string[];
}

const starting: Row[] = [
  { name: 'begins with a sandbox', given: { sandboxes: [] }, expected: ['sandbox#0'] },
  { name: 'starts a container in the sandbox', given: {}, expected: ['start app#0'] },
  {
    name: 'starts all containers in order',
    given: { pod: pod({ containers: [app('b'), app('a')] }) },
    expected: ['start b#0', 'start a#0'],
  },
  { name: 'does nothing while all is well', given: { containers: [container('app')] }, expected: [] },
  {
    name: 'starts one init container at a time',
    given: { pod: pod({ initContainers: [app('one'), app('two')] }) },
    expected: ['start one#0'],
  },
  {
    name: 'waits for a running init container',
    given: { pod: pod({ initContainers: [app('one')] }), containers: [container('one')] },
    expected: [],
  },
  {
    name: 'goes on when an init container has succeeded',
    given: { pod: pod({ initContainers: [app('one'), app('two')] }), containers: [exited('one', 0)] },
    expected: ['start two#0'],
  },
  {
    name: 'starts the containers when all init containers have succeeded',
    given: { pod: pod({ initContainers: [app('one')] }), containers: [exited('one', 0)] },
    expected: ['start app#0'],
  },
  {
    name: 'repeats an init container that failed',
    given: { pod: pod({ initContainers: [app('one')] }), containers: [exited('one', 1)] },
    expected: ['start one#1'],
  },
  {
    name: 'repeats init containers in a new sandbox',
    given: {
      pod: pod({ initContainers: [app('one')] }),
      sandboxes: [sandbox({ id: 's1', attempt: 1 })],
      containers: [exited('one', 0), exited('app', 137)],
    },
    expected: ['start one#1'],
  },
  {
    name: 'does not repeat init containers that somebody removed once the containers run',
    given: { pod: pod({ initContainers: [app('one')] }), containers: [container('app')] },
    expected: [],
  },
  {
    name: 'starts a container anew that was created and never started',
    given: { containers: [container('app', { status: 'created' })] },
    expected: ['remove app-0', 'start app#0'],
  },
  {
    name: 'starts an ephemeral container beside the others, once',
    given: { pod: pod({ ephemeralContainers: [app('debug')] }), containers: [container('app')] },
    expected: ['start debug#0'],
  },
  {
    name: 'never restarts an ephemeral container',
    given: { pod: pod({ ephemeralContainers: [app('debug')] }), containers: [container('app'), exited('debug', 1)] },
    expected: [],
  },
];

const sidecars: Row[] = [
  {
    name: 'waits until a sidecar has started',
    given: { pod: pod({ initContainers: [sidecar()] }), containers: [container('proxy')] },
    expected: [],
  },
  {
    name: 'goes on when a sidecar has started',
    given: {
      pod: pod({ initContainers: [sidecar(), app('one')] }),
      containers: [container('proxy')],
      health: new Map([['proxy-0', ready]]),
    },
    expected: ['start one#0'],
  },
  {
    name: 'restarts a sidecar beside running containers, also after success',
    given: { pod: pod({ initContainers: [sidecar()] }), containers: [exited('proxy', 0), container('app')] },
    expected: ['start proxy#1'],
  },
  {
    name: 'restarts a sidecar although the pod never restarts its containers',
    given: {
      pod: pod({ initContainers: [sidecar()], restartPolicy: 'Never' }),
      containers: [exited('proxy', 1), container('app')],
    },
    expected: ['start proxy#1'],
  },
  {
    name: 'ends sidecars when the containers are done',
    given: {
      pod: pod({ initContainers: [sidecar()], restartPolicy: 'Never' }),
      containers: [exited('app', 0), container('proxy')],
    },
    expected: ['kill proxy-0 30'],
  },
  {
    name: 'ends containers before sidecars',
    given: {
      pod: pod({ initContainers: [sidecar()] }, deleted),
      containers: [container('app'), container('proxy')],
    },
    expected: ['kill app-0 30'],
  },
  {
    name: 'ends sidecars last first',
    given: {
      pod: pod({ initContainers: [sidecar('a'), sidecar('b')] }, deleted),
      containers: [exited('app', 0), container('a'), container('b')],
    },
    expected: ['kill b-0 30'],
  },
];

const restarting: Row[] = [
  {
    name: 'restarts at once after the first end',
    given: { containers: [exited('app', 1)] },
    expected: ['start app#1'],
  },
  { name: 'restarts after success, too', given: { containers: [exited('app', 0)] }, expected: ['start app#1'] },
  {
    name: 'restarts on failure where that is the policy',
    given: { pod: pod({ restartPolicy: 'OnFailure' }), containers: [exited('app', 2)] },
    expected: ['start app#1'],
  },
  {
    name: 'leaves a finished container alone while another goes on',
    given: {
      pod: pod({ containers: [app('a'), app('b')], restartPolicy: 'OnFailure' }),
      containers: [exited('a', 0), container('b')],
    },
    expected: [],
  },
  {
    name: "obeys the container's own policy",
    given: {
      pod: pod({ containers: [app('a', { restartPolicy: 'Always' }), app('b')], restartPolicy: 'Never' }),
      containers: [exited('a', 0), container('b')],
    },
    expected: ['start a#1'],
  },
  {
    name: 'obeys a rule for the exit code',
    given: {
      pod: pod({
        containers: [
          app('a', { restartPolicyRules: [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }] }),
          app('b'),
        ],
        restartPolicy: 'Never',
      }),
      containers: [exited('a', 42), container('b')],
    },
    expected: ['start a#1'],
  },
  {
    name: 'waits between restarts',
    given: { containers: [exited('app', 1)], restarts: new Map([['app', { count: 1, lastMs: NOW - 5000 }]]) },
    expected: [],
  },
  {
    name: 'restarts when the wait is over',
    given: {
      containers: [exited('app', 1, { finishedAt: ago(11) })],
      restarts: new Map([['app', { count: 1, lastMs: NOW - 15_000 }]]),
    },
    expected: ['start app#1'],
  },
  {
    name: 'forgives after ten minutes of running',
    given: {
      containers: [exited('app', 1)],
      restarts: new Map([['app', { count: 9, lastMs: NOW - 602_000 }]]),
    },
    expected: ['start app#1'],
  },
  {
    name: 'keeps only the newest ended container',
    given: {
      containers: [
        container('app', { attempt: 3 }),
        exited('app', 1, { attempt: 2 }),
        exited('app', 1, { attempt: 1 }),
      ],
    },
    expected: ['remove app-1'],
  },
  {
    name: 'does not remove what is gone already',
    given: {
      containers: [
        container('app', { attempt: 3 }),
        exited('app', 1, { attempt: 2 }),
        exited('app', 1, { attempt: 1, isGone: true }),
      ],
    },
    expected: [],
  },
  {
    name: 'restarts a container that was removed from the engine',
    given: { containers: [exited('app', 137, { isGone: true })] },
    expected: ['start app#1'],
  },
  {
    name: 'waits after a start that failed',
    given: {
      failures: new Map([['app', { reason: 'CreateContainerError', message: 'no', retryAtMs: NOW + 1000, count: 1 }]]),
    },
    expected: [],
  },
  {
    name: 'tries again when that wait is over',
    given: {
      failures: new Map([['app', { reason: 'CreateContainerError', message: 'no', retryAtMs: NOW, count: 1 }]]),
    },
    expected: ['start app#0'],
  },
];

const health: Row[] = [
  {
    name: 'kills what its liveness probe has given up',
    given: {
      containers: [container('app')],
      health: new Map([['app-0', { ...ready, verdict: { message: 'unwell' } }]]),
    },
    expected: ['kill app-0 30'],
  },
  {
    name: "kills within the probe's own grace period",
    given: {
      containers: [container('app')],
      health: new Map([['app-0', { ...ready, verdict: { message: 'unwell', graceSeconds: 3 } }]]),
    },
    expected: ['kill app-0 3'],
  },
  {
    name: 'replaces a container whose image was changed',
    given: { pod: pod({ containers: [app('app', { image: 'nginx:2' })] }), containers: [container('app')] },
    expected: ['kill app-0 30'],
  },
];

const sandboxes: Row[] = [
  {
    name: 'ends containers whose sandbox has died',
    given: { sandboxes: [sandbox({ isRunning: false })], containers: [container('app')] },
    expected: ['kill app-0 30'],
  },
  {
    name: 'replaces a sandbox that has died',
    given: { sandboxes: [sandbox({ isRunning: false, attempt: 2 })], containers: [exited('app', 137)] },
    expected: ['remove s0', 'sandbox#3'],
  },
  {
    name: 'does not replace the sandbox of a pod that is done',
    given: {
      pod: pod({ restartPolicy: 'Never' }),
      sandboxes: [sandbox({ isRunning: false })],
      containers: [exited('app', 0)],
    },
    expected: cleanUp,
  },
  {
    name: 'restarts containers in the new sandbox',
    given: { sandboxes: [sandbox({ id: 's1', attempt: 1 })], containers: [exited('app', 137)] },
    expected: ['start app#1'],
  },
  {
    name: 'removes a sandbox too many',
    given: {
      sandboxes: [sandbox({ id: 's1', attempt: 1 }), sandbox({ isRunning: false })],
      containers: [container('app')],
    },
    expected: ['remove s0'],
  },
];

const ending: Row[] = [
  {
    name: 'ends all containers of a deleted pod together',
    given: { pod: pod({ containers: [app('a'), app('b')] }, deleted), containers: [container('a'), container('b')] },
    expected: ['kill a-0 30', 'kill b-0 30'],
  },
  {
    name: 'reports the end once nothing is left',
    given: { pod: pod({}, deleted), containers: [exited('app', 0)] },
    expected: [...cleanUp, 'finishPod'],
  },
  {
    name: 'reports the end of a pod that never started',
    given: { pod: pod({}, deleted), sandboxes: [], hasNetwork: false, hasVolumes: false },
    expected: ['finishPod'],
  },
  {
    name: 'waits for finalizers after that',
    given: { pod: pod({}, deleted), sandboxes: [], hasNetwork: false, hasVolumes: false, isFinished: true },
    expected: [],
  },
  {
    name: 'forgets the pod when the API has',
    given: { isDeleted: true, sandboxes: [], hasNetwork: false, hasVolumes: false, containers: [exited('app', 0)] },
    expected: ['remove app-0', 'forgetPod'],
  },
  {
    name: 'ends the containers of a pod that is gone from the API',
    given: { isDeleted: true, graceSeconds: 1, containers: [container('app')] },
    expected: ['kill app-0 1'],
  },
  {
    name: 'cleans up after a pod that has succeeded, and keeps its containers for their logs',
    given: { pod: pod({ restartPolicy: 'Never' }), containers: [exited('app', 0)] },
    expected: cleanUp,
  },
  {
    name: 'does nothing more for a pod that is over',
    given: {
      pod: pod({ restartPolicy: 'Never' }, { status: { phase: 'Succeeded' } }),
      sandboxes: [],
      hasNetwork: false,
      hasVolumes: false,
      containers: [exited('app', 0)],
    },
    expected: [],
  },
  {
    name: 'never restarts a pod that is over, whatever is left of it',
    given: { pod: pod({}, { status: { phase: 'Failed' } }), sandboxes: [], hasNetwork: false, hasVolumes: false },
    expected: [],
  },
  {
    name: 'is over when an init container fails that is not repeated',
    given: { pod: pod({ initContainers: [app('one')], restartPolicy: 'Never' }), containers: [exited('one', 1)] },
    expected: cleanUp,
  },
  {
    name: 'fails a pod that is active too long',
    given: {
      pod: pod({ activeDeadlineSeconds: 60 }, { status: { startTime: ago(60) } }),
      containers: [container('app')],
    },
    expected: ['fail DeadlineExceeded'],
  },
  {
    name: 'ends the containers of a pod the node has failed',
    given: { outcome: { phase: 'Failed', reason: 'DeadlineExceeded', message: '' }, containers: [container('app')] },
    expected: ['kill app-0 30'],
  },
];

describe.each([
  ['starting', starting],
  ['sidecars', sidecars],
  ['restarting', restarting],
  ['health', health],
  ['sandboxes', sandboxes],
  ['ending', ending],
])('%s', (_, rows) => {
  test.each(rows)('$name', ({ given, expected }) => {
    expect(brief(given)).toEqual(expected);
  });
});

describe('waiting', () => {
  test('says how long a crashing container waits and when to look again', () => {
    const plan = planPod(
      view({ containers: [exited('app', 1)], restarts: new Map([['app', { count: 4, lastMs: NOW - 5000 }]]) }),
      NOW,
    );
    expect(plan.waiting.get('app')).toEqual({
      reason: 'CrashLoopBackOff',
      message: 'back-off 1m20s restarting failed container=app pod=web_shop(u1)',
    });
    expect(plan.wakeAtMs).toBe(NOW - 1000 + 80_000);
  });

  test.each([
    { atMs: NOW + 500, expected: 'ErrImagePull', wake: NOW + 500 },
    { atMs: NOW, expected: 'ImagePullBackOff', wake: NOW + 9000 },
  ])('shows $expected', ({ atMs, expected, wake }) => {
    const failure = {
      reason: 'ErrImagePull',
      message: 'no',
      retryAtMs: NOW + 9000,
      count: 1,
      later: { reason: 'ImagePullBackOff', message: 'Back-off pulling image "x"', atMs },
    };
    const plan = planPod(view({ failures: new Map([['app', failure]]) }), NOW);
    expect(plan.waiting.get('app')?.reason).toBe(expected);
    expect(plan.wakeAtMs).toBe(wake);
  });

  test('looks again when the deadline of the pod is reached', () => {
    const given = pod({ activeDeadlineSeconds: 60 }, { status: { startTime: ago(10) } });
    expect(planPod(view({ pod: given, containers: [container('app')] }), NOW).wakeAtMs).toBe(NOW + 50_000);
  });

  test('gives the reason for a kill to the event', () => {
    const plan = planPod(
      view({
        containers: [container('app')],
        health: new Map([['app-0', { ...ready, verdict: { message: 'unwell' } }]]),
      }),
      NOW,
    );
    expect(plan.actions).toMatchObject([{ type: 'killContainer', message: 'unwell' }]);
  });
});
