import type { Score } from '../plugin.ts';
import {
  balancedAllocation,
  imageLocality,
  leastAllocated,
  preferredAffinity,
  spreading,
  taintAvoidance,
} from './node-scores.ts';

/** Order does not matter: weighted ratings are added. */
export const allScores: readonly Score[] = [
  leastAllocated,
  balancedAllocation,
  taintAvoidance,
  preferredAffinity,
  spreading,
  imageLocality,
];
