import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodNetwork } from '#agent/network/pod-network.ts';
import type { ContainerRuntime } from '#agent/runtime/container-runtime.ts';
import { configMaps, nodes, type Pod, pods, type Secret, secrets, services } from '#api/core/v1.ts';
import type { ObjectKey, ResourceRef } from '#api/meta/resource-ref.ts';
import type { Component } from '#base/component.ts';
import type { Logger } from '#base/logger.ts';
import type { Cache } from '#client/cache.ts';
import type { Client } from '#client/client.ts';
import { EventRecorder } from '#client/events.ts';
import { ClusterObjects } from './cluster-objects.ts';
import { ImageManager } from './images/image-manager.ts';
import { loadImageTars } from './images/image-tars.ts';
import type { KubeletConfig } from './kubelet-config.ts';
import { LogLinks } from './logs/log-links.ts';
import { terminationMessage } from './logs/termination-message.ts';
import { NodeManager } from './node/node-manager.ts';
import { NodeNetworkSync } from './node/node-network.ts';
import { readNodeResolver } from './node/resolver-file.ts';
import { PodEvents } from './pod-events.ts';
import type { PodHook } from './pod-hook.ts';
import { ContainerStarter, type NodeFacts } from './pods/container-starter.ts';
import { NetworkAdoption } from './pods/network-adoption.ts';
import { attachNetwork, type PodExecutorDeps, podExecutors, sandboxNamespace } from './pods/pod-executors.ts';
import { PodSource } from './pods/pod-source.ts';
import { type PodRecord, PodTable, viewPod } from './pods/pod-table.ts';
import { runningSandbox } from './pods/pod-view.ts';
import { PodWorkers } from './pods/pod-workers.ts';
import { RuntimeMirror } from './pods/runtime-mirror.ts';
import { ProbeManager } from './probes/probe-manager.ts';
import type { DnsSettings } from './spec/resolv-conf.ts';
import { StatusManager } from './status/status-manager.ts';
import { allVolumeDrivers } from './volumes/all.ts';
import { ServiceAccountTokens } from './volumes/service-account-tokens.ts';
import { SubPaths } from './volumes/sub-paths.ts';
import { VolumeManager } from './volumes/volume-manager.ts';

export interface KubeletOptions {
  readonly config: KubeletConfig;
  /** Speaks as the node. */
  readonly client: Client;
  readonly cache: Cache;
  /** Started before the kubelet, stopped after it; the same goes for the network. */
  readonly runtime: ContainerRuntime;
  readonly network: PodNetwork;
  /** Called with all ConfigMaps or Secrets in use, where the cache holds only those asked for. */
  readonly want?: (ref: ResourceRef, keys: readonly ObjectKey[]) => void;
  readonly log: Logger;
}

/** Runs the pods that are bound to this node, and reports on them and on the node. */
export class Kubelet implements Component {
  readonly name = 'kubelet';
  /** For the node's HTTP API: pods, containers and the node as the kubelet sees them. */
  readonly table = new PodTable();
  readonly mirror: RuntimeMirror;
  readonly status: StatusManager;
  readonly node: NodeManager;
  readonly #options: KubeletOptions;
  readonly #podsDir: string;
  readonly #recorder: EventRecorder;
  readonly #events: PodEvents;
  readonly #objects: ClusterObjects;
  readonly #network: NodeNetworkSync;
  readonly #adoption: NetworkAdoption;
  readonly #volumes: VolumeManager;
  readonly #tokens: ServiceAccountTokens;
  readonly #probes: ProbeManager;
  readonly #workers: PodWorkers;
  readonly #source: PodSource;
  readonly #preloaded = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  readonly #facts: NodeFacts;
  #background: Promise<unknown> = Promise.resolve();

