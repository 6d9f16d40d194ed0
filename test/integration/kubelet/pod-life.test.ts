import { afterAll, beforeAll, expect, test } from 'vitest';
import { configMaps, nodes, pods, secrets } from '#api/core/v1.ts';
import { FakeRuntime } from '#test/fakes/fake-runtime.ts';
import { eventually } from '#test/support/eventually.ts';
import { conditionOf, containerOf, NODE, TestNode } from './test-node.ts';

const IMAGE = 'busybox:1';
const sh = (script: string, name = 'app') => ({ name, image: IMAGE, command: ['sh', '-c', script] });
const forever = (name = 'app') => ({ name, image: IMAGE, command: ['serve'] });

let node: TestNode;
let runtime: FakeRuntime;

beforeAll(async () => {
  runtime = new FakeRuntime({ images: [IMAGE] });
  node = await TestNode.start({ runtime, config: { runtimeAwayMs: 300 } });
});

afterAll(async () => {
  await node.stop();
  await runtime.stop();
});

const isReady = (name: string) => node.until(name, (pod) => expect(conditionOf(pod, 'Ready')).toBe('True'));

test('reports the node as ready', async () => {
  await eventually(async () => {
    const { status, metadata } = await node.server.client.get(nodes, { name: NODE });
    expect(status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'True',
      reason: 'KubeletReady',
    });
    expect(metadata.labels).toMatchObject({ 'kubernetes.io/hostname': NODE, 'kubernetes.io/os': 'linux' });
    expect(status?.nodeInfo?.containerRuntimeVersion).toBe('docker://0.0.0');
  });
});

test('brings a pod to run and tells about it', async () => {
  await node.create('plain', { containers: [forever()] });
  const pod = await isReady('plain');
  expect(pod.status).toMatchObject({
    phase: 'Running',
    hostIP: '192.0.2.1',
    hostIPs: [{ ip: '192.0.2.1' }],
    podIP: expect.stringMatching(/^10\.42\.0\./),
    qosClass: 'BestEffort',
    observedGeneration: 1,
  });
  expect(containerOf(pod)).toMatchObject({
    ready: true,
    started: true,
    restartCount: 0,
    image: IMAGE,
    containerID: expect.stringMatching(/^docker:\/\/[0-9a-f]+$/),
    state: { running: {} },
  });
  await eventually(async () => {
    expect(await node.events('plain')).toEqual([
      `Pulled: Container image "${IMAGE}" already present on machine`,
      'Created: Created container: app',
      'Started: Started container app',
    ]);
  });
});

test('gives exactly one container of the pod the label that log collectors know', async () => {
  const all = await runtime.list();
  expect(all.filter(({ labels }) => labels['io.kubernetes.pod.name'] === 'plain')).toHaveLength(1);
});

test('restarts what was removed from the engine, in the same pod', async () => {
  const before = await node.get('plain');
  const id = containerOf(before)?.containerID?.replace('docker://', '') ?? '';
  await runtime.removeContainer(id);
  const after = await node.until('plain', (pod) =>
    expect(containerOf(pod)).toMatchObject({ restartCount: 1, ready: true }),
  );
  expect(after.metadata.uid).toBe(before.metadata.uid);
  expect(after.status?.podIP).toBe(before.status?.podIP);
  expect(containerOf(after)?.lastState?.terminated).toMatchObject({ containerID: `docker://${id}`, exitCode: 137 });
});

test('takes over running containers without a restart', async () => {
  const before = await node.get('plain');
  await node.restart();
  await node.create('after-restart', { containers: [forever()] });
  await isReady('after-restart');
  const after = await node.get('plain');
  expect(containerOf(after)).toEqual(containerOf(before));
  expect(after.status?.conditions).toEqual(before.status?.conditions);
});

