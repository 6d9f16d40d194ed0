import type { ContainerRuntime, ImageSummary, RuntimeInfo } from '#agent/runtime/container-runtime.ts';
import { type Node, nodes, type Taint } from '#api/core/v1.ts';
import { isAlreadyExists, isConflict, isNotFound } from '#api/meta/errors.ts';
import type { Logger } from '#base/logger.ts';
import { WorkQueue } from '#base/work-queue.ts';
import type { Cache } from '#client/cache.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';
import type { KubeletConfig } from '../kubelet-config.ts';
import { errorText } from '../pod-hook.ts';
import { type Machine, type MachineUsage, readMachine, readUsage } from './machine.ts';
import { NodeLease } from './node-lease.ts';
import { allocatableOf, capacityOf, mustReport, type NodeObservation, nodeStatus } from './node-status.ts';

export interface NodeManagerDeps {
  readonly client: Client;
  readonly cache: Cache;
  readonly runtime: ContainerRuntime;
  readonly config: KubeletConfig;
  readonly recorder: EventRecorder;
  /** What keeps the node from running pods, beside a missing engine. `wasReady` is what the API was told last. */
  readonly problems: (wasReady: boolean) => readonly string[];
  readonly log: Logger;
}

const TICK_MS = 10_000;
const STATUS = 'status';
const LEASE = 'lease';

/** The node as an object of the API: made at start, kept alive by its lease, and true by its status. */
export class NodeManager {
  readonly #deps: NodeManagerDeps;
  readonly #lease: NodeLease;
  readonly #queue: WorkQueue;
  #machine: Machine | undefined;
  #usage: MachineUsage | undefined;
  #runtime: RuntimeInfo | undefined;
  #runtimeSeenMs = 0;
  #images: readonly ImageSummary[] = [];
  #imagesReadMs = 0;
  #node: Node | undefined;

