import { fill, fillZero } from '../schema/fill.ts';
import type { FlowSchema, PriorityLevelConfiguration } from './v1.ts';

/** Modifies. */
export function defaultFlowSchema({ spec }: FlowSchema): void {
  if (spec !== undefined) fillZero(spec, { matchingPrecedence: 1000 });
}

/** Modifies. */
export function defaultPriorityLevel({ spec }: PriorityLevelConfiguration): void {
  if (spec?.exempt) fill(spec.exempt, { nominalConcurrencyShares: 0, lendablePercent: 0 });
  if (!spec?.limited) return;
  fill(spec.limited, { nominalConcurrencyShares: 30, lendablePercent: 0 });
  const queuing = spec.limited.limitResponse?.queuing;
  if (queuing) fillZero(queuing, { queues: 64, handSize: 8, queueLengthLimit: 50 });
}
