import { type PodRequests, podHostPorts, podRequests } from '#api/core/pod-resources.ts';
import type { Node, Pod } from '#api/core/v1.ts';
import { milliValue, parseQuantity } from '#api/meta/quantity.ts';

/** Amounts by resource name, in thousandths, so that cpu and counts need one kind of number only. */
export type Amounts = Readonly<Record<string, number>>;

/** One node with what its pods take. Changed in place by `NodeStates` alone. */
export class NodeState {
  node: Node;
  readonly pods = new Map<string, Pod>();
  readonly requested: Record<string, number> = {};
  /** `protocol/port/address` of host ports in use. */
  readonly ports = new Map<string, number>();
  #allocatable: Amounts | undefined;

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

  replaceNode(node: Node): void {
    this.node = node;
    this.#allocatable = undefined;
  }

  add(pod: Pod): void {
    const uid = pod.metadata.uid ?? '';
    const before = this.pods.get(uid);
    if (before !== undefined) this.#count(before, -1);
    this.pods.set(uid, pod);
    this.#count(pod, 1);
  }

  remove(uid: string): void {
    const pod = this.pods.get(uid);
    if (pod === undefined) return;
    this.pods.delete(uid);
    this.#count(pod, -1);
  }

  #count(pod: Pod, sign: 1 | -1): void {
    for (const [name, amount] of Object.entries(requestsOf(pod)))
      this.requested[name] = (this.requested[name] ?? 0) + sign * amount;
    for (const { protocol, hostPort, hostIP } of podHostPorts(pod)) {
      const key = `${protocol}/${hostPort}/${hostIP}`;
      const uses = (this.ports.get(key) ?? 0) + sign;
      if (uses > 0) this.ports.set(key, uses);
      else this.ports.delete(key);
    }
  }
}

/** What a pod takes of a node, in thousandths; every pod takes one of `pods`. */
export function requestsOf(pod: Pod): PodRequests {
  return { ...podRequests(pod), pods: 1000 };
}
