import type { ContainerResources } from '#agent/runtime/container-runtime.ts';
import type { Container, Pod } from '#api/core/v1.ts';
import { milliValue, parseQuantity, wholeValue } from '#api/meta/quantity.ts';
import { qosClassOf } from './qos.ts';

const PERIOD_US = 100_000;
/** Priorities from here on belong to the system's own pods, which go last. */
const SYSTEM_CRITICAL = 2_000_000_000;

/** Requests become shares of the CPU, limits a quota and a hard bound of memory. */
export function containerResources(
  pod: Pod,
  container: Container,
  { memoryBytes }: { memoryBytes: number },
): ContainerResources {
  const { requests = {}, limits = {} } = container.resources ?? {};
  const cpuLimit = milliOf(limits['cpu']);
  const memoryLimit = wholeOf(limits['memory']);
  return {
    cpuShares: cpuShares(milliOf(requests['cpu']) || cpuLimit),
    ...(cpuLimit > 0
      ? { cpuPeriodUs: PERIOD_US, cpuQuotaUs: Math.max(1000, Math.floor((cpuLimit * PERIOD_US) / 1000)) }
      : {}),
    ...(memoryLimit > 0 ? { memoryBytes: memoryLimit } : {}),
    oomScoreAdj: oomScoreAdj(pod, wholeOf(requests['memory']) || memoryLimit, memoryBytes),
  };
}

const milliOf = (text: string | undefined) => (text === undefined ? 0 : milliValue(parseQuantity(text)));
const wholeOf = (text: string | undefined) => (text === undefined ? 0 : wholeValue(parseQuantity(text)));

/** Thousandths of a CPU as the kernel's weight: 1024 is one CPU, 2 the least there is. */
export function cpuShares(milliCpu: number): number {
  return Math.min(262_144, Math.max(2, Math.floor((milliCpu * 1024) / 1000)));
}

/** Who dies first when memory runs out: pods that asked for nothing, then those that asked for little. */
export function oomScoreAdj(pod: Pod, requestedBytes: number, capacityBytes: number): number {
  if ((pod.spec.priority ?? 0) >= SYSTEM_CRITICAL) return -997;
  const qos = qosClassOf(pod);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const score = 1000 - Math.floor((1000 * requestedBytes) / Math.max(1, capacityBytes));
  return Math.min(999, Math.max(3, score));
}
