import type { ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { OWNER_LABEL } from '#agent/runtime/docker/docker-runtime.ts';
import { isPodReady } from '#api/core/pod.ts';
import { nodes, type Pod, pods } from '#api/core/v1.ts';
import { Client } from '#client/client.ts';
import { HttpsTransport } from '#client/https-transport.ts';
import { readKubeconfig } from '#client/kubeconfig.ts';
import { IMAGES } from '#test/lab/images.ts';
import { createLab, type Lab } from '#test/lab/lab.ts';
import type { LabNode } from '#test/lab/node.ts';
import { eventually } from '#test/support/eventually.ts';
import type { BenchContext } from './benchmark.ts';

/** A lab of one machine with Docker on it, gone when the benchmark ends. */
export async function oneNodeLab(ctx: BenchContext): Promise<{ lab: Lab; node: LabNode }> {
  ctx.note('making a lab');
  const lab = await createLab({ nodes: 1, images: ['busybox'] });
  ctx.onEnd(() => lab.destroy());
  const [node] = lab.nodes;
  if (node === undefined) throw new Error('The lab has no node');
  return { lab, node };
}

/** A running `skiff server` with its own node. */
export interface Skiff {
  readonly process: ChildProcess;
  readonly pid: number;
  /** When the program was started, by `performance.now()`. */
  readonly startedAt: number;
  readonly client: Client;
  stop(): Promise<void>;
}

const START_WITHIN_MS = 60_000;

/** Starts skiff on a lab node, in a data folder that may be empty, and returns as soon as its kubeconfig is there. */
export async function startSkiff(node: LabNode, executable: string): Promise<Skiff> {
  const kubeconfig = join(node.dataDir, 'kubeconfig.yaml');
  await rm(kubeconfig, { force: true });
  await mkdir(node.runDir, { recursive: true });
  const relay = await startRelay(node);
  const startedAt = performance.now();
  const child = await node.spawnLogged('skiff', executable, [
    'server',
    ...['--data-dir', node.dataDir, '--run-dir', node.runDir, '--log-dir', join(node.folder, 'log')],
    ...['--write-kubeconfig', kubeconfig, '--docker-socket', node.dockerSocket],
    ...['--node-name', node.name, '--node-ip', node.ip],
  ]);
  const failure = async (what: string) => new Error(`${what}: ${(await node.readLog('skiff')).slice(-4000)}`);
  while (!existsSync(kubeconfig)) {
    if (child.exitCode !== null) throw await failure('skiff ended');
    if (performance.now() - startedAt > START_WITHIN_MS) throw await failure('skiff does not start');
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const { credentials } = await readKubeconfig(kubeconfig);
  const server = `https://127.0.0.1:${relay.port}`;
  const transport = new HttpsTransport({ server, credentials: () => credentials, userAgent: 'skiff-bench' });
  return {
    process: child,
    pid: child.pid ?? 0,
    startedAt,
    client: new Client(transport),
    async stop() {
      transport.close();
      relay.stop();
      await node.stopProcesses();
    },
  };
}

/** Resolves once the watched node is Ready; tells when that was. */
export async function nodeReady(client: Client, name: string): Promise<number> {
  const options = { fieldSelector: `metadata.name=${name}`, signal: AbortSignal.timeout(START_WITHIN_MS) };
  for await (const { object } of client.watch(nodes, options)) {
    const isReady = object.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
    if (isReady === true) return performance.now();
  }
  throw new Error('The watch of the node ended');
}

/** A connection from this process into the node's network: a port here, a Unix socket between, the API's port there. */
async function startRelay(node: LabNode): Promise<{ port: number; stop(): void }> {
  const path = join(node.folder, 'relay.sock');
  await rm(path, { force: true });
  const program = node.spawn(process.execPath, [join(import.meta.dirname, 'relay.ts'), path, '127.0.0.1', '6443'], {
    stdio: 'ignore',
  });
  await eventually(() => {
    if (!existsSync(path)) throw new Error('The relay did not start');
  });
  const server = createServer({ noDelay: true }, (here) => {
    const there = connect(path);
    here.pipe(there).pipe(here);
    for (const socket of [here, there]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        here.destroy();
        there.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      server.close();
      program.kill();
    },
  };
}

/** A pod with one container that does nothing. */
export function idlePod(name: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: 'bench' } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'app', image: IMAGES.busybox, imagePullPolicy: 'Never', command: IDLE_COMMAND }],
    },
  };
}

export const IDLE_COMMAND = ['sleep', '86400'];

/** Creates the pods at once and resolves with the milliseconds until the watch has told that every one is Ready. */
export async function createUntilReady(client: Client, names: readonly string[]): Promise<number> {
  const waiting = new Set(names);
  const signal = AbortSignal.timeout(120_000);
  const { metadata } = await client.list(pods, { namespace: 'default', signal });
  const events = client.watch(pods, {
    namespace: 'default',
    ...(metadata.resourceVersion !== undefined && { resourceVersion: metadata.resourceVersion }),
    signal,
  });
  const start = performance.now();
  const created = Promise.all(names.map((name) => client.create(pods, idlePod(name), { signal })));
  for await (const { object } of events) {
    if (isPodReady(object)) waiting.delete(object.metadata.name ?? '');
    if (waiting.size === 0) break;
  }
  const took = performance.now() - start;
  await created;
  return took;
}

/** Deletes all pods of the default namespace and waits until nothing of them is left, in Docker neither. */
export async function deletePods(node: LabNode, client: Client): Promise<void> {
  await client.deleteCollection(pods, { namespace: 'default' });
  const nothingLeft = async () => {
    const containers = await node.exec('docker', ['ps', '--all', '--quiet', '--filter', `label=${OWNER_LABEL}`]);
    const { items } = await client.list(pods, { namespace: 'default' });
    if (items.length > 0 || containers !== '') throw new Error(`${items.length} pods are still there`);
  };
  await eventually(nothingLeft, { withinMs: 60_000, everyMs: 200 });
}