  constructor(deps: NodeManagerDeps) {
    this.#deps = deps;
    this.#lease = new NodeLease({ client: deps.client, nodeName: deps.config.nodeName });
    this.#queue = new WorkQueue({
      concurrency: 2,
      backoff: { initialMs: 200, maxMs: 7000 },
      process: async (key, signal) => {
        // The lease is renewed even while the status cannot be read.
        if (key === LEASE) await this.#lease.renew(this.#node, signal);
        else await this.#report(signal);
        return TICK_MS;
      },
      onError: (key, err, failures) =>
        deps.log[failures % 10 === 3 ? 'warn' : 'debug']({ err, failures, key }, 'cannot report node'),
    });
  }

  /** Reads the machine; the rest goes on by itself, as the API may be away. */
  async start(): Promise<void> {
    this.#machine = await readMachine();
    this.#usage = await readUsage(this.#deps.config.dataDir);
    const { recorder, config } = this.#deps;
    recorder.event(nodeReference(config.nodeName), 'Normal', 'Starting', 'Starting kubelet.');
    this.#queue.add(STATUS);
  }

  async stop(): Promise<void> {
    await this.#queue.stop();
  }

  /** Something about the node has changed that the API should know soon. */
  wake(): void {
    this.#queue.add(STATUS);
  }

  /** The node's images have changed. */
  imagesChanged(): void {
    this.#imagesReadMs = 0;
    this.#queue.addAfter(STATUS, 1000);
  }

  get memoryBytes(): number {
    return this.#machine?.memoryBytes ?? 0;
  }

  get runtimeInfo(): RuntimeInfo | undefined {
    return this.#runtime;
  }

  allocatable(): Record<string, string> {
    if (this.#machine === undefined || this.#usage === undefined) return {};
    const { config } = this.#deps;
    return allocatableOf(capacityOf(this.#machine, this.#usage, config), config.reserved);
  }

  async #report(signal: AbortSignal): Promise<void> {
    const machine = this.#machine;
    if (machine === undefined) return;
    const { client, config } = this.#deps;
    const node = await this.#ensureNode(machine, signal);
    const observation = await this.#observe(node, { machine, signal });
    const now = Date.now();
    const old = node.status ?? {};
    const status = nodeStatus(old, { observation, config }, now);
    if (!mustReport(old, status, now)) return;
    try {
      this.#node = await client.updateStatus(nodes, { ...node, status }, { signal });
      this.#tellTurn(old, status);
    } catch (error) {
      this.#node = undefined;
      if (!isConflict(error) && !isNotFound(error)) throw error;
      this.#queue.addAfter(STATUS, 50);
    }
  }

  async #observe(
    { status }: Node,
    { machine, signal }: { machine: Machine; signal: AbortSignal },
  ): Promise<NodeObservation> {
    const { runtime, config, problems } = this.#deps;
    const found = [...problems(readyStatus(status) === 'True')];
    try {
      if (this.#runtime === undefined) this.#runtime = await runtime.info(signal);
      else await runtime.list(signal);
      await this.#readImages(signal);
      this.#runtimeSeenMs = Date.now();
    } catch (error) {
      signal.throwIfAborted();
      this.#runtime = undefined;
      if (Date.now() - this.#runtimeSeenMs >= config.runtimeAwayMs)
        found.unshift(`container runtime is down: ${errorText(error)}`);
    }
    this.#usage = await readUsage(config.dataDir);
    return {
      machine,
      usage: this.#usage,
      runtime: this.#runtime,
      images: this.#images,
      problems: found,
    };
  }

  async #readImages(signal: AbortSignal): Promise<void> {
    if (Date.now() - this.#imagesReadMs < 300_000) return;
    this.#images = await this.#deps.runtime.images(signal);
    this.#imagesReadMs = Date.now();
  }

  /** The node's object, made where there is none. What others wrote on it (taints, cordon) is left alone. */
  async #ensureNode(machine: Machine, signal: AbortSignal): Promise<Node> {
    const { client, config } = this.#deps;
    if (this.#node !== undefined) return this.#newest(this.#node);
    const wanted = newNode(machine, config);
    try {
      this.#node = await client.create(nodes, wanted, { signal });
      this.#deps.log.info({ node: config.nodeName }, 'registered node');
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      const { labels, annotations } = wanted.metadata;
      const patch = { metadata: { labels, annotations } };
      this.#node = await client.patch(nodes, { name: config.nodeName }, patch, { type: 'merge', signal });
    }
    this.#queue.add(LEASE);
    return this.#node;
  }

  #newest(node: Node): Node {
    const cached = this.#deps.cache.get(nodes, { name: this.#deps.config.nodeName });
    if (cached === undefined || cached.metadata.uid !== node.metadata.uid) return node;
    const version = ({ metadata }: Node) => Number(metadata.resourceVersion ?? 0);
    return version(cached) > version(node) ? cached : node;
  }

  #tellTurn(old: Node['status'], next: NonNullable<Node['status']>): void {
    const ready = readyStatus(next);
    if (readyStatus(old) === ready) return;
    const { recorder, config, log } = this.#deps;
    const reason = ready === 'True' ? 'NodeReady' : 'NodeNotReady';
    log.info({ node: config.nodeName, ready }, 'node status changed');
    recorder.event(
      nodeReference(config.nodeName),
      'Normal',
      reason,
      `Node ${config.nodeName} status is now: ${reason}`,
    );
  }
}

const readyStatus = (status: Node['status']) => status?.conditions?.find(({ type }) => type === 'Ready')?.status;

const nodeReference = (name: string) => ({ kind: 'Node', name, uid: name });

function newNode(machine: Machine, config: KubeletConfig): Node {
  const taints = config.nodeTaints.map(
    (taint): Taint => ({
      key: taint.key,
      effect: taint.effect,
      ...(taint.value === undefined ? {} : { value: taint.value }),
    }),
  );
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: config.nodeName,
      labels: {
        'beta.kubernetes.io/arch': machine.architecture,
        'beta.kubernetes.io/os': 'linux',
        'kubernetes.io/arch': machine.architecture,
        'kubernetes.io/hostname': config.nodeName,
        'kubernetes.io/os': 'linux',
        ...config.nodeLabels,
      },
      annotations: { 'volumes.kubernetes.io/controller-managed-attach-detach': 'true' },
    },
    spec: taints.length > 0 ? { taints } : {},
  };
}