  constructor(options: KubeletOptions) {
    const { config, client, cache, runtime } = options;
    this.#options = options;
    this.#podsDir = join(config.dataDir, 'pods');
    this.#facts = {
      nodeIps: () => config.nodeIps,
      memoryBytes: () => this.node.memoryBytes,
      allocatable: () => this.node.allocatable(),
    };
    this.#recorder = new EventRecorder({
      client,
      component: 'kubelet',
      host: config.nodeName,
      log: this.#log('events'),
    });
    this.#events = new PodEvents(this.#recorder);
    this.#objects = new ClusterObjects({ client, cache });
    this.mirror = this.#buildMirror();
    this.#network = this.#buildNetwork();
    this.node = this.#buildNode();
    this.#tokens = new ServiceAccountTokens({ client, onDue: (podUid) => this.#source.refresh(podUid) });
    this.#volumes = this.#buildVolumes();
    this.#probes = new ProbeManager({ runtime, events: this.#events, onChange: (podUid) => this.#onHealth(podUid) });
    this.status = this.#buildStatus();
    const subPaths = new SubPaths({ podsDir: this.#podsDir });
    const tokens: PodHook = { name: 'tokens', release: async (podUid) => this.#tokens.forget(podUid) };
    // Parts of volumes go before the volumes.
    const hooks: readonly PodHook[] = [subPaths, this.#volumes, tokens];
    const deps = this.#executorDeps(hooks, subPaths);
    this.#adoption = this.#buildAdoption(deps);
    this.#workers = this.#buildWorkers(deps);
    this.#source = this.#buildSource(hooks);
  }

  /** Pods follow once the API's state and the engine's containers are known; neither is waited for. */
  async start(): Promise<void> {
    const { config, runtime, cache } = this.#options;
    const { signal } = this.#stop;
    await mkdir(config.dataDir, { recursive: true });
    await this.#volumes.start();
    const loading = loadImageTars(join(config.dataDir, 'images'), { runtime, log: this.#log('images') }, signal);
    this.mirror.start();
    this.#network.start();
    await this.node.start();
    const following = cache
      .synced([pods, nodes, services, configMaps, secrets], signal)
      .then(() => this.#source.start())
      .catch((err: unknown) => {
        if (!signal.aborted) this.#log('pods').error({ err }, 'cannot follow pods');
      });
    this.#background = Promise.all([loading.finally(() => this.#preloaded.resolve()), following]);
  }

  /** Containers run on. */
  async stop(): Promise<void> {
    this.#stop.abort(new Error('Kubelet stopped'));
    await this.#source.stop();
    await this.#workers.stop();
    this.#probes.stop();
    this.#tokens.stop();
    const parts = [this.status, this.node, this.#adoption, this.#network, this.mirror];
    await Promise.all(parts.map((part) => part.stop()));
    await this.#background;
    await this.#recorder.stop();
  }

  #log(component: string): Logger {
    return this.#options.log.child({ component: `kubelet/${component}` });
  }

  #buildMirror(): RuntimeMirror {
    const { runtime } = this.#options;
    const podsDir = this.#podsDir;
    return new RuntimeMirror({
      runtime,
      endMessage: (container) => terminationMessage(container, { podsDir, runtime }),
      log: this.#log('runtime'),
    });
  }

  #buildNetwork(): NodeNetworkSync {
    const { cache, network, config } = this.#options;
    return new NodeNetworkSync({ cache, network, config, log: this.#log('network'), onChange: () => this.node.wake() });
  }

  #buildNode(): NodeManager {
    const { client, cache, runtime, config } = this.#options;
    return new NodeManager({
      client,
      cache,
      runtime,
      config,
      recorder: this.#recorder,
      problems: (wasReady) => this.#problems(wasReady),
      log: this.#log('node'),
    });
  }

  #problems(wasReady: boolean): string[] {
    const { problem, isSettling } = this.#network;
    // A node that starts again is as ready as it was until it is known not to be: its pods serve all the while.
    return problem === undefined || (isSettling && wasReady) ? [] : [problem];
  }

  #buildVolumes(): VolumeManager {
    const { config } = this.#options;
    const drivers = allVolumeDrivers({
      objects: this.#objects,
      tokens: this.#tokens,
      facts: () => ({
        nodeName: config.nodeName,
        nodeIps: config.nodeIps,
        podIps: [],
        allocatable: this.#facts.allocatable(),
      }),
    });
    const memoryDir = join(config.dataDir, 'memory');
    return new VolumeManager({ podsDir: this.#podsDir, memoryDir, drivers, log: this.#log('volumes') });
  }

  #buildStatus(): StatusManager {
    return new StatusManager({
      client: this.#options.client,
      table: this.table,
      view: (record) => viewPod(record, this.#engine(record.uid), Date.now()),
      nodeIps: this.#facts.nodeIps,
      log: this.#log('status'),
    });
  }

  #executorDeps(hooks: readonly PodHook[], subPaths: SubPaths): PodExecutorDeps {
    const { client, runtime, network, config } = this.#options;
    const { maxParallelPulls, toleratesUnreachableRegistry } = config;
    const images = new ImageManager({
      runtime,
      events: this.#events,
      preloaded: this.#preloaded.promise,
      pullSecrets: (pod) => this.#pullSecrets(pod),
      maxParallelPulls,
      toleratesUnreachableRegistry,
    });
    const shared = { runtime, config, hooks, podsDir: this.#podsDir, node: this.#facts };
    return {
      ...shared,
      client,
      mirror: this.mirror,
      network,
      table: this.table,
      starter: new ContainerStarter({ ...shared, images, objects: this.#objects, subPaths }),
      probes: this.#probes,
      events: this.#events,
      logLinks: new LogLinks(config.logDir),
      dns: () => this.#dns(),
      addressOf: (record) => this.#addressOf(record),
      networkReady: (signal) => this.#network.ready(signal),
      reportStatus: (podUid, signal) => this.status.flush(podUid, signal),
      onForgotten: (podUid) => this.#forget(podUid),
      log: this.#log('pods'),
    };
  }

  #buildAdoption(deps: PodExecutorDeps): NetworkAdoption {
    return new NetworkAdoption({
      table: this.table,
      ready: (signal) => this.#network.ready(signal),
      attach: async (record) => {
        const sandbox = runningSandbox(this.#engine(record.uid));
        if (sandbox !== undefined) {
          await attachNetwork(record, deps, sandboxNamespace(deps.config.sandboxMode, sandbox.pid));
        }
      },
      onAdopted: (podUid) => this.#onHealth(podUid),
      log: this.#log('network'),
    });
  }

  #buildWorkers(deps: PodExecutorDeps): PodWorkers {
    return new PodWorkers({
      table: this.table,
      mirror: this.mirror,
      status: this.status,
      probes: this.#probes,
      events: this.#events,
      executors: (record) => podExecutors(record, deps),
      adoptNetwork: (record) => this.#adoption.adopt(record),
      addressOf: deps.addressOf,
      log: this.#log('pods'),
    });
  }

  #buildSource(hooks: readonly PodHook[]): PodSource {
    const { cache, network, config, want } = this.#options;
    return new PodSource({
      cache,
      nodeName: config.nodeName,
      table: this.table,
      mirror: this.mirror,
      workers: this.#workers,
      volumes: this.#volumes,
      network,
      hooks,
      want,
      log: this.#log('pods'),
    });
  }

  #engine(podUid: string) {
    return { sandboxes: this.mirror.sandboxes(podUid), containers: this.mirror.containers(podUid) };
  }

  #addressOf({ ip }: PodRecord): string {
    return ip ?? this.#options.config.nodeIps[0] ?? '127.0.0.1';
  }

  #forget(podUid: string): void {
    this.#source.forget(podUid);
    this.status.forget(podUid);
    this.#adoption.forget(podUid);
  }

  #onHealth(podUid: string): void {
    this.status.touch(podUid);
    this.#workers.wake(podUid);
  }

  async #pullSecrets({ metadata: { namespace = '' }, spec }: Pod): Promise<Secret[]> {
    const names = (spec.imagePullSecrets ?? []).flatMap(({ name }) => (name === undefined ? [] : [name]));
    return [...(await this.#objects.named(secrets, { namespace, names })).values()];
  }

  async #dns(): Promise<DnsSettings> {
    const { clusterDns, clusterDomain, resolvConf } = this.#options.config;
    return { clusterDns, clusterDomain, node: await readNodeResolver(resolvConf) };
  }
}
