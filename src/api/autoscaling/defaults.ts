import { fill } from '../schema/fill.ts';
import type { HorizontalPodAutoscaler as HorizontalPodAutoscalerV1 } from './v1.ts';
import type { HorizontalPodAutoscaler } from './v2.ts';

/** Modifies. */
export function defaultHorizontalPodAutoscalerV1({ spec }: HorizontalPodAutoscalerV1): void {
  if (spec !== undefined) fill(spec, { minReplicas: 1 });
}

/** Modifies. */
export function defaultHorizontalPodAutoscaler({ spec }: HorizontalPodAutoscaler): void {
  if (spec === undefined) return;
  fill(spec, { minReplicas: 1 });
  if ((spec.metrics?.length ?? 0) === 0) {
    const target = { type: 'Utilization', averageUtilization: 80 };
    spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  }
  const { behavior } = spec;
  if (!behavior) return;
  fill(behavior, { scaleUp: {}, scaleDown: {} });
  const percent = { type: 'Percent', value: 100, periodSeconds: 15 };
  const pods = { type: 'Pods', value: 4, periodSeconds: 15 };
  fill(behavior.scaleUp ?? {}, { stabilizationWindowSeconds: 0, selectPolicy: 'Max', policies: [pods, percent] });
  fill(behavior.scaleDown ?? {}, { selectPolicy: 'Max', policies: [{ ...percent }] });
}
