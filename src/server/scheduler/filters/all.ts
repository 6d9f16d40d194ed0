import type { Filter } from '../plugin.ts';
import { nodeAffinity, nodePorts, nodeResourcesFit, nodeUnschedulable, taintToleration } from './node-fit.ts';

/** In order: the cheap and the usual refusals first, since the first refusal ends the node's examination. */
export const allFilters: readonly Filter[] = [
  nodeUnschedulable,
  taintToleration,
  nodeAffinity,
  nodePorts,
  nodeResourcesFit,
];
