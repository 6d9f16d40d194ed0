import { preferredNodeAffinityWeight, toleratesTaint } from '#api/core/scheduling.ts';
import type { Demand, NodeState } from '../node-state.ts';
import type { Score } from '../plugin.ts';

function usedShare(demand: Demand, { allocatable, assumed }: NodeState, name: string): number {
  const total = allocatable[name] ?? 0;
  if (total === 0) return 1;
  return Math.min(1, ((assumed[name] ?? 0) + (demand.assumed[name] ?? 0)) / total);
}

/** Prefers nodes with most left of cpu and memory. */
export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  rate: (_pod, states, { demand }) =>
    states.map((state) => 100 * (1 - (usedShare(demand, state, 'cpu') + usedShare(demand, state, 'memory')) / 2)),
};

/** Prefers nodes where cpu and memory would be used alike. */
export const balancedAllocation: Score = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  rate: (_pod, states, { demand }) =>
    states.map(
      (state) => 100 * (1 - Math.abs(usedShare(demand, state, 'cpu') - usedShare(demand, state, 'memory')) / 2),
    ),
};

/** Avoids nodes with PreferNoSchedule taints that the pod does not tolerate. */
export const taintAvoidance: Score = {
  name: 'TaintToleration',
  weight: 3,
  rate: (pod, states) =>
    inverted(
      states.map(({ node }) => {
        const tolerations = pod.spec?.tolerations ?? [];
        const soft = (node.spec?.taints ?? []).filter(({ effect }) => effect === 'PreferNoSchedule');
        return soft.filter((taint) => !tolerations.some((toleration) => toleratesTaint(toleration, taint))).length;
      }),
    ),
};

/** Follows the pod's preferred node affinity. */
export const preferredAffinity: Score = {
  name: 'NodeAffinity',
  weight: 2,
  rate(pod, states) {
    const weights = states.map(({ node }) => preferredNodeAffinityWeight(pod, node));
    const most = Math.max(...weights);
    return weights.map((weight) => (most === 0 ? 0 : (100 * weight) / most));
  },
};

/** Spreads the pods of one controller over the nodes. */
export const spreading: Score = {
  name: 'PodTopologySpread',
  weight: 2,
  rate(_pod, states, { demand: { owner } }) {
    return owner === undefined ? states.map(() => 0) : inverted(states.map((state) => state.ownedBy(owner)));
  },
};

/** Prefers nodes that have the pod's images already. */
export const imageLocality: Score = {
  name: 'ImageLocality',
  weight: 1,
  rate(pod, states) {
    const wanted = (pod.spec?.containers ?? []).map(({ image = '' }) => image);
    if (wanted.length === 0) return states.map(() => 0);
    return states.map(({ images }) => (100 * wanted.filter((image) => images.has(image)).length) / wanted.length);
  },
};

/** Few is good: 0 gives 100, the most gives 0. */
function inverted(counts: readonly number[]): number[] {
  const most = Math.max(...counts);
  return counts.map((count) => (most === 0 ? 100 : (100 * (most - count)) / most));
}
