import { afterEach, beforeEach, expect, test } from 'vitest';
import { createLogger } from '#base/logger.ts';
import { FakeRuntime } from '#test/fakes/fake-runtime.ts';
import { eventually } from '#test/support/eventually.ts';
import { containerLabels, sandboxLabels } from '../pod-names.ts';
import { RuntimeMirror } from './runtime-mirror.ts';

const { signal } = new AbortController();
const pod = { metadata: { name: 'web', namespace: 'shop', uid: 'u1' }, spec: { containers: [] } };

let runtime: FakeRuntime;
let mirror: RuntimeMirror;

beforeEach(() => {
  runtime = new FakeRuntime({ images: ['busybox'] });
  mirror = new RuntimeMirror({ runtime, endMessage: async () => 'last words', log: createLogger({ level: 'silent' }) });
});

afterEach(async () => {
  await mirror.stop();
  await runtime.stop();
});

async function startContainer(attempt = 0): Promise<{ sandboxId: string; id: string }> {
  const { id: sandboxId } = await runtime.createSandbox(
    { name: `s${attempt}`, hostname: 'web', labels: sandboxLabels(pod, attempt), network: { mode: 'pod' } },
    signal,
  );
  const { id } = await runtime.createContainer(
    {
      name: `c${attempt}`,
      sandboxId,
      hostname: 'web',
      image: 'busybox',
      labels: containerLabels(pod, { name: 'app' }, { attempt, sandboxId }),
      command: ['serve'],
      env: [],
      mounts: [],
      resources: {},
      security: {},
      pid: 'container',
    },
    signal,
  );
  return { sandboxId, id };
}

const loaded = () => eventually(() => expect(mirror.isLoaded).toBe(true));

test('knows what ran before it started', async () => {
  const { id, sandboxId } = await startContainer();
  mirror.start();
  await loaded();
  expect(mirror.pods()).toEqual([{ uid: 'u1', name: 'web', namespace: 'shop' }]);
  expect(mirror.sandboxes('u1')).toMatchObject([{ id: sandboxId, attempt: 0, isRunning: true }]);
  expect(mirror.containers('u1')).toMatchObject([{ id, name: 'app', status: 'running', sandboxId }]);
});

test('follows events and tells whose they are', async () => {
  mirror.start();
  await loaded();
  const told: string[] = [];
  mirror.onChange((uid) => told.push(uid));
  const { id } = await startContainer();
  await eventually(() => expect(mirror.containers('u1')).toMatchObject([{ status: 'running' }]));
  await runtime.endContainer(id, 3);
  await eventually(() =>
    expect(mirror.containers('u1')).toMatchObject([
      { status: 'exited', exitCode: 3, reason: 'Error', message: 'last words' },
    ]),
  );
  expect(new Set(told)).toEqual(new Set(['u1']));
});

test('remembers a container that somebody removed', async () => {
  mirror.start();
  await loaded();
  const { id } = await startContainer();
  await mirror.refresh(id);
  await runtime.removeContainer(id);
  await eventually(() =>
    expect(mirror.containers('u1')).toMatchObject([{ id, status: 'exited', exitCode: 137, isGone: true }]),
  );
});

test('forgets a container that was removed on purpose', async () => {
  mirror.start();
  await loaded();
  const { id } = await startContainer();
  await mirror.refresh(id);
  await mirror.removing(id, () => runtime.removeContainer(id));
  expect(mirror.containers('u1')).toEqual([]);
});

test('knows a container again that could not be removed', async () => {
  mirror.start();
  await loaded();
  const { sandboxId } = await startContainer();
  await mirror.refresh(sandboxId);
  await expect(mirror.removing(sandboxId, () => Promise.reject(new Error('the engine stops')))).rejects.toThrow();
  await eventually(() => expect(mirror.sandboxes('u1')).toMatchObject([{ id: sandboxId }]));
});

test('drops a sandbox that was removed', async () => {
  mirror.start();
  await loaded();
  const { sandboxId } = await startContainer();
  await mirror.refresh(sandboxId);
  await runtime.removeContainer(sandboxId);
  await eventually(() => expect(mirror.sandboxes('u1')).toEqual([]));
});

test('waits for an engine that is not there yet', async () => {
  await startContainer();
  runtime.disconnect();
  mirror.start();
  expect(mirror.isLoaded).toBe(false);
  runtime.reconnect();
  await loaded();
  expect(mirror.containers('u1')).toHaveLength(1);
});

test('takes in what it has missed', async () => {
  mirror.start();
  await loaded();
  runtime.disconnect();
  runtime.reconnect();
  const { id } = await startContainer();
  await eventually(() => expect(mirror.containers('u1')).toMatchObject([{ id }]));
});

test('ignores containers of others', async () => {
  await runtime.createSandbox({ name: 'x', hostname: 'x', labels: { other: 'yes' }, network: { mode: 'pod' } }, signal);
  mirror.start();
  await loaded();
  expect(mirror.pods()).toEqual([]);
});
