import { addQuantities, compareQuantities, milliValue, parseQuantity, type Quantity } from '../meta/quantity.ts';
import type { Container, Pod, ResourceRequirements } from './v1.ts';

/** Thousandths by resource name. */
export type PodRequests = Readonly<Record<string, number>>;

type Totals = Map<string, Quantity>;

/**
 * What a pod asks for as a whole: its app containers and sidecars together, or the hungriest init container with the
 * sidecars before it, whichever is more, and the overhead on top (upstream's PodRequests in component-helpers).
 */
export function podRequests(pod: Pod): PodRequests {
  return podTotals(pod, 'requests');
}

/** The same for limits; a resource that some container does not limit is left out by the caller's own rules. */
export function podLimits(pod: Pod): PodRequests {
  return podTotals(pod, 'limits');
}

function podTotals(pod: Pod, side: 'requests' | 'limits'): PodRequests {
  const { containers = [], initContainers = [], overhead, resources } = pod.spec ?? {};
  const running: Totals = new Map();
  for (const container of containers) add(running, amounts(container, side));
  const sidecars: Totals = new Map();
  const starting: Totals = new Map();
  for (const container of initContainers) {
    if (container.restartPolicy === 'Always') {
      add(sidecars, amounts(container, side));
      add(running, amounts(container, side));
      raise(starting, sidecars);
    } else {
      const together: Totals = new Map(sidecars);
      add(together, amounts(container, side));
      raise(starting, together);
    }
  }
  raise(running, starting);
  // Resources of the pod as a whole win where they are given.
  for (const [name, quantity] of entries(resources?.[side])) running.set(name, quantity);
  add(running, entries(overhead));
  return Object.fromEntries([...running].map(([name, quantity]) => [name, milliValue(quantity)]));
}

function amounts(container: Container, side: 'requests' | 'limits'): [string, Quantity][] {
  return entries(container.resources?.[side]);
}

function entries(list: ResourceRequirements['requests']): [string, Quantity][] {
  return Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]);
}

function add(totals: Totals, amounts: Iterable<[string, Quantity]>): void {
  for (const [name, quantity] of amounts) {
    const before = totals.get(name);
    totals.set(name, before === undefined ? quantity : addQuantities(before, quantity));
  }
}

function raise(totals: Totals, others: Totals): void {
  for (const [name, quantity] of others) {
    const before = totals.get(name);
    if (before === undefined || compareQuantities(before, quantity) < 0) totals.set(name, quantity);
  }
}

export interface UsedHostPort {
  readonly protocol: string;
  readonly hostPort: number;
  /** `0.0.0.0` when the port is taken on every address. */
  readonly hostIP: string;
}

/** The host ports that a pod takes on its node. */
export function podHostPorts(pod: Pod): UsedHostPort[] {
  const { containers = [], initContainers = [] } = pod.spec ?? {};
  const lasting = [...containers, ...initContainers.filter(({ restartPolicy }) => restartPolicy === 'Always')];
  return lasting.flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort, hostIP, protocol = 'TCP' }) =>
      hostPort === undefined || hostPort === 0 ? [] : [{ protocol, hostPort, hostIP: hostIP ? hostIP : '0.0.0.0' }],
    ),
  );
}

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

/** The pod's quality-of-service class by its containers' cpu and memory. */
export function qosClass(pod: Pod): QosClass {
  const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const given = (list: ResourceRequirements['requests']) =>
    entries(list).filter(([name, quantity]) => (name === 'cpu' || name === 'memory') && quantity.nano > 0n);
  if (containers.every(({ resources }) => given(resources?.requests).length + given(resources?.limits).length === 0)) {
    return 'BestEffort';
  }
  const guaranteed = containers.every(({ resources }) => {
    const limits = new Map(given(resources?.limits));
    const requests = given(resources?.requests);
    const equal = requests.every(([name, quantity]) => limits.get(name)?.nano === quantity.nano);
    return limits.has('cpu') && limits.has('memory') && equal;
  });
  return guaranteed ? 'Guaranteed' : 'Burstable';
}
