import { podHostPorts, podRequests, type UsedHostPort } from '#api/core/pod-resources.ts';
import type { Node, Pod } from '#api/core/v1.ts';
import { milliValue, parseQuantity } from '#api/meta/quantity.ts';

/** Amounts by resource name, in thousandths, so that cpu and counts need one kind of number only. */
export type Amounts = Readonly<Record<string, number>>;

/** What a pod that asks for nothing is taken to use, so that such pods spread too (upstream's non-zero requests). */
const ASSUMED: Amounts = { cpu: 100, memory: 200 * 1024 * 1024 * 1000 };

/** What one pod takes of a node. */
export interface Demand {
  /** In thousandths; every pod takes one of `pods`. */
  readonly requests: Amounts;
  /** Cpu and memory that the pod is taken to use. */
  readonly assumed: Amounts;
  readonly hostPorts: readonly UsedHostPort[];
  /** UID of the controller that made the pod. */
  readonly owner: string | undefined;
}

export function demandOf(pod: Pod): Demand {
  const requests: Amounts = { ...podRequests(pod), pods: 1000 };
  return {
    requests,
    assumed: Object.fromEntries(Object.entries(ASSUMED).map(([name, amount]) => [name, requests[name] || amount])),
    hostPorts: podHostPorts(pod),
    owner: pod.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid,
  };
}

/** One node with what its pods take. Quantities are read once and then only added up. */
export class NodeState {
  node: Node;
  readonly requested: Record<string, number> = {};
  /** Like `requested`, with an assumption for pods that say nothing; cpu and memory only. */
  readonly assumed: Record<string, number> = {};
  /** `protocol/port/address` of host ports in use. */
  readonly ports = new Map<string, number>();
  readonly #demands = new Map<string, Demand>();
  readonly #owners = new Map<string, number>();
  #allocatable: Amounts | undefined;
  #images: ReadonlySet<string> | undefined;

  constructor(node: Node) {
    this.node = node;
  }

  get allocatable(): Amounts {
    this.#allocatable ??= Object.fromEntries(
      Object.entries(this.node.status?.allocatable ?? {}).map(([name, value]) => [
        name,
        milliValue(parseQuantity(value)),
      ]),
    );
    return this.#allocatable;
  }

  /** Every name of every image that is there. */
  get images(): ReadonlySet<string> {
    this.#images ??= new Set((this.node.status?.images ?? []).flatMap(({ names }) => names ?? []));
    return this.#images;
  }

  replaceNode(node: Node): void {
    this.node = node;
    this.#allocatable = undefined;
    this.#images = undefined;
  }

  /** How many pods of one controller are there, by its UID. */
  ownedBy(uid: string): number {
    return this.#owners.get(uid) ?? 0;
  }

  add(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    this.remove(uid);
    const demand = demandOf(pod);
    this.#demands.set(uid, demand);
    this.#count(demand, 1);
  }

  remove(uid: string): void {
    const demand = this.#demands.get(uid);
    if (demand === undefined) return;
    this.#demands.delete(uid);
    this.#count(demand, -1);
  }

  #count({ requests, assumed, hostPorts, owner }: Demand, sign: 1 | -1): void {
    addUp(this.requested, requests, sign);
    addUp(this.assumed, assumed, sign);
    for (const { protocol, hostPort, hostIP } of hostPorts) use(this.ports, `${protocol}/${hostPort}/${hostIP}`, sign);
    if (owner !== undefined) use(this.#owners, owner, sign);
  }
}

function addUp(totals: Record<string, number>, amounts: Amounts, sign: 1 | -1): void {
  for (const [name, amount] of Object.entries(amounts)) totals[name] = (totals[name] ?? 0) + sign * amount;
}

function use(uses: Map<string, number>, key: string, sign: 1 | -1): void {
  const count = (uses.get(key) ?? 0) + sign;
  if (count > 0) uses.set(key, count);
  else uses.delete(key);
}
