import { fill } from '../schema/fill.ts';
import type { PriorityClass } from './v1.ts';

/** Modifies. */
export function defaultPriorityClass(priorityClass: PriorityClass): void {
  fill(priorityClass, { preemptionPolicy: 'PreemptLowerPriority' });
}