test('ends pods that were deleted while it was away', async () => {
  await node.create('forgotten', { containers: [forever()], terminationGracePeriodSeconds: 1 });
  const { metadata } = await isReady('forgotten');
  await node.restart(async () => {
    await node.server.client.delete(pods, { namespace: 'default', name: 'forgotten' }, { gracePeriodSeconds: 0 });
  });
  await eventually(async () => {
    const left = (await runtime.list()).filter(({ labels }) => Object.values(labels).includes(metadata.uid ?? ''));
    expect(left).toEqual([]);
    expect(await node.network.attached()).not.toContain(metadata.uid);
  });
});

test('deletes a pod and every trace of it', async () => {
  const { metadata } = await node.get('plain');
  await node.server.client.delete(pods, { namespace: 'default', name: 'plain' }, { gracePeriodSeconds: 1 });
  await node.gone('plain');
  await eventually(async () => {
    const left = (await runtime.list()).filter(({ labels }) => Object.values(labels).includes(metadata.uid ?? ''));
    expect(left).toEqual([]);
    expect(await node.network.attached()).not.toContain(metadata.uid);
  });
  expect(await node.events('plain')).toContain('Killing: Stopping container app');
});

test('runs init containers in order before the others', async () => {
  await node.create('init', { initContainers: [sh('true', 'one'), sh('true', 'two')], containers: [forever()] });
  const pod = await isReady('init');
  const finished = pod.status?.initContainerStatuses?.map(({ name, ready, state }) => [
    name,
    ready,
    state?.terminated?.reason,
  ]);
  expect(finished).toEqual([
    ['one', true, 'Completed'],
    ['two', true, 'Completed'],
  ]);
  expect(conditionOf(pod, 'Initialized')).toBe('True');
});

test('ends with the outcome of its containers', async () => {
  await node.create('good', { containers: [sh('exit 0')], restartPolicy: 'Never' });
  await node.create('bad', { containers: [sh('exit 3')], restartPolicy: 'Never' });
  const good = await node.until('good', ({ status }) => expect(status?.phase).toBe('Succeeded'));
  const bad = await node.until('bad', ({ status }) => expect(status?.phase).toBe('Failed'));
  expect(containerOf(good)?.state?.terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
  expect(containerOf(bad)?.state?.terminated).toMatchObject({ exitCode: 3, reason: 'Error' });
  expect(good.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
    status: 'False',
    reason: 'PodCompleted',
  });
});

test('backs off from a container that keeps ending', async () => {
  await node.create('crash', { containers: [sh('exit 1')] });
  const pod = await node.until('crash', (found) =>
    expect(containerOf(found)?.state?.waiting?.reason).toBe('CrashLoopBackOff'),
  );
  expect(containerOf(pod)).toMatchObject({ restartCount: 1, ready: false, lastState: { terminated: { exitCode: 1 } } });
  expect(pod.status?.phase).toBe('Running');
  await eventually(async () => {
    expect(
      (await node.events('crash')).some((text) =>
        text.startsWith('BackOff: Back-off restarting failed container app in pod crash_default('),
      ),
    ).toBe(true);
  });
});

test('backs off from an image that cannot be pulled', async () => {
  runtime.registry.set('nowhere/image:1', new Error('manifest unknown'));
  await node.create('no-image', { containers: [{ name: 'app', image: 'nowhere/image:1' }] });
  await node.until('no-image', (pod) => expect(containerOf(pod)?.state?.waiting?.reason).toBe('ErrImagePull'));
  const pod = await node.until('no-image', (found) =>
    expect(containerOf(found)?.state?.waiting?.reason).toBe('ImagePullBackOff'),
  );
  expect(pod.status?.phase).toBe('Pending');
  await eventually(async () => {
    const told = (await node.events('no-image')).map((text) => text.split(':')[0]);
    expect(told).toEqual(['Pulling', 'Failed', 'Failed', 'BackOff', 'Failed']);
  });
});

test('deletes a pod at once that waits for its image', async () => {
  await node.server.client.delete(pods, { namespace: 'default', name: 'no-image' });
  await node.gone('no-image', 3000);
});

