import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodNetwork } from '#agent/network/pod-network.ts';
import type { ContainerRuntime } from '#agent/runtime/container-runtime.ts';
import { configMaps, nodes, pods, secrets, services } from '#api/core/v1.ts';
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
import { attachNetwork, type PodExecutorDeps, podExecutors, sandboxNamespace } from './pods/pod-executors.ts';
import { PodSource } from './pods/pod-source.ts';
import { PodTable, viewPod } from './pods/pod-table.ts';
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
  readonly #recorder: EventRecorder;
  readonly #network: NodeNetworkSync;
  readonly #volumes: VolumeManager;
  readonly #tokens: ServiceAccountTokens;
  readonly #probes: ProbeManager;
  readonly #workers: PodWorkers;
  readonly #source: PodSource;
  readonly #preloaded = Promise.withResolvers<void>();
  readonly #stop = new AbortController();
  #background: Promise<unknown> = Promise.resolve();

  constructor(options: KubeletOptions) {
    const { config, client, cache, runtime, log } = options;
    const part = (component: string) => log.child({ component: `kubelet/${component}` });
    const podsDir = join(config.dataDir, 'pods');
    this.#options = options;
    this.#recorder = new EventRecorder({ client, component: 'kubelet', host: config.nodeName, log: part('events') });
    const events = new PodEvents(this.#recorder);
    const objects = new ClusterObjects({ client, cache });
    this.mirror = new RuntimeMirror({
      runtime,
      endMessage: (container) => terminationMessage(container, { podsDir, runtime }),
      log: part('runtime'),
    });
    this.#network = new NodeNetworkSync({
      cache,
      network: options.network,
      config,
      log: part('network'),
      onChange: () => this.node.wake(),
    });
    this.node = new NodeManager({
      client,
      cache,
      runtime,
      config,
      recorder: this.#recorder,
      problems: (wasReady) => this.#problems(wasReady),
      log: part('node'),
    });
    const node: NodeFacts = {
      nodeIps: () => config.nodeIps,
      memoryBytes: () => this.node.memoryBytes,
      allocatable: () => this.node.allocatable(),
    };
    this.#tokens = new ServiceAccountTokens({ client, onDue: (podUid) => this.#source.refresh(podUid) });
    const drivers = allVolumeDrivers({
      objects,
      tokens: this.#tokens,
      facts: () => ({
        nodeName: config.nodeName,
        nodeIps: config.nodeIps,
        podIps: [],
        allocatable: node.allocatable(),
      }),
    });
    this.#volumes = new VolumeManager({
      podsDir,
      memoryDir: join(config.dataDir, 'memory'),
      drivers,
      log: part('volumes'),
    });
    const subPaths = new SubPaths({ podsDir });
    const tokenRelease: PodHook = { name: 'tokens', release: async (podUid) => this.#tokens.forget(podUid) };
    // Parts of volumes go before the volumes.
    const hooks: PodHook[] = [subPaths, this.#volumes, tokenRelease];
    this.#probes = new ProbeManager({ runtime, events, onChange: (podUid) => this.#onHealth(podUid) });
    const images = new ImageManager({
      runtime,
      events,
      preloaded: this.#preloaded.promise,
      pullSecrets: async ({ metadata: { namespace = '' }, spec }) => {
        const names = (spec.imagePullSecrets ?? []).flatMap(({ name }) => (name === undefined ? [] : [name]));
        return [...(await objects.named(secrets, { namespace, names })).values()];
      },
      maxParallelPulls: config.maxParallelPulls,
      toleratesUnreachableRegistry: config.toleratesUnreachableRegistry,
    });
    this.status = new StatusManager({
      client,
      table: this.table,
      view: (record) => viewPod(record, this.#engine(record.uid), Date.now()),
      nodeIps: node.nodeIps,
      log: part('status'),
    });
    const starter = new ContainerStarter({ runtime, images, objects, hooks, subPaths, config, podsDir, node });
    const deps: PodExecutorDeps = {
      client,
      runtime,
      mirror: this.mirror,
      network: options.network,
      table: this.table,
      starter,
      probes: this.#probes,
      hooks,
      events,
      logLinks: new LogLinks(config.logDir),
      config,
      dns: () => this.#dns(),
      node,
      podsDir,
      networkReady: (signal) => this.#network.ready(signal),
      reportStatus: (podUid, signal) => this.status.flush(podUid, signal),
      onForgotten: (podUid) => {
        this.#source.forget(podUid);
        this.status.forget(podUid);
      },
      log: part('pods'),
    };
    this.#workers = new PodWorkers({
      table: this.table,
      mirror: this.mirror,
      status: this.status,
      probes: this.#probes,
      events,
      executors: (record) => podExecutors(record, deps),
      adoptNetwork: async (record, pid) => {
        await this.#network.ready(this.#stop.signal);
        await attachNetwork(record, deps, sandboxNamespace(config.sandboxMode, pid));
      },
      log: part('pods'),
    });
    this.#source = new PodSource({
      cache,
      nodeName: config.nodeName,
      table: this.table,
      mirror: this.mirror,
      workers: this.#workers,
      volumes: this.#volumes,
      network: options.network,
      hooks,
      want: options.want,
      log: part('pods'),
    });
  }

  /** Pods follow once the API's state and the engine's containers are known; neither is waited for. */
  async start(): Promise<void> {
    const { config, runtime, cache, log } = this.#options;
    const { signal } = this.#stop;
    await mkdir(config.dataDir, { recursive: true });
    await this.#volumes.start();
    const loading = loadImageTars(join(config.dataDir, 'images'), { runtime, log }, signal);
    this.mirror.start();
    this.#network.start();
    await this.node.start();
    const following = cache
      .synced([pods, nodes, services, configMaps, secrets], signal)
      .then(() => this.#source.start())
      .catch((err: unknown) => {
        if (!signal.aborted) log.error({ err }, 'cannot follow pods');
      });
    this.#background = Promise.all([loading.finally(() => this.#preloaded.resolve()), following]);
  }

  async stop(): Promise<void> {
    this.#stop.abort(new Error('Kubelet stopped'));
    await this.#source.stop();
    await this.#workers.stop();
    this.#probes.stop();
    this.#tokens.stop();
    await Promise.all([this.status.stop(), this.node.stop(), this.#network.stop(), this.mirror.stop()]);
    await this.#background;
    await this.#recorder.stop();
  }

  #engine(podUid: string) {
    return { sandboxes: this.mirror.sandboxes(podUid), containers: this.mirror.containers(podUid) };
  }

  #onHealth(podUid: string): void {
    this.status.touch(podUid);
    this.#workers.wake(podUid);
  }

  #problems(wasReady: boolean): string[] {
    const { problem, isSettling } = this.#network;
    // A node that starts again is as ready as it was until it is known not to be: its pods serve all the while.
    return problem === undefined || (isSettling && wasReady) ? [] : [problem];
  }

  async #dns(): Promise<DnsSettings> {
    const { clusterDns, clusterDomain, resolvConf } = this.#options.config;
    return { clusterDns, clusterDomain, node: await readNodeResolver(resolvConf) };
  }
}
