import { defaultHorizontalPodAutoscalerV1 } from '#api/autoscaling/defaults.ts';
import { type HorizontalPodAutoscaler as HpaV1, horizontalPodAutoscalers as hpasV1 } from '#api/autoscaling/v1.ts';
import {
  type HorizontalPodAutoscaler as HpaV2,
  horizontalPodAutoscalers as hpasV2,
  type MetricSpec,
  type MetricStatus,
} from '#api/autoscaling/v2.ts';
import { defineResource } from '#server/apiserver/resource.ts';
import { hpaColumns, validateHpaSpec } from './hpa.ts';

/** What v1 has no field for travels in annotations, so that a client of v1 loses nothing. */
const METRICS = 'autoscaling.alpha.kubernetes.io/metrics';
const BEHAVIOR = 'autoscaling.alpha.kubernetes.io/behavior';
const CURRENT_METRICS = 'autoscaling.alpha.kubernetes.io/current-metrics';
const CONDITIONS = 'autoscaling.alpha.kubernetes.io/conditions';
const CARRIERS = [METRICS, BEHAVIOR, CURRENT_METRICS, CONDITIONS];

/** HorizontalPodAutoscaler in its first version: the same object, seen through cpu alone. */
export const hpaV1Resource = defineResource<HpaV1>(hpasV1, {
  defaults: defaultHorizontalPodAutoscalerV1,
  validate: (hpa) => validateHpaSpec(toV2(hpa).spec),
  columns: hpaColumns().map((column) => ({
    ...column,
    value: (hpa: HpaV1, now: Date) => column.value(toV2(hpa), now),
  })),
  storedAs: {
    ref: hpasV2,
    fromStored: (object) => toV1(object as HpaV2),
    toStored: toV2,
  },
});

const isCpu = (metric: { type: string; resource?: { name: string } | undefined }) =>
  metric.type === 'Resource' && metric.resource?.name === 'cpu';

/** The cpu share is a field in v1; every other metric is carried along. */
export function toV1(hpa: HpaV2): HpaV1 {
  const { metrics = [], behavior, ...spec } = hpa.spec ?? { maxReplicas: 0, scaleTargetRef: { kind: '', name: '' } };
  const { conditions, currentMetrics = [], ...status } = hpa.status ?? { desiredReplicas: 0 };
  const cpu = metrics.find((metric) => isCpu(metric) && metric.resource?.target.averageUtilization !== undefined);
  const currentCpu = currentMetrics.find(
    (metric) => isCpu(metric) && metric.resource?.current.averageUtilization !== undefined,
  );
  const carried: [string, unknown][] = [
    [METRICS, nonEmpty(metrics.filter((metric) => metric !== cpu))],
    [BEHAVIOR, behavior],
    [CURRENT_METRICS, nonEmpty(currentMetrics.filter((metric) => metric !== currentCpu))],
    [CONDITIONS, nonEmpty(conditions ?? [])],
  ];
  const annotations = { ...hpa.metadata.annotations };
  for (const [name, value] of carried) if (value !== undefined) annotations[name] = JSON.stringify(value);
  const utilization = cpu?.resource?.target.averageUtilization;
  const current = currentCpu?.resource?.current.averageUtilization;
  const statusV1: HpaV1['status'] = {
    ...status,
    currentReplicas: status.currentReplicas ?? 0,
    ...(current !== undefined && { currentCPUUtilizationPercentage: current }),
  };
  const { status: _, ...rest } = hpa;
  return {
    ...rest,
    apiVersion: 'autoscaling/v1',
    metadata: { ...hpa.metadata, ...(Object.keys(annotations).length > 0 && { annotations }) },
    spec: { ...spec, ...(utilization !== undefined && { targetCPUUtilizationPercentage: utilization }) },
    ...(hpa.status !== undefined && { status: statusV1 }),
  };
}

export function toV2(hpa: HpaV1): HpaV2 {
  const { targetCPUUtilizationPercentage: utilization, ...spec } = hpa.spec ?? {
    maxReplicas: 0,
    scaleTargetRef: { kind: '', name: '' },
  };
  const { currentCPUUtilizationPercentage: current, ...status } = hpa.status ?? {
    currentReplicas: 0,
    desiredReplicas: 0,
  };
  const { annotations = {} } = hpa.metadata;
  const metrics = carriedList<MetricSpec>(annotations[METRICS]);
  if (utilization !== undefined)
    metrics.unshift({
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: utilization } },
    });
  const currentMetrics = carriedList<MetricStatus>(annotations[CURRENT_METRICS]);
  if (current !== undefined)
    currentMetrics.unshift({ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: current } } });
  const behavior = parse(annotations[BEHAVIOR]);
  const conditions = carriedList<NonNullable<NonNullable<HpaV2['status']>['conditions']>[number]>(
    annotations[CONDITIONS],
  );
  const kept = Object.fromEntries(Object.entries(annotations).filter(([name]) => !CARRIERS.includes(name)));
  const { annotations: _, ...metadata } = hpa.metadata;
  return {
    ...hpa,
    apiVersion: 'autoscaling/v2',
    metadata: { ...metadata, ...(Object.keys(kept).length > 0 && { annotations: kept }) },
    spec: { ...spec, ...(metrics.length > 0 && { metrics }), ...(isObject(behavior) && { behavior }) },
    ...(hpa.status !== undefined && {
      status: {
        ...status,
        ...(currentMetrics.length > 0 && { currentMetrics }),
        ...(conditions.length > 0 && { conditions }),
      },
    }),
  };
}

function nonEmpty<T>(list: readonly T[]): readonly T[] | undefined {
  return list.length === 0 ? undefined : list;
}

function carriedList<T>(text: string | undefined): T[] {
  const value = parse(text);
  return Array.isArray(value) ? (value as T[]) : [];
}

/** Annotations are anybody's to write: what cannot be read is not there. */
function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
