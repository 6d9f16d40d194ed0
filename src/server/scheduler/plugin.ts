import type { Pod } from '#api/core/v1.ts';
import type { Demand, NodeState } from './node-state.ts';

/** What filters and scores may look at besides the pod and the node. */
export interface SchedulingContext {
  /** What the pod takes, worked out once for all nodes. */
  readonly demand: Demand;
  /** Every node there is. */
  readonly nodes: readonly NodeState[];
}

/** Why a node cannot hold a pod, in the words that users read in events. */
export interface Refusal {
  readonly reasons: readonly string[];
  /** Whether it would be otherwise if other pods left the node. */
  readonly isCrowded: boolean;
}

/** Says whether a node can hold a pod. Called for every node and pod: must be cheap, must not wait. */
export interface Filter {
  readonly name: string;
  /** Undefined when nothing speaks against it. */
  check(pod: Pod, state: NodeState, context: SchedulingContext): Refusal | undefined;
}

/** Ranks nodes that can hold a pod. */
export interface Score {
  readonly name: string;
  readonly weight: number;
  /** 0 to 100 for each node, higher is better. */
  rate(pod: Pod, states: readonly NodeState[], context: SchedulingContext): readonly number[];
}
