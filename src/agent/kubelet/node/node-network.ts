import type { PeerNode, PodNetwork } from '#agent/network/pod-network.ts';
import { type Node, nodes } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import type { Logger } from '#base/logger.ts';
import { WorkQueue } from '#base/work-queue.ts';
import type { Cache } from '#client/cache.ts';
import type { KubeletConfig } from '../kubelet-config.ts';

export interface NodeNetworkSyncDeps {
  readonly cache: Cache;
  readonly network: Pick<PodNetwork, 'configure' | 'setPeers'>;
  readonly config: KubeletConfig;
  readonly log: Logger;
  /** Called when the network has become ready, or what keeps it from that has changed. */
  readonly onChange: () => void;
}

const KEY = 'network';
/** The first set-up takes about a second; one that takes this long is a problem. */
const SETTLE_MS = 15_000;

/** Keeps the pod network as the cluster's nodes ask for: this node's pod range, and the way to those of the others. */
export class NodeNetworkSync {
  readonly #deps: NodeNetworkSyncDeps;
  readonly #ready = Promise.withResolvers<void>();
  readonly #queue: WorkQueue;
  #own: Parameters<PodNetwork['configure']>[0] | undefined;
  #peers: readonly PeerNode[] | undefined;
  #problem: string | undefined = 'network is not ready: this node has no pod range yet';
  #settlesUntilMs = 0;
  #unsubscribe: (() => void) | undefined;

  constructor(deps: NodeNetworkSyncDeps) {
    this.#deps = deps;
    this.#queue = new WorkQueue({
      backoff: { initialMs: 500, maxMs: 30_000 },
      process: async () => {
        await this.#sync();
        return undefined;
      },
      onError: (_, err) => {
        deps.log.warn({ err }, 'cannot set up the pod network');
        this.#setProblem(`network is not ready: ${err instanceof Error ? err.message : String(err)}`);
      },
    });
  }

  /** What keeps pods from having a network; undefined when nothing does. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether the first set-up since the start is still under way, so that nothing is known yet. */
  get isSettling(): boolean {
    return Date.now() < this.#settlesUntilMs;
  }

  /** Resolves once pods can be given an address. */
  async ready(signal: AbortSignal): Promise<void> {
    const aborted = Promise.withResolvers<never>();
    const onAbort = () => aborted.reject(signal.reason);
    signal.throwIfAborted();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.#ready.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  start(): void {
    this.#settlesUntilMs = Date.now() + SETTLE_MS;
    this.#unsubscribe = this.#deps.cache.onChange(nodes, (event) => {
      if (event.type === 'MODIFIED' && !changesNetwork(event.previous, event.object)) return;
      this.#queue.add(KEY);
    });
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await this.#queue.stop();
  }

  async #sync(): Promise<void> {
    const { cache, network, config } = this.#deps;
    const all = cache.list(nodes);
    const podCidr = all.find(({ metadata }) => metadata.name === config.nodeName)?.spec.podCIDR;
    const [nodeIp] = config.nodeIps;
    if (podCidr === undefined || podCidr === '' || nodeIp === undefined) return;
    const { nodeName, clusterCidr, serviceCidr } = config;
    const own = { nodeName, nodeIp, podCidr, clusterCidr, serviceCidr };
    if (!deepEqual(own, this.#own)) {
      await network.configure(own);
      this.#own = own;
    }
    const peers = peersOf(all, nodeName);
    if (!deepEqual(peers, this.#peers)) {
      await network.setPeers(peers);
      this.#peers = peers;
    }
    this.#ready.resolve();
    this.#setProblem(undefined);
  }

  #setProblem(problem: string | undefined): void {
    this.#settlesUntilMs = 0;
    if (problem === this.#problem) return;
    this.#problem = problem;
    this.#deps.onChange();
  }
}

/** The other nodes that have a pod range and an address. */
export function peersOf(all: readonly Node[], nodeName: string): PeerNode[] {
  return all
    .filter(({ metadata }) => metadata.name !== nodeName)
    .flatMap((node) => {
      const nodeIp = addressOf(node);
      const { podCIDR: podCidr = '' } = node.spec;
      return nodeIp === undefined || podCidr === '' ? [] : [{ nodeName: node.metadata.name, nodeIp, podCidr }];
    })
    .sort((a, b) => (a.nodeName < b.nodeName ? -1 : 1));
}

function addressOf({ status }: Node): string | undefined {
  return status?.addresses?.find(({ type }) => type === 'InternalIP')?.address;
}

function changesNetwork(before: Node, after: Node): boolean {
  return before.spec.podCIDR !== after.spec.podCIDR || addressOf(before) !== addressOf(after);
}
