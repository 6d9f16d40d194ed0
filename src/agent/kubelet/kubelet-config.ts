/** What an operator may choose about the node agent. Frozen; the agent's configuration file maps onto it. */
export interface KubeletConfig {
  readonly nodeName: string;
  /** Addresses others reach the node by, the first preferred. */
  readonly nodeIps: readonly string[];
  readonly nodeLabels: Readonly<Record<string, string>>;
  readonly nodeTaints: readonly NodeTaint[];
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  /** Port of the kubelet's HTTPS API, as other nodes reach it. */
  readonly kubeletPort: number;
  readonly kubernetesVersion: string;
  readonly maxPods: number;
  /** Kept for the system: subtracted from capacity. Quantities by resource. */
  readonly reserved: Readonly<Record<string, string>>;
  readonly sandboxMode: 'path' | 'pod';
  /** With `Always`, an image that is here runs although its registry cannot be reached. */
  readonly toleratesUnreachableRegistry: boolean;
  readonly maxParallelPulls: number;
  /** An engine that restarts is away for less: its containers run on meanwhile, and so the node stays ready. */
  readonly runtimeAwayMs: number;
  /** Each container's log: size of one file and how many are kept. */
  readonly logMaxSizeBytes: number;
  readonly logMaxFiles: number;
  /** State of the agent: pods, volumes, images to load. */
  readonly dataDir: string;
  /** Where log collectors look; holds `pods/` and `containers/`. */
  readonly logDir: string;
  readonly resolvConf: string;
  /** Holds seccomp profiles that pods name as `Localhost`. */
  readonly seccompDir: string;
}

export interface NodeTaint {
  readonly key: string;
  readonly value?: string | undefined;
  readonly effect: string;
}

type Required = 'nodeName' | 'nodeIps' | 'dataDir';

/** Fills in what an operator did not choose. */
export function kubeletConfig(chosen: Pick<KubeletConfig, Required> & Partial<KubeletConfig>): KubeletConfig {
  return Object.freeze({
    nodeLabels: {},
    nodeTaints: [],
    clusterDns: ['10.43.0.10'],
    clusterDomain: 'cluster.local',
    clusterCidr: '10.42.0.0/16',
    serviceCidr: '10.43.0.0/16',
    kubeletPort: 10250,
    kubernetesVersion: 'v1.36.0',
    maxPods: 110,
    reserved: {},
    sandboxMode: 'path',
    toleratesUnreachableRegistry: true,
    maxParallelPulls: 4,
    runtimeAwayMs: 30_000,
    logMaxSizeBytes: 10 * 1024 * 1024,
    logMaxFiles: 5,
    logDir: '/var/log',
    resolvConf: '/etc/resolv.conf',
    seccompDir: '/var/lib/skiff/agent/seccomp',
    ...chosen,
  } as const);
}