test('replaces a sandbox that has died and keeps the address', async () => {
  await node.create('sandbox', { containers: [forever()], terminationGracePeriodSeconds: 1 });
  const before = await isReady('sandbox');
  const all = await runtime.list();
  const pause = all.find(({ labels }) => labels['io.kubernetes.sandbox.pod.name'] === 'sandbox');
  await runtime.removeContainer(pause?.id ?? '');
  const after = await node.until('sandbox', (pod) =>
    expect(containerOf(pod)).toMatchObject({ restartCount: 1, ready: true }),
  );
  expect(after.status?.podIP).toBe(before.status?.podIP);
});

test('fails a pod that is active too long', async () => {
  await node.create('deadline', {
    containers: [forever()],
    activeDeadlineSeconds: 1,
    terminationGracePeriodSeconds: 1,
  });
  const pod = await node.until('deadline', ({ status }) => expect(status?.phase).toBe('Failed'));
  expect(pod.status).toMatchObject({ reason: 'DeadlineExceeded' });
});

test('says what a volume lacks and goes on when it is there', async () => {
  await node.create('volume', {
    containers: [{ ...forever(), volumeMounts: [{ name: 'settings', mountPath: '/etc/settings' }] }],
    volumes: [{ name: 'settings', configMap: { name: 'settings' } }],
  });
  await eventually(async () => {
    expect(await node.events('volume')).toContain(
      'FailedMount: MountVolume.SetUp failed for volume "settings" : configmap "settings" not found',
    );
  });
  await node.server.client.create(configMaps, {
    metadata: { name: 'settings', namespace: 'default' },
    data: { a: '1' },
  });
  await isReady('volume');
});

test('says what the environment lacks and goes on when it is there', async () => {
  const env = [{ name: 'KEY', valueFrom: { secretKeyRef: { name: 'keys', key: 'k' } } }];
  await node.create('env', { containers: [{ ...sh('echo $KEY; wait'), env }] });
  const pod = await node.until('env', (found) =>
    expect(containerOf(found)?.state?.waiting?.reason).toBe('CreateContainerConfigError'),
  );
  expect(containerOf(pod)?.state?.waiting?.message).toBe('secret "keys" not found');
  const data = { k: Buffer.from('value').toString('base64') };
  await node.server.client.create(secrets, { metadata: { name: 'keys', namespace: 'default' }, data });
  const started = await isReady('env');
  const id = containerOf(started)?.containerID?.replace('docker://', '') ?? '';
  expect(runtime.specOf(id)).toMatchObject({ env: expect.arrayContaining(['KEY=value', 'HOSTNAME=env']) });
});

test('restarts what fails its liveness probe', async () => {
  let unwell = '';
  runtime.onExec = (id, command) =>
    command[0] === 'check' ? { exitCode: id === unwell ? 1 : 0, stdout: 'unwell' } : undefined;
  const livenessProbe = { exec: { command: ['check'] }, periodSeconds: 1, failureThreshold: 1 };
  await node.create('liveness', { containers: [{ ...forever(), livenessProbe }], terminationGracePeriodSeconds: 1 });
  const before = await isReady('liveness');
  unwell = containerOf(before)?.containerID?.replace('docker://', '') ?? '';
  await node.until('liveness', (pod) => expect(containerOf(pod)?.restartCount).toBe(1));
  await isReady('liveness');
  const told = await node.events('liveness');
  expect(told).toContain('Unhealthy: Liveness probe failed: unwell');
  expect(told).toContain('Killing: Container app failed liveness probe, will be restarted');
  runtime.onExec = undefined;
});

test('survives an engine that goes away', async () => {
  await node.create('engine', { containers: [forever()] });
  const before = await isReady('engine');
  runtime.disconnect();
  await eventually(async () => {
    node.kubelet.node.wake();
    const { status } = await node.server.client.get(nodes, { name: NODE });
    const ready = status?.conditions?.find(({ type }) => type === 'Ready');
    expect(ready).toMatchObject({
      status: 'False',
      reason: 'KubeletNotReady',
      message: expect.stringContaining('container runtime is down'),
    });
  });
  runtime.reconnect();
  node.kubelet.node.wake();
  await node.create('engine-back', { containers: [forever()] });
  await isReady('engine-back');
  expect(containerOf(await node.get('engine'))).toEqual(containerOf(before));
});
