import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type ContainerSpec,
  type ContainerState,
  RuntimeError,
  type RuntimeEvent,
  type SandboxSpec,
} from '#agent/runtime/container-runtime.ts';
import { DockerRuntime } from '#agent/runtime/docker/docker-runtime.ts';
import { createLogger } from '#base/logger.ts';
import { canRunDocker, type DockerDaemon, startDockerDaemon } from '#test/support/docker-daemon.ts';
import { eventually } from '#test/support/eventually.ts';
import { BUSYBOX, busyboxArchive, pauseImage } from '#test/support/images.ts';

const run = promisify(execFile);
const log = createLogger({ level: 'silent' });
const { signal } = new AbortController();
const namespace = `skiff-${randomBytes(3).toString('hex')}`;
const path = `/run/netns/${namespace}`;

if (!canRunDocker()) process.stderr.write('docker-runtime: not root on Linux, NOT tested\n');

/** What only the real adapter can show: namespaces, privileges, limits. */
describe.runIf(canRunDocker())('Docker runtime', () => {
  let daemon: DockerDaemon;
  let runtime: DockerRuntime;
  let sandboxId: string;
  let counter = 0;

  const uniqueName = () => `docker-${++counter}`;
  const sandboxSpec = (overrides: Partial<SandboxSpec> = {}): SandboxSpec => ({
    name: uniqueName(),
    hostname: 'web-0',
    labels: {},
    network: { mode: 'pod' },
    ...overrides,
  });
  const containerSpec = (script: string, overrides: Partial<ContainerSpec> = {}): ContainerSpec => ({
    name: uniqueName(),
    sandboxId,
    hostname: 'web-0',
    image: BUSYBOX,
    labels: {},
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
  const execText = async (id: string, ...command: string[]) => {
    const session = await runtime.exec(id, { command }, signal);
    session.stderr.resume();
    return (await text(session.stdout)).trim();
  };

  beforeAll(async () => {
    daemon = await startDockerDaemon();
    runtime = new DockerRuntime({ socket: daemon.socket, owner: 'docker', pauseImage, log });
    await runtime.start(signal);
    await runtime.loadImage(Readable.from([await busyboxArchive()]));
    sandboxId = (await runtime.createSandbox(sandboxSpec(), signal)).id;
    await run('ip', ['netns', 'add', namespace]);
    await run('ip', ['-n', namespace, 'link', 'set', 'lo', 'up']);
  });
  afterAll(async () => {
    await runtime?.stop();
    await daemon?.stop();
    await run('ip', ['netns', 'del', namespace]);
  });

  test('a sandbox enters the network namespace it is given, keeps its own name and no capability', async () => {
    const sysctls = { 'net.ipv4.ip_unprivileged_port_start': '7', 'kernel.shm_rmid_forced': '1' };
    const spec = sandboxSpec({ hostname: 'path-0', network: { mode: 'path', path }, sysctls });
    const sandbox = await runtime.createSandbox(spec, signal);
    const { pid } = (await runtime.inspect(sandbox.id)) as ContainerState;
    const { stdout } = await run('nsenter', [`--net=${path}`, 'readlink', '/proc/self/ns/net']);
    expect(await readlink(`/proc/${pid}/ns/net`)).toBe(stdout.trim());
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    for (const set of ['CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      expect(status).toMatch(new RegExp(`${set}:\\s0+$`, 'm'));
    expect(status).toMatch(/NoNewPrivs:\s1/);

    const id = await runContainer('sleep 1000', { sandboxId: sandbox.id });
    expect(await execText(id, 'hostname')).toBe('path-0');
    expect(await execText(id, 'sh', '-c', 'echo $HOSTNAME')).toBe('path-0');
    expect(await execText(id, 'readlink', '/proc/self/ns/net')).toBe(stdout.trim());
    expect(await execText(id, 'ls', '/sys/class/net')).toBe('lo');
    expect(await execText(id, 'cat', '/proc/sys/net/ipv4/ip_unprivileged_port_start')).toBe('7');
    expect(await execText(id, 'cat', '/proc/sys/kernel/shm_rmid_forced')).toBe('1');
  });

  test('a network namespace that does not exist is refused and leaves nothing', async () => {
    const spec = sandboxSpec({ network: { mode: 'path', path: '/run/netns/skiff-absent' } });
    await expect(runtime.createSandbox(spec, signal)).rejects.toBeInstanceOf(RuntimeError);
    const folder = sandboxSpec({ network: { mode: 'path', path: '/proc/self/status' } });
    await expect(runtime.createSandbox(folder, signal)).rejects.toThrow('Cannot enter network');
    expect((await runtime.list()).map(({ name }) => name)).not.toContain(folder.name);
  });

  test("a sandbox on the node's network has the node's name", async () => {
    const sandbox = await runtime.createSandbox(sandboxSpec({ network: { mode: 'host' } }), signal);
    const id = await runContainer('sleep 1000', { sandboxId: sandbox.id, hostNetwork: true });
    const { stdout } = await run('hostname', []);
    expect(await execText(id, 'hostname')).toBe(stdout.trim());
  });

  test('pause reaps what lost its parent, and is process 1 of those who share', async () => {
    const id = await runContainer('sleep 1000', { pid: 'sandbox' });
    expect(await execText(id, 'cat', '/proc/1/comm')).toBe('pause');
    await execText(id, 'sh', '-c', '(sleep 0.1 &) ; true');
    await eventually(async () =>
      expect(await execText(id, 'sh', '-c', 'grep -l "(sleep) Z" /proc/[0-9]*/stat; true')).toBe(''),
    );
    await runtime.removeContainer(id);
  });

  test('limits reach the control group, also changed ones', async () => {
    const resources = {
      memoryBytes: 64 << 20,
      cpuShares: 512,
      cpuQuotaUs: 50_000,
      cpuPeriodUs: 100_000,
      pidsLimit: 50,
    };
    const id = await runContainer('sleep 1000', { resources, cgroupParent: `/${daemon.networkNamespace}/pod` });
    const { cgroupPath } = (await runtime.inspect(id)) as ContainerState;
    expect(cgroupPath).toContain('/pod/');
    const isV2 = (await runtime.info()).cgroupVersion === 2;
    const limit = (file: string) => readFile(join('/sys/fs/cgroup', file.replace('%', cgroupPath ?? '')), 'utf8');
    const memory = isV2 ? '%/memory.max' : 'memory%/memory.limit_in_bytes';
    expect(Number(await limit(memory))).toBe(64 << 20);
    await runtime.updateResources(id, { memoryBytes: 96 << 20 });
    expect(Number(await limit(memory))).toBe(96 << 20);
    await runtime.removeContainer(id);
  });

  test('memory beyond the limit ends in an oom event', async () => {
    const seen: RuntimeEvent[] = [];
    const unsubscribe = runtime.onEvent((event) => seen.push(event));
    const resources = { memoryBytes: 16 << 20 };
    const id = await runContainer('tail /dev/zero', { resources });
    await eventually(async () =>
      expect(await runtime.inspect(id)).toMatchObject({ status: 'exited', exitCode: 137, oomKilled: true }),
    );
    await eventually(() => expect(seen).toContainEqual(expect.objectContaining({ type: 'oom', id })));
    unsubscribe();
  });

  test.each([
    { name: 'privileged', security: { privileged: true }, warning: /does not allow privileged/ },
    { name: 'all capabilities', security: { addCapabilities: ['ALL'] }, warning: /cannot grant all capabilities/ },
    { name: 'a capability', security: { addCapabilities: ['SYS_RESOURCE', 'NET_ADMIN'] }, warning: /SYS_RESOURCE/ },
  ])('$name: granted, or the container runs with less and a warning', async ({ security, warning }) => {
    const spec = containerSpec('sleep 1000', { security, resources: { oomScoreAdj: -500 } });
    const hostGrants = /CapBnd:\s*[0-9a-f]*[13579bdf][0-9a-f]{6}$/m.test(await readFile('/proc/self/status', 'utf8'));
    // Twice: the second container profits from what the first has taught.
    for (const name of [spec.name, uniqueName()]) {
      const ids: string[] = [];
      const created = await runtime.createContainer({ ...spec, name }, signal, (id) => ids.push(id));
      expect(created.warnings.join()).toMatch(hostGrants ? /^$/ : warning);
      expect(ids.at(-1)).toBe(created.id);
      const effective = await execText(created.id, 'sh', '-c', 'grep CapEff /proc/self/status');
      const netAdmin = (BigInt(`0x${effective.split(/\s+/)[1]}`) >> 12n) & 1n;
      expect(netAdmin).toBe(1n);
      if (name !== spec.name) expect(ids).toHaveLength(1);
      await runtime.removeContainer(created.id);
    }
  });

  test('an abort of exec kills the process in the container', async () => {
    const id = await runContainer('sleep 1000');
    const abort = new AbortController();
    const seconds = String(100_000 + Math.floor(Math.random() * 100_000));
    const session = await runtime.exec(id, { command: ['sleep', seconds] }, abort.signal);
    const isRunning = async () => {
      const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
      const commands = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')));
      return commands.includes(`sleep\0${seconds}\0`);
    };
    await eventually(async () => expect(await isRunning()).toBe(true));
    abort.abort(new Error('enough'));
    await expect(session.exitCode).rejects.toThrow('enough');
    await eventually(async () => expect(await isRunning()).toBe(false));
    await runtime.removeContainer(id);
  });

  test('another owner on the same daemon does not see ours, nor we its', async () => {
    const other = new DockerRuntime({ socket: daemon.socket, owner: 'somebody-else', pauseImage, log });
    await other.start(signal);
    const theirs = await other.createSandbox(sandboxSpec(), signal);
    expect((await other.list()).map(({ id }) => id)).toEqual([theirs.id]);
    expect((await runtime.list()).map(({ id }) => id)).not.toContain(theirs.id);
    await other.removeContainer(theirs.id);
    await other.stop();
  });

  test('without a daemon the start fails in clear words', async () => {
    const missing = new DockerRuntime({
      socket: '/run/skiff-absent.sock',
      owner: 'x',
      pauseImage,
      log,
      connectTimeoutMs: 200,
    });
    await expect(missing.start(signal)).rejects.toThrow(
      /Cannot reach Docker at "\/run\/skiff-absent.sock".*is Docker running\?/,
    );
    await missing.stop();
  });

  test('pulls by name and by digest with an account, and tells in the words of the registry why it cannot', async () => {
    const program = join(import.meta.dirname, '../support/registry-program.ts');
    const network = `--net=/run/netns/${daemon.networkNamespace}`;
    const registry = spawn('nsenter', [network, process.execPath, program, '5000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(registry.stdout, 'data');
    const pull = (image: string, password?: string) => {
      const auth =
        password === undefined ? undefined : { username: 'reader', password, serverAddress: 'localhost:5000' };
      return runtime.pullImage(`localhost:5000/${image}`, auth, signal);
    };
    try {
      const image = await pull('team/app:1', 'secret');
      expect(image).toMatchObject({
        tags: ['localhost:5000/team/app:1'],
        user: '1000',
        env: ['A=b'],
        stopSignal: 'SIGINT',
      });
      const [digest = ''] = image.digests;
      expect(digest).toMatch(/^localhost:5000\/team\/app@sha256:/);
      await runtime.removeImage(image.id);
      expect(await runtime.inspectImage(image.id)).toBeUndefined();
      expect((await pull(digest.replace('localhost:5000/', ''), 'secret')).id).toBe(image.id);
      await runtime.removeImage(image.id);

      await expect(pull('team/app:2', 'secret')).rejects.toMatchObject({
        code: 'not-found',
        message: expect.stringContaining('manifest unknown'),
      });
      for (const password of [undefined, 'wrong']) {
        await expect(pull('team/app:1', password)).rejects.toMatchObject({ code: 'refused' });
      }
      const aborted = runtime.pullImage('localhost:5000/team/app:1', undefined, AbortSignal.abort(new Error('enough')));
      await expect(aborted).rejects.toThrow('enough');
    } finally {
      registry.kill();
    }
  });

  test('a removed pause image is loaded again', async () => {
    const spare = new DockerRuntime({ socket: daemon.socket, owner: 'spare', pauseImage, log });
    await spare.start(signal);
    for (const { id } of await runtime.list()) await runtime.removeContainer(id);
    await spare.removeImage('skiff/pause:1');
    expect(await spare.inspectImage('skiff/pause:1')).toBeUndefined();
    const sandbox = await spare.createSandbox(sandboxSpec(), signal);
    await spare.removeContainer(sandbox.id);
    await spare.stop();
  });
});
