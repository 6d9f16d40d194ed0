import type { ImageSummary, RuntimeInfo } from '#agent/runtime/container-runtime.ts';
import type { ContainerImage, NodeCondition, NodeStatus } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { formatQuantity, parseQuantity, subtractQuantities } from '#api/meta/quantity.ts';
import { formatTime, parseTime } from '#api/meta/time.ts';
import type { KubeletConfig } from '../kubelet-config.ts';
import type { Machine, MachineUsage } from './machine.ts';

export interface NodeObservation {
  readonly machine: Machine;
  readonly usage: MachineUsage;
  /** Undefined until the engine has answered once. */
  readonly runtime: RuntimeInfo | undefined;
  readonly images: readonly ImageSummary[];
  /** What keeps the node from running pods, each a phrase. */
  readonly problems: readonly string[];
}

const MAX_IMAGES = 50;
const MAX_NAMES = 5;
/** The whole status is sent at least this often. */
export const REPORT_EVERY_MS = 300_000;
const MEMORY_FLOOR_BYTES = 100 * 1024 * 1024;
const DISK_FLOOR = 0.05;

/** The node's status, with conditions of others kept. Pure. */
export function nodeStatus(
  old: NodeStatus,
  { observation, config }: { observation: NodeObservation; config: KubeletConfig },
  now: number,
): NodeStatus {
  const { machine, usage, runtime, images } = observation;
  const capacity = capacityOf(machine, usage, config);
  return {
    ...old,
    capacity,
    allocatable: allocatableOf(capacity, config.reserved),
    addresses: [
      ...config.nodeIps.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: config.nodeName },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: config.kubeletPort } },
    nodeInfo: {
      machineID: machine.machineId,
      systemUUID: machine.systemUuid,
      bootID: machine.bootId,
      kernelVersion: machine.kernel,
      osImage: machine.osImage,
      containerRuntimeVersion: runtime?.version ?? old.nodeInfo?.containerRuntimeVersion ?? 'docker://unknown',
      kubeletVersion: config.kubernetesVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture: machine.architecture,
      ...(machine.swapBytes > 0 ? { swap: { capacity: machine.swapBytes } } : {}),
    },
    images: imageList(images),
    conditions: mergeConditions(old.conditions ?? [], conditionsOf(observation), now),
  };
}

export function capacityOf(
  machine: Machine,
  { diskBytes }: MachineUsage,
  { maxPods }: Pick<KubeletConfig, 'maxPods'>,
): Record<string, string> {
  const hugePages = Object.entries(machine.hugePages).map(([size, bytes]) => [`hugepages-${size}`, kib(bytes)]);
  return {
    cpu: String(machine.cpus),
    'ephemeral-storage': kib(diskBytes),
    ...Object.fromEntries(hugePages),
    memory: kib(machine.memoryBytes),
    pods: String(maxPods),
  };
}

const kib = (bytes: number) => (bytes === 0 ? '0' : `${Math.floor(bytes / 1024)}Ki`);

/** What is left for pods once the system has its part. */
export function allocatableOf(
  capacity: Readonly<Record<string, string>>,
  reserved: Readonly<Record<string, string>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(capacity).map(([name, amount]) => {
      const kept = reserved[name];
      if (kept === undefined) return [name, amount];
      const left = subtractQuantities(parseQuantity(amount), parseQuantity(kept));
      return [name, left.nano < 0n ? '0' : formatQuantity(left)];
    }),
  );
}

/** The largest images, each with a few of its names, digests first. */
export function imageList(images: readonly ImageSummary[]): ContainerImage[] {
  return images
    .filter(({ tags, digests }) => tags.length + digests.length > 0)
    .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
    .slice(0, MAX_IMAGES)
    .map(({ tags, digests, sizeBytes }) => ({ names: [...digests, ...tags].slice(0, MAX_NAMES), sizeBytes }));
}

type Verdict = Pick<NodeCondition, 'type' | 'status' | 'reason' | 'message'>;

function conditionsOf({ usage, problems }: NodeObservation): Verdict[] {
  const hasMemory = usage.memoryAvailableBytes >= MEMORY_FLOOR_BYTES;
  const hasDisk = usage.diskAvailableBytes >= usage.diskBytes * DISK_FLOOR;
  return [
    hasMemory
      ? good('MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available')
      : bad('MemoryPressure', 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'),
    hasDisk
      ? good('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure')
      : bad('DiskPressure', 'KubeletHasDiskPressure', 'kubelet has disk pressure'),
    good('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    problems.length === 0
      ? { type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'kubelet is posting ready status' }
      : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: problems.join(', ') },
  ];
}

const good = (type: string, reason: string, message: string): Verdict => ({ type, status: 'False', reason, message });
const bad = (type: string, reason: string, message: string): Verdict => ({ type, status: 'True', reason, message });

function mergeConditions(old: readonly NodeCondition[], ours: readonly Verdict[], now: number): NodeCondition[] {
  const time = formatTime(new Date(now));
  const merged = ours.map((condition) => {
    const before = old.find(({ type }) => type === condition.type);
    const lastTransitionTime = before?.status === condition.status ? before.lastTransitionTime : time;
    return { ...condition, lastHeartbeatTime: time, lastTransitionTime };
  });
  return [...old.filter(({ type }) => !ours.some((condition) => condition.type === type)), ...merged];
}

/** Whether the API must hear of it: something changed other than the heartbeat, or the last one is long ago. */
export function mustReport(old: NodeStatus, next: NodeStatus, now: number): boolean {
  const heartbeat = old.conditions?.find(({ type }) => type === 'Ready')?.lastHeartbeatTime;
  const heardMs = parseTime(heartbeat ?? '');
  if (heardMs === undefined || now - heardMs >= REPORT_EVERY_MS) return true;
  return !deepEqual(withoutHeartbeat(old), withoutHeartbeat(next));
}

function withoutHeartbeat(status: NodeStatus): NodeStatus {
  const conditions = (status.conditions ?? []).map(({ lastHeartbeatTime: _, ...condition }) => condition);
  return { ...status, conditions };
}
