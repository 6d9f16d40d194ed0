import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { run } from '#base/process.ts';
import { canRunDocker, type DockerDaemon, startDockerDaemon } from '#test/support/docker-daemon.ts';
import { eventually } from '#test/support/eventually.ts';
import { BUSYBOX, busyboxArchive, pauseImage } from '#test/support/images.ts';
import { createMachine, type Machine } from './machine.ts';
import type { Program } from './program.ts';

const PODS = '/api/v1/namespaces/default/pods';

interface PodStatus {
  phase?: string;
  podIP?: string;
  containerStatuses?: { containerID?: string; ready: boolean; restartCount: number }[];
}

/** One story in order: each part starts from what the one before left. */
describe.runIf(canRunDocker())('a server and Docker', () => {
  let machine: Machine;
  let docker: DockerDaemon;
  let server: Program;

  beforeAll(async () => {
    machine = await createMachine();
    docker = await startDockerDaemon({ networkNamespace: machine.name, liveRestore: true });
    await dockerIn(['load', '--quiet'], await busyboxArchive());
    // From source there is no executable that brings it.
    await dockerIn(['load', '--quiet'], await pauseImage());
    await docker.halt();
  });
  afterAll(async () => {
    await server?.kill();
    await docker?.start();
    await docker?.stop();
    await machine?.destroy();
  });

  const dockerIn = (args: readonly string[], input?: Buffer) =>
    run('docker', ['-H', `unix://${docker.socket}`, ...args], input === undefined ? {} : { input });
  const containers = async () => (await dockerIn(['ps', '-q', '--no-trunc'])).split('\n').filter(Boolean).sort();
  const start = async () => {
    server = machine.server(['--docker-socket', docker.socket, '--node-name', 'edge-1']);
    await server.logged('server started');
  };
  const becomesReady = (status: string, message: string) =>
    eventually(
      async () => expect(await machine.ready()).toMatchObject({ status, message: expect.stringContaining(message) }),
      { withinMs: 30_000, everyMs: 200 },
    );
  const podStatus = async (): Promise<PodStatus> => JSON.parse((await machine.ask('GET', `${PODS}/web`)).body).status;
  const runningPod = () =>
    eventually(
      async () => {
        const status = await podStatus();
        expect(status).toMatchObject({ phase: 'Running', containerStatuses: [{ ready: true }] });
        return status;
      },
      { withinMs: 30_000, everyMs: 200 },
    );

  test('without Docker the server serves, and its node says what is missing', async () => {
    await start();
    await becomesReady('False', `container runtime is down: Cannot reach Docker at "${docker.socket}": connect`);
    const created = await machine.ask('POST', PODS, {
      metadata: { name: 'web' },
      spec: {
        terminationGracePeriodSeconds: 0,
        // It waits for this very trouble to end.
        tolerations: [{ operator: 'Exists' }],
        containers: [
          { name: 'web', image: BUSYBOX, imagePullPolicy: 'Never', command: ['httpd', '-f', '-p', '80', '-h', '/etc'] },
        ],
      },
    });
    expect(created.code).toBe(201);
  });

  test('`skiff status` says so too, and fails', async () => {
    const { code, stdout, stderr } = await machine.program(['status', '--kubeconfig', machine.kubeconfig]).ended;
    expect(stdout).toContain('NotReady (container runtime is down: Cannot reach Docker');
    expect({ code, stderr }).toEqual({ code: 1, stderr: 'skiff: Not every node is Ready\n' });
  });

  test('once Docker is there the node is Ready and runs the pod, without a restart of skiff', async () => {
    await docker.start();
    const from = Date.now();
    await becomesReady('True', '');
    expect(Date.now() - from).toBeLessThan(10_000);
    await runningPod();
    const waited = machine.program(['status', '--wait', '5', '--kubeconfig', machine.kubeconfig]);
    expect(await waited.ended).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\S+: Ready\n$/) });
  });

  test('Docker that goes away and comes back is told and healed; the pod runs on', async () => {
    const before = await runningPod();
    await docker.halt();
    await becomesReady('False', 'container runtime is down');
    await docker.start();
    await becomesReady('True', '');
    expect((await runningPod()).containerStatuses).toEqual(before.containerStatuses);
  });

  test('SIGTERM ends skiff in time and leaves pods untouched; the next one takes them over', async () => {
    const before = { containers: await containers(), status: await runningPod() };
    const address = before.status.podIP ?? '';
    const ended = await server.stop();
    expect(ended).toMatchObject({ code: 0 });
    expect(ended.durationMs).toBeLessThan(5000);
    expect(await containers()).toEqual(before.containers);
    // Its address and the way to it are still there.
    const get = `exec 3<>/dev/tcp/${address}/80 && printf 'GET /passwd HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3`;
    expect(await machine.exec('bash', ['-c', get])).toContain('200 OK');
    await start();
    await becomesReady('True', '');
    expect(await containers()).toEqual(before.containers);
    expect((await runningPod()).containerStatuses).toEqual(before.status.containerStatuses);
  });

  test('`skiff cleanup` takes everything off the machine but the data', async () => {
    await server.stop();
    const state = async () => ({
      links: (await machine.exec('ip', ['-br', 'link'])).match(/skiff\S*/g),
      rules: (await machine.exec('iptables-save', [])).match(/\S*(SKIFF|KUBE)\S*/gi),
      containers: await dockerIn(['ps', '-aq']),
      mounts: (await readFile('/proc/self/mounts', 'utf8')).split('\n').filter((line) => line.includes(machine.folder)),
      pause: await dockerIn(['images', '-q', 'skiff/pause']),
    });
    expect((await state()).links).not.toBeNull();
    expect((await state()).rules).not.toBeNull();
    // It knows the node's name by itself.
    const flags = [...machine.nodeFlags(), '--docker-socket', docker.socket];
    const { code, stderr, stdout } = await machine.program(['cleanup', ...flags]).ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(
      ['containers', 'service rules', 'DNS address', 'pod network', 'mounts', 'run folder', 'log links']
        .map((what) => `removed: ${what}\n`)
        .join(''),
    );
    expect(await state()).toEqual({ links: null, rules: null, containers: '', mounts: [], pause: '' });
    expect(await readFile(join(machine.dataDir, 'server/token'), 'utf8')).not.toBe('');
    // Nothing is left to remove, and that is fine.
    expect(await machine.program(['cleanup', ...flags]).ended).toMatchObject({ code: 0 });
  });
});
