import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ContainerRuntime,
  type ContainerSpec,
  type ContainerState,
  type ExecSession,
  RuntimeError,
  type RuntimeEvent,
  type SandboxSpec,
} from '#agent/runtime/container-runtime.ts';
import { DockerRuntime } from '#agent/runtime/docker/docker-runtime.ts';
import { createLogger } from '#base/logger.ts';
import { FakeRuntime } from '#test/fakes/fake-runtime.ts';
import { canRunDocker, startDockerDaemon } from '#test/support/docker-daemon.ts';
import { eventually } from '#test/support/eventually.ts';
import { BUSYBOX, busyboxArchive, pauseImage } from '#test/support/images.ts';

const log = createLogger({ level: 'silent' });
const { signal } = new AbortController();

interface Harness {
  runtime: ContainerRuntime;
  /** The engine goes away and comes back, without touching what runs. */
  disconnect(): Promise<void>;
  reconnect(): Promise<void>;
  release(): Promise<void>;
}

async function fakeHarness(): Promise<Harness> {
  const runtime = new FakeRuntime();
  return {
    runtime,
    disconnect: async () => runtime.disconnect(),
    reconnect: async () => runtime.reconnect(),
    release: () => runtime.stop(),
  };
}

async function dockerHarness(): Promise<Harness> {
  const started = await startDockerDaemon({ liveRestore: true });
  const runtime = new DockerRuntime({ socket: `unix://${started.socket}`, owner: 'contract', pauseImage, log });
  return {
    runtime,
    disconnect: started.halt,
    reconnect: started.start,
    async release() {
      await runtime.stop();
      await started.stop();
    },
  };
}

if (!canRunDocker()) process.stderr.write('container-runtime: not root on Linux, real Docker is NOT tested\n');

const adapters = [
  { name: 'fake', create: fakeHarness },
  ...(canRunDocker() ? [{ name: 'docker', create: dockerHarness }] : []),
];

