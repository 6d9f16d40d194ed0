import type { Pod } from '#api/core/v1.ts';
import type { Cache } from '#client/cache.ts';
import type { NodeState } from './node-state.ts';

/** What filters and scores may look at besides the pod and the node. */
export interface SchedulingContext {
  readonly cache: Cache;
  /** Every node there is. */
  readonly nodes: readonly NodeState[];
}

/** Says whether a node can hold a pod. Called for every node and pod: must be cheap, must not wait. */
export interface Filter {
  readonly name: string;
  /** Undefined when nothing speaks against it; else the reasons, in the words that users read in events. */
  check(pod: Pod, state: NodeState, context: SchedulingContext): readonly string[] | undefined;
}

/** Ranks nodes that can hold a pod. */
export interface Score {
  readonly name: string;
  readonly weight: number;
  /** 0 to 100 for each node, higher is better. */
  rate(pod: Pod, states: readonly NodeState[], context: SchedulingContext): readonly number[];
}
