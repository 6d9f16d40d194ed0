import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { kubeletServer } from '#agent/kubelet-server.ts';
import { BridgeNetwork } from '#agent/network/bridge-network.ts';
import { DockerRuntime } from '#agent/runtime/docker/docker-runtime.ts';
import type { Component } from '#base/component.ts';
import { createLogger } from '#base/logger.ts';
import type { NodeDialer } from '#server/apiserver/node-proxy/node-dialer.ts';
import { createAuthority, issueKeyCertificate, type KeyCertificate } from '#server/pki/certificate.ts';
import { canRunDocker, type DockerDaemon, startDockerDaemon } from '#test/support/docker-daemon.ts';
import { eventually } from '#test/support/eventually.ts';
import { BUSYBOX, busyboxArchive, pauseImage } from '#test/support/images.ts';
import { connectNamespaces, createNamespace, type TestNamespace } from '#test/support/netns.ts';
import { conditionOf, NODE, TestNode } from './test-node.ts';

/** Where kubectl listens. */
function forwardedPort(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.stdout?.on('data', (chunk: Buffer) => {
      const found = /127\.0\.0\.1:(\d+)/.exec(chunk.toString())?.[1];
      if (found !== undefined) resolve(Number(found));
    });
    child.once('exit', (code) => reject(new Error(`kubectl has ended with ${code}`)));
  });
}

const log = createLogger({ level: 'silent' });
const PORT = 21_250;
const HOUR_MS = 3_600_000;

const folderOfKubectl = await realpath('/usr/bin/kubectl').then(dirname, () => '/usr/local/bin');
const kubectlPath = ['kubectl.1.33', 'kubectl'].map((name) => join(folderOfKubectl, name)).find(existsSync);
const canRun = canRunDocker() && kubectlPath !== undefined;
if (!canRun) process.stderr.write('kubectl-node: needs root, Docker and kubectl, NOT tested\n');