describe.each(adapters)('container runtime: $name', ({ create }) => {
  let harness: Harness;
  let runtime: ContainerRuntime;
  let sandboxId: string;
  let counter = 0;

  const uniqueName = () => `contract-${++counter}`;
  const sandboxSpec = (overrides: Partial<SandboxSpec> = {}): SandboxSpec => ({
    name: uniqueName(),
    hostname: 'web-0',
    labels: { kind: 'sandbox' },
    network: { mode: 'pod' },
    ...overrides,
  });
  const containerSpec = (script: string, overrides: Partial<ContainerSpec> = {}): ContainerSpec => ({
    name: uniqueName(),
    sandboxId,
    hostname: 'web-0',
    image: BUSYBOX,
    labels: { kind: 'container' },
    command: ['sh', '-c', script],
    env: [],
    mounts: [],
    resources: {},
    security: {},
    pid: 'container',
    ...overrides,
  });
  const runContainer = async (script: string, overrides: Partial<ContainerSpec> = {}) =>
    (await runtime.createContainer(containerSpec(script, overrides), signal)).id;
  const untilExited = (id: string): Promise<ContainerState> =>
    eventually(async () => {
      const state = await runtime.inspect(id);
      expect(state?.status).toBe('exited');
      return state as ContainerState;
    });
  const logOf = async (id: string, options = {}) => text(await runtime.logs(id, options, signal));
  const outcome = async (session: ExecSession) => {
    const [stdout, stderr, exitCode] = await Promise.all([
      text(session.stdout),
      text(session.stderr),
      session.exitCode,
    ]);
    return { stdout, stderr, exitCode };
  };
  const codeOf = async (promise: Promise<unknown>) => {
    const error = await promise.then(
      () => undefined,
      (reason) => reason,
    );
    return error instanceof RuntimeError ? error.code : error;
  };

  beforeAll(async () => {
    harness = await create();
    runtime = harness.runtime;
    await runtime.start(signal);
    await runtime.loadImage(Readable.from([await busyboxArchive()]));
    sandboxId = (await runtime.createSandbox(sandboxSpec(), signal)).id;
  });
  afterAll(() => harness?.release());

  test('tells what it is', async () => {
    const info = await runtime.info();
    expect(info.version).toMatch(/^docker:\/\/\d/);
    expect([1, 2]).toContain(info.cgroupVersion);
    expect(info.rootDir).toMatch(/^\//);
  });

  describe('containers', () => {
    test('a sandbox runs and is listed with its labels', async () => {
      const listed = (await runtime.list()).find(({ id }) => id === sandboxId);
      expect(listed).toMatchObject({ status: 'running', labels: { kind: 'sandbox' } });
      expect(await runtime.inspect(sandboxId)).toMatchObject({ id: sandboxId, status: 'running', oomKilled: false });
    });

    test('a container has the host name of its sandbox, the environment of the image and its own', async () => {
      const id = await runContainer('hostname; echo $HOSTNAME $FROM_IMAGE $OWN', { env: ['OWN=a b'] });
      await untilExited(id);
      expect(await logOf(id)).toBe('web-0\nweb-0 yes a b\n');
    });

    test('its end is told with exit code and times', async () => {
      // Docker notes the start of a process that ends at once after its end.
      const id = await runContainer('sleep 0.2; exit 3');
      const state = await untilExited(id);
      expect(state).toMatchObject({ exitCode: 3, image: BUSYBOX, labels: { kind: 'container' } });
      expect(Date.parse(state.finishedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(state.startedAt ?? ''));
      expect(state.imageId).toBe((await runtime.inspectImage(BUSYBOX))?.id);
      expect(state.logPath).toMatch(/^\/.*json\.log$/);
    });

    test('arguments go to the command', async () => {
      const id = await runContainer('', { command: ['echo'], args: ['one', 'two'] });
      await untilExited(id);
      expect(await logOf(id)).toBe('one two\n');
    });

    test('sees what is mounted', async () => {
      const folder = await mkdtemp(join(tmpdir(), 'skiff-mount-'));
      await writeFile(join(folder, 'file'), 'from outside');
      const id = await runContainer('cat /data/file', {
        mounts: [{ source: folder, target: '/data', readOnly: true }],
      });
      await untilExited(id);
      expect(await logOf(id)).toBe('from outside');
      await rm(folder, { recursive: true });
    });

    test('can be started again after its end', async () => {
      const id = await runContainer('echo again');
      await untilExited(id);
      await runtime.startContainer(id, signal);
      await eventually(async () => expect(await logOf(id)).toBe('again\nagain\n'));
    });

    test('starting what runs is fine', async () => {
      const id = await runContainer('sleep 100');
      await runtime.startContainer(id, signal);
      expect((await runtime.inspect(id))?.status).toBe('running');
      await runtime.removeContainer(id);
    });

    test('stop gives the process time to end by itself', async () => {
      const id = await runContainer("trap 'exit 4' TERM; echo ready; sleep 100 & wait");
      await eventually(async () => expect(await logOf(id)).toBe('ready\n'));
      await runtime.stopContainer(id, 30);
      expect(await runtime.inspect(id)).toMatchObject({ status: 'exited', exitCode: 4 });
    });

    test('stop kills after the grace period', async () => {
      const id = await runContainer('sleep 100');
      await runtime.stopContainer(id, 1);
      expect(await runtime.inspect(id)).toMatchObject({ status: 'exited', exitCode: 137 });
    });

    test('stop and remove are fine with what has ended or is gone', async () => {
      const id = await runContainer('true');
      await untilExited(id);
      await runtime.stopContainer(id, 1);
      await Promise.all([runtime.removeContainer(id), runtime.removeContainer(id)]);
      await runtime.removeContainer(id);
      await runtime.stopContainer(id, 1);
      expect(await runtime.inspect(id)).toBeUndefined();
    });

    test('remove kills what runs', async () => {
      const id = await runContainer('sleep 100');
      await runtime.removeContainer(id);
      expect((await runtime.list()).map((container) => container.id)).not.toContain(id);
    });

    test('resources of a running container can be changed', async () => {
      const id = await runContainer('sleep 100', { resources: { cpuShares: 512, memoryBytes: 64 << 20 } });
      await runtime.updateResources(id, { memoryBytes: 128 << 20 });
      expect((await runtime.inspect(id))?.status).toBe('running');
      await runtime.removeContainer(id);
    });
  });

  describe('refusals', () => {
    test('an image that is not there', async () => {
      expect(await codeOf(runContainer('true', { image: 'skiff-test/absent:1' }))).toBe('bad-image');
    });

    test('a name that is taken', async () => {
      const id = await runContainer('sleep 100', { name: 'contract-taken' });
      expect(await codeOf(runContainer('true', { name: 'contract-taken' }))).toBe('conflict');
      await runtime.removeContainer(id);
    });

    test('a command that does not exist leaves an exited container that says why', async () => {
      let id = '';
      const spec = containerSpec('', { command: ['/absent/program'] });
      const created = runtime.createContainer(spec, signal, (assigned) => {
        id = assigned;
      });
      expect(await codeOf(created)).toBe('bad-command');
      const state = await runtime.inspect(id);
      expect(state).toMatchObject({ status: 'exited', error: expect.stringContaining('/absent/program') });
      expect(state?.exitCode).toBeGreaterThan(0);
      expect(state?.finishedAt).toBeDefined();
      await runtime.removeContainer(id);
    });

    test('a sandbox that has ended', async () => {
      const ended = (await runtime.createSandbox(sandboxSpec(), signal)).id;
      await runtime.stopContainer(ended, 5);
      expect((await runtime.inspect(ended))?.exitCode).toBe(0);
      await expect(runContainer('true', { sandboxId: ended })).rejects.toBeInstanceOf(RuntimeError);
    });

    test.each([
      { name: 'start', call: (id: string) => runtime.startContainer(id, signal) },
      { name: 'exec', call: (id: string) => runtime.exec(id, { command: ['true'] }, signal) },
      { name: 'attach', call: (id: string) => runtime.attach(id, {}, signal) },
      { name: 'logs', call: (id: string) => runtime.logs(id, {}, signal) },
      { name: 'update', call: (id: string) => runtime.updateResources(id, { cpuShares: 2 }) },
    ])('$name of a container that does not exist', async ({ call }) => {
      expect(await codeOf(call('f'.repeat(64)))).toBe('not-found');
    });

    test('exec in a container that has ended', async () => {
      const id = await runContainer('true');
      await untilExited(id);
      expect(await codeOf(runtime.exec(id, { command: ['true'] }, signal))).toBe('conflict');
    });

    test('an abort before or during create leaves nothing behind', async () => {
      const reason = new Error('changed my mind');
      const early = AbortSignal.abort(reason);
      const before = containerSpec('sleep 100');
      await expect(runtime.createContainer(before, early)).rejects.toBe(reason);
      const later = new AbortController();
      const during = containerSpec('sleep 100');
      const created = runtime.createContainer(during, later.signal, () => later.abort(reason));
      await expect(created).rejects.toBe(reason);
      await eventually(async () => {
        const names = (await runtime.list()).map(({ name }) => name);
        expect(names).not.toContain(before.name);
        expect(names).not.toContain(during.name);
      });
    });
  });

  describe('events', () => {
    test('tell the whole life of a container in order, the id known before the start', async () => {
      const seen: RuntimeEvent[] = [];
      let id = '';
      const unsubscribe = runtime.onEvent((event) => seen.push(event));
      const spec = containerSpec('exit 5', { labels: { 'io.kubernetes.pod.uid': 'u-1' } });
      await runtime.createContainer(spec, signal, (assigned) => {
        id = assigned;
        expect(seen.filter((event) => 'id' in event && event.id === assigned && event.type === 'start')).toEqual([]);
      });
      await untilExited(id);
      await runtime.removeContainer(id);
      const ofContainer = () => seen.filter((event) => 'id' in event && event.id === id);
      await eventually(() =>
        expect(ofContainer().map(({ type }) => type)).toEqual(['create', 'start', 'die', 'destroy']),
      );
      expect(ofContainer().find(({ type }) => type === 'die')).toMatchObject({ exitCode: 5 });
      for (const event of ofContainer()) expect(event).toMatchObject({ labels: { 'io.kubernetes.pod.uid': 'u-1' } });
      unsubscribe();
    });

    test('are not told to who no longer listens', async () => {
      const seen: RuntimeEvent[] = [];
      const others: RuntimeEvent[] = [];
      runtime.onEvent((event) => seen.push(event))();
      const unsubscribe = runtime.onEvent((event) => others.push(event));
      await untilExited(await runContainer('true'));
      await eventually(() => expect(others.some(({ type }) => type === 'die')).toBe(true));
      expect(seen).toEqual([]);
      unsubscribe();
    });
  });

  describe('logs', () => {
    test('come in time order, or one stream alone', async () => {
      const id = await runContainer('echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three');
      await untilExited(id);
      expect(await logOf(id)).toBe('one\ntwo\nthree\n');
      expect(await logOf(id, { stream: 'stdout' })).toBe('one\nthree\n');
      expect(await logOf(id, { stream: 'stderr' })).toBe('two\n');
    });

    test('can be cut to the end, and bear timestamps', async () => {
      const id = await runContainer('echo one; sleep 0.1; echo two; sleep 0.1; echo three');
      await untilExited(id);
      expect(await logOf(id, { tail: 2 })).toBe('two\nthree\n');
      expect(await logOf(id, { tail: 0 })).toBe('');
      const lines = (await logOf(id, { timestamps: true })).trimEnd().split('\n');
      expect(lines).toHaveLength(3);
      for (const line of lines) expect(line).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z \w+$/);
      const [since = ''] = lines[1]?.split(' ') ?? [];
      expect(await logOf(id, { since })).toBe('two\nthree\n');
      expect(await logOf(id, { since: String(Date.parse(since) / 1000 + 3600) })).toBe('');
    });

    test('follow until the container ends', async () => {
      const id = await runContainer('echo one; sleep 0.3; echo two');
      const started = Date.now();
      expect(await logOf(id, { follow: true })).toBe('one\ntwo\n');
      expect(Date.now() - started).toBeLessThan(10_000);
      expect((await untilExited(id)).exitCode).toBe(0);
    });

    test('stop following on abort', async () => {
      const id = await runContainer('echo one; sleep 100');
      const abort = new AbortController();
      const output = await runtime.logs(id, { follow: true }, abort.signal);
      const ended = text(output).catch((error) => error);
      abort.abort(new Error('enough'));
      expect(await ended).toBeInstanceOf(Error);
      await runtime.removeContainer(id);
    });
  });

  describe('exec and attach', () => {
    let target: string;
    beforeAll(async () => {
      target = await runContainer('sleep 1000');
    });
    afterAll(() => runtime.removeContainer(target));

    test('keep the streams apart and tell the exit code', async () => {
      const session = await runtime.exec(target, { command: ['sh', '-c', 'echo out; echo err >&2; exit 7'] }, signal);
      expect(await outcome(session)).toEqual({ stdout: 'out\n', stderr: 'err\n', exitCode: 7 });
      expect(session.stdin).toBeUndefined();
    });

    test('ending the input ends a reader, its output still comes', async () => {
      const session = await runtime.exec(target, { command: ['sh', '-c', 'cat; echo done'], stdin: true }, signal);
      const input = 'x'.repeat(1_000_000);
      session.stdin?.end(input);
      expect(await outcome(session)).toEqual({ stdout: `${input}done\n`, stderr: '', exitCode: 0 });
    });

    test('a terminal has one stream', async () => {
      const session = await runtime.exec(
        target,
        { command: ['sh', '-c', 'echo out; echo err >&2'], tty: true },
        signal,
      );
      await session.resize({ width: 100, height: 40 });
      const { stdout, stderr, exitCode } = await outcome(session);
      expect(stdout.replaceAll('\r', '')).toBe('out\nerr\n');
      expect({ stderr, exitCode }).toEqual({ stderr: '', exitCode: 0 });
    });

    test('an abort kills the process and says why', async () => {
      const abort = new AbortController();
      const reason = new Error('probe timed out');
      const session = await runtime.exec(target, { command: ['sleep', '77'] }, abort.signal);
      session.stdout.resume().on('error', () => {});
      session.stderr.resume().on('error', () => {});
      abort.abort(reason);
      await expect(session.exitCode).rejects.toBe(reason);
    });

    test('attach speaks with the main process', async () => {
      const id = await runContainer('cat; echo bye', { stdin: true, stdinOnce: true });
      const session = await runtime.attach(id, { stdin: true }, signal);
      const output = text(session.stdout);
      session.stderr.resume();
      session.stdin?.end('hello\n');
      expect(await output).toBe('hello\nbye\n');
      expect((await untilExited(id)).exitCode).toBe(0);
    });

    test('attach can let go without disturbing the process', async () => {
      const session = await runtime.attach(target, {}, signal);
      session.close();
      expect((await runtime.inspect(target))?.status).toBe('running');
    });
  });

  describe('images', () => {
    test('are found by name and by id, with their configuration', async () => {
      const image = await runtime.inspectImage(BUSYBOX);
      expect(image).toMatchObject({ tags: [BUSYBOX], user: '', env: ['PATH=/bin', 'FROM_IMAGE=yes'] });
      expect(image?.id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect((await runtime.inspectImage(image?.id ?? ''))?.id).toBe(image?.id);
      expect((await runtime.images()).map(({ id }) => id)).toContain(image?.id);
    });

    test.each(['skiff-test/absent:1', 'Not:A:Name'])('there is no %s', async (image) => {
      expect(await runtime.inspectImage(image)).toBeUndefined();
    });

    test('a malformed name cannot be pulled', async () => {
      expect(await codeOf(runtime.pullImage('Not:A:Name', undefined, signal))).toBe('bad-image');
    });

    test('removing one that is gone is fine', async () => {
      await runtime.removeImage('skiff-test/absent:1');
    });
  });

  test('while the engine is away calls fail at once, then listeners are told to look again', async () => {
    const id = await runContainer('sleep 1000');
    const resynced = Promise.withResolvers<void>();
    const unsubscribe = runtime.onEvent(({ type }) => {
      if (type === 'resync') resynced.resolve();
    });
    await harness.disconnect();
    const started = Date.now();
    expect(await codeOf(runtime.list())).toBe('unavailable');
    expect(await codeOf(runContainer('true'))).toBe('unavailable');
    expect(await codeOf(runtime.exec(id, { command: ['true'] }, signal))).toBe('unavailable');
    expect(Date.now() - started).toBeLessThan(1000);
    await harness.reconnect();
    await resynced.promise;
    unsubscribe();
    expect((await runtime.inspect(id))?.status).toBe('running');
    const seen: RuntimeEvent[] = [];
    const stop = runtime.onEvent((event) => seen.push(event));
    await runtime.removeContainer(id);
    await eventually(() => expect(seen.some(({ type }) => type === 'destroy')).toBe(true));
    stop();
  });
});
