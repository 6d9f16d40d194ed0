import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { ImageName } from '#test/lab/images.ts';
import { createLab, type Lab } from '#test/lab/lab.ts';
import type { LabNode } from '#test/lab/node.ts';
import { eventually } from '#test/support/eventually.ts';
import { Kubectl, type KubectlBinary } from './kubectl.ts';

const SKIFF = join(import.meta.dirname, '../../../dist/skiff');
/** `failure` leaves the machines of a failed scenario as they are. */
const KEEP = process.env['SKIFF_KEEP'] === 'failure';

export interface ClusterOptions {
  kubectl: KubectlBinary;
  nodes?: number;
  images: readonly ImageName[];
}

/** Machines with the built executable: the first is the server, the others can be made to join. */
export class Cluster {
  readonly lab: Lab;
  readonly kubectl: Kubectl;
  readonly #skiffs = new Map<LabNode, ChildProcess>();

  constructor(lab: Lab, binary: KubectlBinary) {
    this.lab = lab;
    const kubeconfig = join(this.node(1).folder, 'kubeconfig.yaml');
    this.kubectl = new Kubectl({ binary, node: this.node(1), kubeconfig, home: join(lab.folder, 'home') });
  }

  node(number: number): LabNode {
    const node = this.lab.nodes[number - 1];
    if (node === undefined) throw new Error(`The lab has no node ${number}`);
    return node;
  }

  /** Starts skiff on a machine: the server on the first, an agent on the others. Resolves when the node is Ready. */
  async start(node: LabNode): Promise<void> {
    const child = await node.spawnLogged('skiff', SKIFF, node.number === 1 ? this.#server() : await this.#agent(node));
    this.#skiffs.set(node, child);
    const isReady = async () => {
      if (child.exitCode !== null) throw new Error(`skiff on ${node.name} has ended with ${child.exitCode}`);
      await this.kubectl.run(['wait', '--for=condition=Ready', `node/${node.name}`, '--timeout=1s']);
    };
    await eventually(isReady, { withinMs: 30_000, everyMs: 200 });
  }

  /** Ends skiff, politely unless told otherwise, and nothing else on the machine. */
  async stop(node: LabNode, { signal = 'SIGTERM' }: { signal?: NodeJS.Signals } = {}): Promise<void> {
    const child = this.#skiffs.get(node);
    this.#skiffs.delete(node);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** Takes a machine down as a power switch does and starts it again. */
  async reboot(node: LabNode): Promise<void> {
    this.#skiffs.delete(node);
    await node.reboot();
    await node.startDocker();
    await this.start(node);
  }

  /** What one needs to know of a failure, on standard error. */
  async report(): Promise<void> {
    const say = (title: string, text: string) => process.stderr.write(`\n--- ${title}\n${text.trimEnd()}\n`);
    const commands = [
      ['get', 'nodes,pods,services,endpointslices', '--all-namespaces', '-o', 'wide'],
      ['get', 'events', '--all-namespaces', '--sort-by=.lastTimestamp'],
    ];
    for (const args of commands) {
      const shown = await this.kubectl.run(args, { timeoutMs: 10_000 }).catch((error: Error) => error.message);
      say(`kubectl ${args.join(' ')}`, lastLines(shown, 60));
    }
    for (const node of this.lab.nodes) {
      const containers = await node.exec('docker', ['ps', '--all'], { timeoutMs: 10_000 }).catch(String);
      say(`${node.name}: docker ps`, containers);
      const log = await node.readLog('skiff').catch(() => '');
      say(`${node.name}: skiff`, lastLines(log, 60));
    }
  }

  /** How to look around in what was kept. */
  hints(): string {
    const enter = this.lab.nodes.map(
      ({ name, netnsPath, dockerSocket }) =>
        `  ${name}: nsenter --net=${netnsPath} env DOCKER_HOST=unix://${dockerSocket} KUBECONFIG=${this.node(1).folder}/kubeconfig.yaml bash`,
    );
    return [
      `Kept in ${this.lab.folder}; enter the machines with`,
      ...enter,
      '  end: build/node test/lab/lab.ts down',
      '',
    ].join('\n');
  }

  #server(): string[] {
    const node = this.node(1);
    return ['server', '--write-kubeconfig', join(node.folder, 'kubeconfig.yaml'), ...nodeFlags(node)];
  }

  async #agent(node: LabNode): Promise<string[]> {
    const server = this.node(1);
    const token = (await readFile(join(server.dataDir, 'server/token'), 'utf8')).trim();
    return ['agent', '--server', `https://${server.ip}:6443`, '--token', token, ...nodeFlags(node)];
  }
}

/**
 * Gives the tests of a `describe` a cluster of their own with its server running. They tell one story: after the first
 * that fails the others are skipped, and every node is asked what happened.
 */
export function useCluster(options: ClusterOptions): () => Cluster {
  let cluster: Cluster | undefined;
  let hasFailed = false;
  const current = () => {
    if (cluster === undefined) throw new Error('There is no cluster');
    return cluster;
  };
  beforeAll(async () => {
    const { nodes = 1, images, kubectl } = options;
    const lab = await createLab({ nodes, images, liveRestore: true, isDetached: KEEP });
    cluster = new Cluster(lab, kubectl);
    await mkdir(join(lab.folder, 'home'));
    try {
      await cluster.start(cluster.node(1));
    } catch (error) {
      hasFailed = true;
      await cluster.report();
      throw error;
    }
  });
  beforeEach(({ skip }) => skip(hasFailed, 'a step before has failed'));
  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail' || hasFailed) return;
    hasFailed = true;
    await cluster?.report();
  });
  afterAll(async () => {
    if (cluster === undefined) return;
    if (hasFailed && KEEP) process.stderr.write(cluster.hints());
    else await cluster.lab.destroy();
  });
  return current;
}

function nodeFlags(node: LabNode): string[] {
  return [
    ...['--data-dir', node.dataDir, '--run-dir', node.runDir, '--log-dir', join(node.folder, 'log')],
    ...['--docker-socket', node.dockerSocket, '--node-name', node.name, '--node-ip', node.ip],
  ];
}

const lastLines = (text: string, count: number) => {
  const lines = text.trimEnd().split('\n').slice(-count);
  return lines.map((line) => (line.length > 600 ? `${line.slice(0, 600)} ...` : line)).join('\n');
};