describe.runIf(canRun)('kubectl on a node', () => {
  const namespaces: TestNamespace[] = [];
  const forwards: ChildProcess[] = [];
  let daemon: DockerDaemon;
  let runtime: DockerRuntime;
  let network: BridgeNetwork;
  let node: TestNode;
  let server: Component;
  let client: KeyCertificate;
  let nobody: KeyCertificate;
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skiff-kubectl-node-'));
    const own = await createNamespace();
    namespaces.push(own, await connectNamespaces([own], '172.31.11'));
    daemon = await startDockerDaemon({ networkNamespace: own.name });
    runtime = new DockerRuntime({ socket: daemon.socket, owner: NODE, pauseImage, log });
    await runtime.start(AbortSignal.timeout(10_000));
    await runtime.loadImage(Readable.from([await busyboxArchive()]));
    network = new BridgeNetwork({
      stateDir: join(folder, 'state'),
      namespaceDir: join(folder, 'netns'),
      log,
      exec: own.exec,
      nodeNamespacePath: own.path,
      probe: async () => undefined,
    });
    await network.start();
    const authority = await createAuthority('node-ca', { lifetimeMs: HOUR_MS });
    const issue = (commonName: string, usage: 'server auth' | 'client auth', organizations: string[] = []) =>
      issueKeyCertificate(authority, {
        subject: { commonName, organizations },
        usages: ['digital signature', usage],
        names: { dnsNames: [NODE], ipAddresses: ['127.0.0.1'] },
        lifetimeMs: HOUR_MS,
      });
    client = await issue('kube-apiserver', 'client auth', ['system:masters']);
    nobody = await issue('nobody', 'client auth');
    const serving = await issue(`system:node:${NODE}`, 'server auth');
    const nodeDialer: NodeDialer = {
      connect: async () => ({
        host: '127.0.0.1',
        port: PORT,
        tls: { cert: client.cert, key: client.key, ca: authority.cert },
      }),
    };
    node = await TestNode.start({
      runtime,
      network,
      config: { nodeIps: ['172.31.11.1'], kubeletPort: PORT },
      nodeDialer,
    });
    server = kubeletServer({
      kubelet: node.kubelet,
      config: node.config,
      client: node.server.client,
      runtime,
      tls: { current: () => ({ ...serving, clientCa: authority.cert }), onReload: () => () => {} },
      dialHelper: [process.execPath, join(import.meta.dirname, 'dial.ts')],
      log,
    });
    await server.start(new AbortController().signal);
    const script =
      'echo one; echo two; echo three >&2; mkdir /www; echo page > /www/index.html; httpd -f -p 127.0.0.1:8080 -h /www';
    await node.create('web', {
      containers: [{ name: 'app', image: BUSYBOX, command: ['sh', '-c', script] }],
      terminationGracePeriodSeconds: 1,
    });
    const shell = { name: 'app', image: BUSYBOX, command: ['sh'], stdin: true, tty: true };
    await node.create('shell', { containers: [shell], terminationGracePeriodSeconds: 1 });
    for (const name of ['web', 'shell'])
      await node.until(name, (pod) => expect(conditionOf(pod, 'Ready')).toBe('True'));
  });

  afterAll(async () => {
    for (const child of forwards) child.kill();
    await server?.stop();
    await node?.stop();
    await network?.removeAll();
    await network?.stop();
    await daemon?.stop();
    await runtime?.stop();
    for (const namespace of namespaces) await namespace.destroy();
    await rm(folder, { recursive: true, force: true });
  });

  const start = (args: readonly string[]) =>
    spawn(kubectlPath ?? '', args, {
      env: { PATH: process.env['PATH'], HOME: folder, KUBECONFIG: node.server.kubeconfig },
    });

  const kubectl = async (args: readonly string[], input?: string | Buffer) => {
    const child = start(args);
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
    return { stdout, stderr, exitCode: await exit };
  };

  const fromNode = (path: string, tls: Partial<KeyCertificate>) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const asked = request({ host: '127.0.0.1', port: PORT, path, ...tls, rejectUnauthorized: false }, (response) => {
        void text(response).then((body) => resolve({ status: response.statusCode ?? 0, body }));
      });
      asked.on('error', reject).end();
    });

  test('logs', async () => {
    expect((await kubectl(['logs', 'web'])).stdout.split('\n').filter(Boolean).sort()).toEqual(['one', 'three', 'two']);
    expect((await kubectl(['logs', 'web', '--tail=1', '-c', 'app'])).stdout.split('\n')).toHaveLength(2);
    expect((await kubectl(['logs', 'web', '--limit-bytes=2'])).stdout).toHaveLength(2);
    expect((await kubectl(['logs', 'web', '--timestamps'])).stdout).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z one/m);
    const { stderr, exitCode } = await kubectl(['logs', 'web', '--previous']);
    expect(stderr).toContain('previous terminated container "app" in pod "web" not found');
    expect(exitCode).toBe(1);
  });

  test('logs -f goes on until the container ends', async () => {
    const script = 'for i in 1 2 3; do echo $i; sleep 0.3; done';
    const containers = [{ name: 'app', image: BUSYBOX, command: ['sh', '-c', script] }];
    await node.create('counter', { containers, restartPolicy: 'Never' });
    await node.until('counter', ({ status }) => expect(status?.phase).not.toBe('Pending'));
    expect((await kubectl(['logs', '-f', 'counter'])).stdout).toBe('1\n2\n3\n');
  });

  test('logs --previous shows the run before', async () => {
    const containers = [{ name: 'app', image: BUSYBOX, command: ['sh', '-c', 'echo ran; exit 1'] }];
    await node.create('again', { containers });
    await node.until('again', ({ status }) => expect(status?.containerStatuses?.[0]?.restartCount).toBe(1));
    expect((await kubectl(['logs', '--previous', 'again'])).stdout).toBe('ran\n');
  });

  test('exec', async () => {
    const { stdout, stderr, exitCode } = await kubectl([
      'exec',
      'web',
      '--',
      'sh',
      '-c',
      'echo out; echo err >&2; exit 7',
    ]);
    expect(stdout).toBe('out\n');
    expect(stderr).toContain('err\n');
    expect(exitCode).toBe(7);
    expect((await kubectl(['exec', '-i', 'web', '--', 'cat'], 'given')).stdout).toBe('given');
    expect((await kubectl(['exec', 'web', '--', 'no-such-program'])).exitCode).not.toBe(0);
  });

  test('cp both ways', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i % 251));
    const [there, back] = [join(folder, 'there'), join(folder, 'back')];
    await writeFile(there, bytes);
    await kubectl(['cp', there, 'web:/tmp-file']);
    await kubectl(['cp', 'web:/tmp-file', back]);
    expect((await readFile(back)).equals(bytes)).toBe(true);
  });

  test('attach', async () => {
    const child = start(['attach', '-i', 'shell']);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk;
    });
    await eventually(() => {
      // What is written before the connection stands would be lost.
      child.stdin.write('echo $((6*7))\n');
      expect(output).toContain('42');
    });
    child.kill();
    await node.until('shell', (pod) => expect(conditionOf(pod, 'Ready')).toBe('True'));
  });

  test('port-forward reaches a port on the loopback of the pod, many times', async () => {
    const child = start(['port-forward', 'pod/web', ':8080']);
    forwards.push(child);
    const port = await forwardedPort(child);
    const fetchPage = () =>
      new Promise<string>((resolve, reject) => {
        get({ host: '127.0.0.1', port, agent: false }, (response) => void text(response).then(resolve)).on(
          'error',
          reject,
        );
      });
    expect(await fetchPage()).toBe('page\n');
    const startedMs = Date.now();
    for (let round = 0; round < 10; round++) {
      const pages = await Promise.all(Array.from({ length: 20 }, fetchPage));
      expect(new Set(pages)).toEqual(new Set(['page\n']));
    }
    expect(Date.now() - startedMs).toBeLessThan(10_000);
    child.kill();
  });

  test('port-forward says when nobody listens', async () => {
    const child = start(['port-forward', 'pod/web', ':8081']);
    forwards.push(child);
    const complaint = text(child.stderr);
    const port = await forwardedPort(child);
    await new Promise<void>((resolve) => {
      get({ host: '127.0.0.1', port, agent: false }).on('error', () => resolve());
    });
    child.kill();
    expect(await complaint).toContain('error forwarding port 8081');
  });

  test('strangers are not let in', async () => {
    expect((await fromNode('/pods', {})).status).toBe(401);
    const { cert, key } = nobody;
    expect(await fromNode('/healthz', { cert, key })).toEqual({ status: 200, body: 'ok' });
  });

  test('shows pods, metrics and statistics', async () => {
    const { cert, key } = client;
    const { items } = JSON.parse((await fromNode('/pods', { cert, key })).body) as {
      items: { metadata: { name: string } }[];
    };
    expect(items.map(({ metadata }) => metadata.name)).toEqual(expect.arrayContaining(['web', 'shell']));
    const metrics = (await fromNode('/metrics/resource', { cert, key })).body;
    expect(metrics).toMatch(
      /^container_memory_working_set_bytes\{container="app",namespace="default",pod="web"\} \d+/m,
    );
    expect(metrics).toMatch(/^node_cpu_usage_seconds_total \d/m);
    const summary = JSON.parse((await fromNode('/stats/summary', { cert, key })).body) as {
      pods: { podRef: { name: string }; memory: { workingSetBytes: number } }[];
    };
    expect(summary.pods.find(({ podRef }) => podRef.name === 'web')?.memory.workingSetBytes).toBeGreaterThan(0);
    expect((await fromNode('/nowhere', { cert, key })).status).toBe(404);
  });

  test('the helper leaves when nobody needs it', async () => {
    await server.stop();
    await eventually(async () => {
      const { stdout } = spawn('pgrep', ['-f', join(import.meta.dirname, 'dial.ts')]);
      expect(await text(stdout)).toBe('');
    });
  });
});
