import type { HorizontalPodAutoscaler } from '../generated/autoscaling-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/autoscaling-v1.ts';

export const horizontalPodAutoscalers: ResourceRef<HorizontalPodAutoscaler> = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  namespaced: true,
};
