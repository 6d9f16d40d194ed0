import type { HorizontalPodAutoscaler } from '../generated/autoscaling-v2.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/autoscaling-v2.ts';

export const horizontalPodAutoscalers: ResourceRef<HorizontalPodAutoscaler> = {
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  namespaced: true,
};
