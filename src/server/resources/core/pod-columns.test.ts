import { describe, expect, test } from 'vitest';
import type { Container, ContainerState, ContainerStatus, Pod, PodStatus } from '#api/core/v1.ts';
import { podColumns, podRowConditions, summarizePod } from './pod-columns.ts';

const NOW = new Date('2026-06-01T12:00:00Z');
const running: ContainerState = { running: { startedAt: '2026-06-01T11:00:00Z' } };
const waiting = (reason: string): ContainerState => ({ waiting: { reason } });
const ended = (exitCode: number, reason?: string): ContainerState => ({
  terminated: { exitCode, ...(reason && { reason }) },
});
const killed = (signal: number): ContainerState => ({ terminated: { exitCode: 137, signal } });

function status(name: string, state: ContainerState, more: Partial<ContainerStatus> = {}): ContainerStatus {
  return { name, state, ready: state.running !== undefined, restartCount: 0, image: 'i', imageID: '', ...more };
}

const container = (name: string, more: Partial<Container> = {}): Container => ({ name, image: 'i', ...more });

interface Row {
  name: string;
  init?: Container[];
  phase?: string;
  status?: Partial<PodStatus>;
  containers?: ContainerStatus[];
  inits?: ContainerStatus[];
  deleting?: boolean;
  ready?: string;
  word: string;
  restarts?: string;
}

function podOf({
  init = [],
  phase = 'Running',
  status: rest = {},
  containers = [],
  inits = [],
  deleting = false,
}: Row): Pod {
  return {
    metadata: { name: 'p', ...(deleting && { deletionTimestamp: '2026-06-01T12:00:30Z' }) },
    spec: {
      initContainers: init,
      containers: containers.length > 0 ? containers.map(({ name }) => container(name)) : [container('a')],
    },
    status: { phase, containerStatuses: containers, initContainerStatuses: inits, ...rest },
  };
}

const sidecar = container('s', { restartPolicy: 'Always' });
const READY = { conditions: [{ type: 'Ready', status: 'True' }] };

