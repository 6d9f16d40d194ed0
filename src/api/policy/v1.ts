import type { PodDisruptionBudget } from '../generated/policy-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/policy-v1.ts';

export const podDisruptionBudgets: ResourceRef<PodDisruptionBudget> = {
  group: 'policy',
  version: 'v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  namespaced: true,
};
