import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Kubelet, type KubeletOptions } from '#agent/kubelet/kubelet.ts';
import { type KubeletConfig, kubeletConfig } from '#agent/kubelet/kubelet-config.ts';
import { unmountAll } from '#agent/kubelet/volumes/mount-table.ts';
import type { PodAttachment, PodNetwork } from '#agent/network/pod-network.ts';
import type { ContainerRuntime } from '#agent/runtime/container-runtime.ts';
import {
  type ContainerStatus,
  type Event,
  events,
  namespaces,
  nodes,
  type Pod,
  type PodSpec,
  pods,
} from '#api/core/v1.ts';
import { createLogger } from '#base/logger.ts';
import { ServiceAccountTokens } from '#server/apiserver/authn/service-account-tokens.ts';
import type { NodeDialer } from '#server/apiserver/node-proxy/node-dialer.ts';
import { allResources } from '#server/resources/all.ts';
import { eventually } from '#test/support/eventually.ts';
import { ALLOW_ALL, startTestServer, type TestServer } from '#test/support/test-server.ts';

/** Addresses without any wires. */
export class UnwiredNetwork implements PodNetwork {
  readonly name = 'unwired';
  readonly addresses = new Map<string, string>();
  #next = 2;

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  async configure(): Promise<void> {}
  async setPeers(): Promise<void> {}
  async removeAll(): Promise<void> {}

  async attach(podUid: string): Promise<PodAttachment> {
    const ip = this.addresses.get(podUid) ?? `10.42.0.${this.#next++}`;
    this.addresses.set(podUid, ip);
    return { namespacePath: `/run/netns/${podUid}`, ip };
  }

  async detach(podUid: string): Promise<void> {
    this.addresses.delete(podUid);
  }

  async attached(): Promise<readonly string[]> {
    return [...this.addresses.keys()];
  }
}

export interface TestNodeOptions {
  readonly runtime: ContainerRuntime;
  readonly network?: PodNetwork;
  readonly config?: Partial<KubeletConfig>;
  readonly nodeDialer?: NodeDialer;
}

export const NODE = 'node-1';

/** A node with its kubelet and an API server of its own. */
export class TestNode {
  readonly server: TestServer;
  readonly network: PodNetwork;
  readonly dataDir: string;
  readonly config: KubeletConfig;
  readonly #options: TestNodeOptions;
  kubelet: Kubelet;

  constructor(server: TestServer, dataDir: string, options: TestNodeOptions) {
    this.server = server;
    this.dataDir = dataDir;
    this.#options = options;
    this.network = options.network ?? new UnwiredNetwork();
    this.config = kubeletConfig({
      nodeName: NODE,
      nodeIps: ['192.0.2.1'],
      dataDir,
      logDir: join(dataDir, 'log'),
      ...options.config,
    });
    this.kubelet = this.#build();
  }

  static async start(options: TestNodeOptions): Promise<TestNode> {
    const server = await startServer(options.nodeDialer);
    const dataDir = await mkdtemp(join(tmpdir(), 'skiff-kubelet-'));
    const node = new TestNode(server, dataDir, options);
    for (const name of ['default', 'kube-node-lease'])
      await server.client.create(namespaces, { metadata: { name }, spec: {} });
    await node.kubelet.start();
    await eventually(() => server.client.get(nodes, { name: NODE }));
    const patch = { spec: { podCIDR: '10.42.0.0/24' } };
    await server.client.patch(nodes, { name: NODE }, patch, { type: 'merge' });
    return node;
  }

  /** Ends the kubelet as a crash would leave things, and begins a new one. */
  async restart(whileDown: () => Promise<void> = async () => {}): Promise<void> {
    await this.kubelet.stop();
    await whileDown();
    this.kubelet = this.#build();
    await this.kubelet.start();
  }

  async stop(): Promise<void> {
    await this.kubelet.stop();
    await unmountAll(this.dataDir);
    await rm(this.dataDir, { recursive: true, force: true });
    await this.server.stop();
  }

  create(name: string, spec: Partial<PodSpec>, metadata: Partial<Pod['metadata']> = {}): Promise<Pod> {
    return this.server.client.create(pods, {
      metadata: { name, namespace: 'default', ...metadata },
      spec: { nodeName: NODE, containers: [], ...spec },
    });
  }

  get(name: string): Promise<Pod> {
    return this.server.client.get(pods, { namespace: 'default', name });
  }

  /** The pod as soon as it fulfils what `check` asserts. */
  until(name: string, check: (pod: Pod) => void, withinMs = 10_000): Promise<Pod> {
    return eventually(
      async () => {
        const pod = await this.get(name);
        check(pod);
        return pod;
      },
      { withinMs },
    );
  }

  async gone(name: string, withinMs = 10_000): Promise<void> {
    await eventually(
      async () => {
        const { items } = await this.server.client.list(pods, { namespace: 'default' });
        if (items.some(({ metadata }) => metadata.name === name)) throw new Error(`pod "${name}" is still there`);
      },
      { withinMs },
    );
  }

  /** `Reason: message` of a pod's events, oldest first. */
  async events(name: string): Promise<string[]> {
    const { items } = await this.server.client.list(events, { namespace: 'default' });
    const order = ({ metadata }: Event) => Number(metadata.resourceVersion);
    return items
      .filter(({ involvedObject }) => involvedObject.name === name)
      .sort((a, b) => order(a) - order(b))
      .map(({ reason, message }) => `${reason}: ${message}`);
  }

  #build(): Kubelet {
    const { server, network, config } = this;
    const log = createLogger({ level: process.env['SKIFF_TEST_LOG'] === 'debug' ? 'debug' : 'silent' });
    const options: KubeletOptions = {
      config,
      client: server.client,
      cache: server.apiServer.cache,
      runtime: this.#options.runtime,
      network,
      log,
    };
    return new Kubelet(options);
  }
}

/** With the real rules of every resource, and tokens. */
async function startServer(nodeDialer?: NodeDialer): Promise<TestServer> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const started: { server?: TestServer } = {};
  const running = () => {
    if (started.server === undefined) throw new Error('The server has not started yet');
    return started.server;
  };
  const definitions = allResources({
    serviceCidr: '10.43.0.0/16',
    nodePorts: [30000, 32767],
    authorizer: () => ALLOW_ALL,
    authenticator: () => ({ review: (review) => ({ ...review, status: { authenticated: false } }) }),
    tokens: () =>
      new ServiceAccountTokens({ key: { privateKey, publicKey, keyId: 'k1' }, cache: running().apiServer.cache }),
    client: () => running().client,
  });
  started.server = await startTestServer({ definitions, ...(nodeDialer && { nodeDialer }) });
  return started.server;
}

export const containerOf = (pod: Pod, name = 'app'): ContainerStatus | undefined =>
  pod.status?.containerStatuses?.find((status) => status.name === name);

export const conditionOf = (pod: Pod, type: string): string | undefined =>
  pod.status?.conditions?.find((condition) => condition.type === type)?.status;