test.each<Row>([
  { name: 'the phase by itself', phase: 'Pending', word: 'Pending', ready: '0/1' },
  { name: 'the reason over the phase', phase: 'Failed', status: { reason: 'Evicted' }, word: 'Evicted' },
  {
    name: 'waiting at a gate',
    phase: 'Pending',
    status: { conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }] },
    word: 'SchedulingGated',
  },
  { name: 'running', containers: [status('a', running)], word: 'Running', ready: '1/1' },
  {
    name: 'one of two ready',
    containers: [status('a', running), status('b', waiting('ContainerCreating'))],
    word: 'ContainerCreating',
    ready: '1/2',
  },
  {
    name: 'the first container has the last word',
    containers: [status('a', waiting('ImagePullBackOff')), status('b', waiting('CrashLoopBackOff'))],
    word: 'ImagePullBackOff',
    ready: '0/2',
  },
  { name: 'an end with its reason', phase: 'Failed', containers: [status('a', ended(1, 'Error'))], word: 'Error' },
  { name: 'an end without a reason', phase: 'Failed', containers: [status('a', ended(3))], word: 'ExitCode:3' },
  { name: 'an end by signal', phase: 'Failed', containers: [status('a', killed(9))], word: 'Signal:9' },
  {
    name: 'completed',
    phase: 'Succeeded',
    containers: [status('a', ended(0, 'Completed'))],
    word: 'Completed',
    ready: '0/1',
  },
  {
    name: 'one completed, one running and ready',
    status: READY,
    containers: [status('a', ended(0, 'Completed')), status('b', running)],
    word: 'Running',
    ready: '1/2',
  },
  {
    name: 'one completed, one running, not ready',
    containers: [status('a', ended(0, 'Completed')), status('b', running)],
    word: 'NotReady',
    ready: '1/2',
  },
  {
    name: 'one completed, another failed before',
    phase: 'Failed',
    containers: [status('a', ended(0, 'Completed')), status('b', ended(1, 'Error'))],
    word: 'Error',
  },
  {
    name: 'init not begun',
    phase: 'Pending',
    init: [container('x'), container('y')],
    inits: [status('x', waiting('PodInitializing')), status('y', waiting('PodInitializing'))],
    word: 'Init:0/2',
  },
  {
    name: 'second init running',
    phase: 'Pending',
    init: [container('x'), container('y')],
    inits: [status('x', ended(0)), status('y', running)],
    word: 'Init:1/2',
  },
  {
    name: 'init in trouble',
    phase: 'Pending',
    init: [container('x')],
    inits: [status('x', waiting('CrashLoopBackOff'), { restartCount: 3 })],
    word: 'Init:CrashLoopBackOff',
    restarts: '3',
  },
  {
    name: 'init failed',
    phase: 'Failed',
    init: [container('x')],
    inits: [status('x', ended(2))],
    word: 'Init:ExitCode:2',
  },
  {
    name: 'init killed',
    phase: 'Failed',
    init: [container('x')],
    inits: [status('x', killed(15))],
    word: 'Init:Signal:15',
  },
  {
    name: 'init failed with a reason',
    phase: 'Failed',
    init: [container('x')],
    inits: [status('x', ended(2, 'Error'))],
    word: 'Init:Error',
  },
  {
    name: 'a started sidecar counts as ready',
    init: [sidecar],
    inits: [status('s', running, { started: true })],
    containers: [status('a', running)],
    word: 'Running',
    ready: '2/2',
  },
  {
    name: 'a sidecar that has not started holds the rest',
    phase: 'Pending',
    init: [sidecar],
    inits: [status('s', running, { started: false, ready: false })],
    word: 'Init:0/1',
    ready: '0/2',
  },
  {
    name: 'restarts with their time',
    containers: [
      status('a', running, {
        restartCount: 2,
        lastState: { terminated: { exitCode: 1, finishedAt: '2026-06-01T11:55:00Z' } },
      }),
    ],
    word: 'Running',
    restarts: '2 (5m ago)',
  },
  {
    name: 'finished init containers do not count as restarts',
    init: [container('x')],
    inits: [status('x', ended(0), { restartCount: 4 })],
    containers: [status('a', running)],
    word: 'Running',
    restarts: '0',
  },
  { name: 'being deleted', deleting: true, containers: [status('a', running)], word: 'Terminating' },
  {
    name: 'deleted on a lost node',
    deleting: true,
    status: { reason: 'NodeLost' },
    containers: [status('a', running)],
    word: 'Unknown',
  },
  {
    name: 'deleted after its end',
    deleting: true,
    phase: 'Succeeded',
    containers: [status('a', ended(0, 'Completed'))],
    word: 'Completed',
  },
])('$name reads $word', (row) => {
  const summary = summarizePod(podOf(row), NOW);
  expect(summary.status).toBe(row.word);
  if (row.ready !== undefined) expect(summary.ready).toBe(row.ready);
  if (row.restarts !== undefined) expect(summary.restarts).toBe(row.restarts);
});

describe('wide columns', () => {
  const value = (name: string, pod: Pod) => podColumns.find((column) => column.name === name)?.value(pod, NOW);

  test('say <none> where there is nothing', () => {
    const pod = podOf({ name: '', word: '' });
    for (const name of ['IP', 'Node', 'Nominated Node', 'Readiness Gates']) expect(value(name, pod)).toBe('<none>');
  });

  test('show address, node and met gates', () => {
    const pod = podOf({
      name: '',
      word: '',
      status: { podIPs: [{ ip: '10.42.0.5' }], conditions: [{ type: 'www.example.com/x', status: 'True' }] },
    });
    pod.spec.nodeName = 'n1';
    pod.spec.readinessGates = [{ conditionType: 'www.example.com/x' }, { conditionType: 'www.example.com/y' }];
    expect([value('IP', pod), value('Node', pod), value('Readiness Gates', pod)]).toEqual(['10.42.0.5', 'n1', '1/2']);
  });
});

test.each([
  { phase: 'Succeeded', message: 'The pod has completed successfully.' },
  { phase: 'Failed', message: 'The pod failed.' },
])('rows of $phase pods are marked', ({ phase, message }) => {
  expect(podRowConditions(podOf({ name: '', word: '', phase }))).toEqual([
    { type: 'Completed', status: 'True', reason: phase, message },
  ]);
  expect(podRowConditions(podOf({ name: '', word: '' }))).toEqual([]);
});
