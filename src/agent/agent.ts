import { join } from 'node:path';
import { configMaps, namespaces, nodes, pods, secrets, services } from '#api/core/v1.ts';
import { endpointSlices } from '#api/discovery/v1.ts';
import type { ObjectKey, ResourceRef } from '#api/meta/resource-ref.ts';
import type { Component } from '#base/component.ts';
import type { Logger } from '#base/logger.ts';
import type { Cache } from '#client/cache.ts';
import type { Client } from '#client/client.ts';
import type { InformerSpec } from '#client/informer-cache.ts';
import { DnsServer } from '#dns/dns-server.ts';
import { ServiceProxy } from '#proxy/service-proxy.ts';
import type { ClusterSettings } from './cluster-settings.ts';
import type { NodeConfig } from './config.ts';
import { Kubelet } from './kubelet/kubelet.ts';
import { kubeletConfig } from './kubelet/kubelet-config.ts';
import { kubeletServer, type NodeTls } from './kubelet-server.ts';
import { BridgeNetwork } from './network/bridge-network.ts';
import { BRIDGE } from './network/links.ts';
import { patientStart } from './patient-start.ts';
import { DockerRuntime } from './runtime/docker/docker-runtime.ts';

export interface AgentOptions {
  readonly config: NodeConfig;
  readonly nodeIp: string;
  readonly settings: ClusterSettings;
  readonly kubernetesVersion: string;
  /** Speaks as the node. */
  readonly client: Client;
  readonly cache: Cache;
  /** Where the cache holds ConfigMaps and Secrets only by name: told of those in use. */
  readonly want?: (ref: ResourceRef, keys: readonly ObjectKey[]) => void;
  readonly tls: NodeTls;
  /** Program and arguments of the process that dials within pods; it calls `serveDials`. */
  readonly dialHelper: readonly string[];
  readonly assets: AgentAssets;
  readonly log: Logger;
}

export interface AgentAssets {
  readonly pauseImage: () => Buffer | Promise<Buffer>;
  /** Program of the DNS thread, where it is no file. */
  readonly dnsWorker: string | undefined;
}

/** What a node that is not the server holds of the cluster's state. */
export function agentInformers(nodeName: string): InformerSpec[] {
  return [
    { ref: pods, fieldSelector: `spec.nodeName=${nodeName}` },
    { ref: nodes },
    { ref: services },
    { ref: endpointSlices },
    { ref: namespaces },
    { ref: configMaps, byName: true },
    { ref: secrets, byName: true },
  ];
}

/** How long a start waits for an engine that comes up at the same time. */
const ENGINE_WAIT_MS = 1000;

/** Builds a node's components in start order. Nothing runs until a Lifecycle starts it. */
export function agentComponents(options: AgentOptions): Component[] {
  const { config, settings, cache, client, log } = options;
  const part = (component: string) => log.child({ component });
  const stateDir = join(config.dataDir, 'agent');
  const network = new BridgeNetwork({
    stateDir: join(stateDir, 'state'),
    namespaceDir: join(config.runDir, 'netns'),
    log: part('network'),
  });
  const runtime = new DockerRuntime({
    socket: config.dockerSocket,
    owner: config.nodeName,
    pauseImage: options.assets.pauseImage,
    connectTimeoutMs: ENGINE_WAIT_MS,
    log: part('docker'),
  });
  const kubeletOptions = kubeletConfig({
    nodeName: config.nodeName,
    nodeIps: [options.nodeIp],
    nodeLabels: config.labels,
    nodeTaints: config.taints.map(({ key, value, effect }) => ({
      key,
      effect,
      ...(value !== undefined && { value }),
    })),
    clusterDns: settings.disabled.includes('dns') ? [] : [settings.clusterDns],
    clusterDomain: settings.clusterDomain,
    clusterCidr: settings.clusterCidr,
    serviceCidr: settings.serviceCidr,
    kubeletPort: config.kubeletPort,
    kubernetesVersion: options.kubernetesVersion,
    dataDir: stateDir,
    logDir: config.logDir,
    resolvConf: config.resolvConf,
  });
  const kubelet = new Kubelet({
    config: kubeletOptions,
    client,
    cache,
    runtime,
    network,
    ...(options.want && { want: options.want }),
    log,
  });
  const { tls, dialHelper } = options;
  const server = kubeletServer({
    kubelet,
    config: kubeletOptions,
    client,
    runtime,
    tls,
    dialHelper,
    log: part('kubelet/api'),
  });
  // A node without its engine says so in its status, and serves as soon as the engine does.
  const engine = patientStart(runtime, { log: part('docker'), onLate: () => kubelet.node.wake() });
  runtime.onEvent(({ type }) => {
    if (type === 'resync') kubelet.node.wake();
  });
  return [network, engine, ...networking(options), kubelet, server];
}

/** Service rules and names; each can be left out. */
function networking({ config, settings, cache, assets, log }: AgentOptions): Component[] {
  const components: Component[] = [];
  const { clusterCidr, serviceCidr, clusterDns, clusterDomain, disabled } = settings;
  if (!disabled.includes('dns')) {
    components.push(
      new DnsServer({
        cache,
        log: log.child({ component: 'dns' }),
        zone: clusterDomain,
        dnsIp: clusterDns,
        clusterCidr,
        serviceCidr,
        resolvConfFiles: [config.resolvConf, '/run/systemd/resolve/resolv.conf'],
        workerSource: assets.dnsWorker,
      }),
    );
  }
  if (!disabled.includes('proxy')) {
    const proxy = new ServiceProxy({ cache, log: log.child({ component: 'proxy' }) });
    const ownServiceIps = disabled.includes('dns') ? [] : [clusterDns];
    proxy.configure({ nodeName: config.nodeName, clusterCidr, serviceCidr, bridge: BRIDGE, ownServiceIps });
    components.push(proxy);
  }
  return components;
}
