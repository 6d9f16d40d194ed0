import type { PriorityClass } from '../generated/scheduling-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/scheduling-v1.ts';

export const priorityClasses: ResourceRef<PriorityClass> = {
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  namespaced: false,
};
