import type { Pod } from '#api/core/v1.ts';
import { allFilters } from './filters/all.ts';
import { demandOf, type NodeState } from './node-state.ts';
import type { Refusal, SchedulingContext } from './plugin.ts';
import { allScores } from './scores/all.ts';

export type Decision =
  | { readonly nodeName: string }
  /** How many nodes refused for each reason. */
  | { readonly nodeName: undefined; readonly message: string };

/** Picks the best node for a pod, or says why there is none. Pure apart from the tie-break, which `pick` decides. */
export function decide(pod: Pod, nodes: readonly NodeState[], pick: (count: number) => number): Decision {
  const context: SchedulingContext = { nodes, demand: demandOf(pod) };
  const reasons = new Map<string, number>();
  let crowded = 0;
  const fitting = nodes.filter((state) => {
    const refusal = refusalOf(pod, state, context);
    for (const reason of refusal?.reasons ?? []) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
    if (refusal?.isCrowded === true) crowded++;
    return refusal === undefined;
  });
  if (fitting.length > 0) return { nodeName: best(pod, fitting, context, pick).node.metadata.name };
  return { nodeName: undefined, message: refusalMessage(pod, { nodes: nodes.length, reasons, crowded }) };
}

/** The first filter's word ends the examination of a node. */
function refusalOf(pod: Pod, state: NodeState, context: SchedulingContext): Refusal | undefined {
  for (const { check } of allFilters) {
    const refusal = check(pod, state, context);
    if (refusal !== undefined) return refusal;
  }
  return undefined;
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

interface Refusals {
  readonly nodes: number;
  /** Nodes per reason. */
  readonly reasons: ReadonlyMap<string, number>;
  /** Nodes where pods of lower priority could make room; there are none that may be removed. */
  readonly crowded: number;
}

/** In upstream's words: counts per reason, sorted as text. */
function refusalMessage(pod: Pod, { nodes, reasons, crowded }: Refusals): string {
  if (nodes === 0) return 'no nodes available to schedule pods';
  const none = `0/${nodes} nodes are available: `;
  const counts = [...reasons].map(([reason, count]) => `${count} ${reason}`).sort();
  const preemption = [
    ...(crowded > 0 ? [`${crowded} No preemption victims found for incoming pod`] : []),
    ...(nodes > crowded ? [`${nodes - crowded} Preemption is not helpful for scheduling`] : []),
  ].sort();
  const never = pod.spec?.preemptionPolicy === 'Never';
  const outlook = never ? 'not eligible due to preemptionPolicy=Never.' : `${none}${preemption.join(', ')}.`;
  return `${none}${counts.join(', ')}. preemption: ${outlook}`;
}
