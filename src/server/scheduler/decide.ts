import type { Pod } from '#api/core/v1.ts';
import { allFilters } from './filters/all.ts';
import type { NodeState } from './node-state.ts';
import type { SchedulingContext } from './plugin.ts';
import { allScores } from './scores/all.ts';

export type Decision =
  | { readonly nodeName: string }
  /** How many nodes refused for each reason. */
  | { readonly nodeName: undefined; readonly message: string };

/** Picks the best node for a pod, or says why there is none. Pure apart from the tie-break, which `pick` decides. */
export function decide(pod: Pod, context: SchedulingContext, pick: (count: number) => number): Decision {
  const refusals = new Map<string, number>();
  const fitting = context.nodes.filter((state) => {
    const filter = allFilters.find(({ check }) => {
      const reasons = check(pod, state, context);
      for (const reason of reasons ?? []) refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
      return reasons !== undefined;
    });
    return filter === undefined;
  });
  if (fitting.length === 0) return { nodeName: undefined, message: refusalMessage(context.nodes.length, refusals) };
  return { nodeName: best(pod, fitting, context, pick).node.metadata.name };
}

function best(
  pod: Pod,
  fitting: readonly NodeState[],
  context: SchedulingContext,
  pick: (count: number) => number,
): NodeState {
  const totals = fitting.map(() => 0);
  if (fitting.length > 1) {
    for (const score of allScores) {
      score.rate(pod, fitting, context).forEach((rating, i) => {
        totals[i] = (totals[i] ?? 0) + rating * score.weight;
      });
    }
  }
  const top = Math.max(...totals);
  const ties = fitting.filter((_, i) => top - (totals[i] ?? 0) < 1e-9);
  const chosen = ties[pick(ties.length)] ?? fitting[0];
  if (chosen === undefined) throw new Error('Cannot choose among no nodes');
  return chosen;
}

/** In upstream's words: counts per reason, sorted as text. */
function refusalMessage(nodes: number, refusals: ReadonlyMap<string, number>): string {
  if (nodes === 0) return 'no nodes available to schedule pods';
  const reasons = [...refusals].map(([reason, count]) => `${count} ${reason}`).sort();
  const none = `0/${nodes} nodes are available: `;
  return `${none}${reasons.join(', ')}. preemption: ${none}${nodes} Preemption is not helpful for scheduling.`;
}
