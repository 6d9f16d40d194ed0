import { preferredNodeAffinityWeight, toleratesTaint } from '#api/core/scheduling.ts';
import type { Pod } from '#api/core/v1.ts';
import { pods } from '#api/core/v1.ts';
import { type NodeState, requestsOf } from '../node-state.ts';
import type { Score } from '../plugin.ts';

/** What a pod that asks for nothing is taken to use, so that such pods spread too (upstream's non-zero requests). */
const ASSUMED: Readonly<Record<string, number>> = { cpu: 100, memory: 200 * 1024 * 1024 * 1000 };

function usedShare(pod: Pod, { allocatable, requested, pods: present }: NodeState, name: string): number {
  const total = allocatable[name] ?? 0;
  if (total === 0) return 1;
  const silent = [...present.values(), pod].filter((other) => !(requestsOf(other)[name] ?? 0)).length;
  const asked = (requested[name] ?? 0) + (requestsOf(pod)[name] ?? 0) + silent * (ASSUMED[name] ?? 0);
  return Math.min(1, asked / total);
}

/** Prefers nodes with most left of cpu and memory. */
export const leastAllocated: Score = {
  name: 'NodeResourcesFit',
  weight: 1,
  rate: (pod, states) =>
    states.map((state) => 100 * (1 - (usedShare(pod, state, 'cpu') + usedShare(pod, state, 'memory')) / 2)),
};

/** Prefers nodes where cpu and memory would be used alike. */
export const balancedAllocation: Score = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  rate: (pod, states) =>
    states.map((state) => 100 * (1 - Math.abs(usedShare(pod, state, 'cpu') - usedShare(pod, state, 'memory')) / 2)),
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
  rate(pod, states, { cache }) {
    const owner = pod.metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (owner === undefined) return states.map(() => 0);
    const siblings = new Map<string, number>();
    // Only the UID of an owner matters for the index.
    for (const { spec } of cache.ownedBy(pods, { metadata: { name: owner.name, uid: owner.uid } })) {
      if (spec?.nodeName) siblings.set(spec.nodeName, (siblings.get(spec.nodeName) ?? 0) + 1);
    }
    for (const state of states) {
      // Pods that were just placed are not in the cache with their node yet.
      const placed = [...state.pods.values()].filter(({ metadata }) =>
        metadata.ownerReferences?.some(({ uid }) => uid === owner.uid),
      ).length;
      siblings.set(state.node.metadata.name, Math.max(placed, siblings.get(state.node.metadata.name) ?? 0));
    }
    return inverted(states.map(({ node }) => siblings.get(node.metadata.name) ?? 0));
  },
};

/** Prefers nodes that have the pod's images already. */
export const imageLocality: Score = {
  name: 'ImageLocality',
  weight: 1,
  rate(pod, states) {
    const wanted = (pod.spec?.containers ?? []).map(({ image = '' }) => image);
    return states.map(({ node }) => {
      const present = new Set((node.status?.images ?? []).flatMap(({ names }) => names ?? []));
      return wanted.length === 0 ? 0 : (100 * wanted.filter((image) => present.has(image)).length) / wanted.length;
    });
  },
};

/** Few is good: 0 gives 100, the most gives 0. */
function inverted(counts: readonly number[]): number[] {
  const most = Math.max(...counts);
  return counts.map((count) => (most === 0 ? 100 : (100 * (most - count)) / most));
}
