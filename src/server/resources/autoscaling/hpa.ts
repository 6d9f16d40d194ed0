import { defaultHorizontalPodAutoscaler } from '#api/autoscaling/defaults.ts';
import {
  type HorizontalPodAutoscaler,
  type HorizontalPodAutoscalerSpec,
  horizontalPodAutoscalers,
  type MetricSpec,
  type MetricTarget,
  type MetricValueStatus,
} from '#api/autoscaling/v2.ts';
import { checkPathSegmentName } from '#api/meta/names.ts';
import { validateLabelSelector } from '#api/meta/object-meta.ts';
import { type FieldError, forbiddenField, invalidValue, required } from '#api/meta/validation.ts';
import { ageColumn, type Column, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { NONE, UNKNOWN, UNSET } from '../columns.ts';
import { each, requireName, requireOneOf, requireText } from '../validate.ts';

const MAX_SHOWN = 2;
const KINDS = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
} as const;

/** HorizontalPodAutoscaler: as many replicas as the load asks for. */
export const hpaResource = defineResource<HorizontalPodAutoscaler>(horizontalPodAutoscalers, {
  defaults: defaultHorizontalPodAutoscaler,
  validate: ({ spec }) => validateHpaSpec(spec),
  columns: hpaColumns(),
});

/** Rules of both versions: v1 is judged in the shape of v2. */
export function validateHpaSpec(spec: HorizontalPodAutoscalerSpec | undefined): FieldError[] {
  if (spec === undefined) return [required('spec')];
  const { minReplicas, maxReplicas = 0, scaleTargetRef } = spec;
  const errors: FieldError[] = [];
  if (minReplicas !== undefined && minReplicas < 1)
    errors.push(invalidValue('spec.minReplicas', minReplicas, 'must be greater than or equal to 1'));
  if (maxReplicas < 1) errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than 0'));
  if (minReplicas !== undefined && maxReplicas < minReplicas)
    errors.push(invalidValue('spec.maxReplicas', maxReplicas, 'must be greater than or equal to `minReplicas`'));
  errors.push(
    ...requireName(scaleTargetRef?.kind, 'spec.scaleTargetRef.kind', checkPathSegmentName),
    ...requireName(scaleTargetRef?.name, 'spec.scaleTargetRef.name', checkPathSegmentName),
    ...each(spec.metrics, 'spec.metrics', validateMetric),
  );
  for (const direction of ['scaleUp', 'scaleDown'] as const) {
    const seconds = spec.behavior?.[direction]?.stabilizationWindowSeconds;
    const field = `spec.behavior.${direction}.stabilizationWindowSeconds`;
    if (seconds !== undefined && seconds < 0)
      errors.push(invalidValue(field, seconds, 'must be greater than or equal to zero'));
    if (seconds !== undefined && seconds > 3600)
      errors.push(invalidValue(field, seconds, 'must be less than or equal to 3600'));
  }
  return errors;
}

function validateMetric(metric: MetricSpec, field: string): FieldError[] {
  const errors = requireOneOf(metric.type, `${field}.type`, Object.keys(KINDS));
  if (errors.length > 0) return errors;
  const own = KINDS[metric.type as keyof typeof KINDS];
  const others = Object.values(KINDS).filter((kind) => kind !== own && metric[kind] !== undefined);
  errors.push(
    ...others.map((kind) => forbiddenField(`${field}.${kind}`, 'must populate the given metric source only')),
  );
  const source = metric[own];
  if (source === undefined)
    return [...errors, required(`${field}.${own}`, 'must populate information for the given metric source')];
  const at = `${field}.${own}`;
  if ('name' in source) errors.push(...requireText(source.name, `${at}.name`));
  if ('container' in source) errors.push(...requireText(source.container, `${at}.container`));
  if ('metric' in source)
    errors.push(
      ...requireText(source.metric?.name, `${at}.metric.name`),
      ...validateLabelSelector(source.metric?.selector, `${at}.metric.selector`),
    );
  return [...errors, ...validateTarget(source.target, `${at}.target`)];
}

function validateTarget(target: MetricTarget | undefined, field: string): FieldError[] {
  const { type, averageUtilization, averageValue, value } = target ?? {};
  const errors = requireOneOf(type, `${field}.type`, ['AverageValue', 'Utilization', 'Value']);
  if (averageUtilization !== undefined && averageUtilization < 1)
    errors.push(invalidValue(`${field}.averageUtilization`, averageUtilization, 'must be greater than 0'));
  if (averageUtilization === undefined && averageValue === undefined && value === undefined) {
    errors.push(required(field, 'must set either a target value or a target average'));
  }
  return errors;
}

/** Columns of both versions. */
export function hpaColumns(): Column<HorizontalPodAutoscaler>[] {
  return [
    nameColumn,
    { name: 'Reference', value: ({ spec }) => `${spec?.scaleTargetRef?.kind}/${spec?.scaleTargetRef?.name}` },
    { name: 'Targets', value: targetsText },
    { name: 'MinPods', value: ({ spec }) => (spec?.minReplicas === undefined ? UNSET : String(spec.minReplicas)) },
    { name: 'MaxPods', type: 'integer', value: ({ spec }) => spec?.maxReplicas ?? 0 },
    { name: 'Replicas', type: 'integer', value: ({ status }) => status?.currentReplicas ?? 0 },
    ageColumn,
  ];
}

function targetsText({ spec, status }: HorizontalPodAutoscaler): string {
  const texts = (spec?.metrics ?? []).map((metric, index) => {
    const kind = KINDS[metric.type as keyof typeof KINDS];
    const source = kind === undefined ? undefined : metric[kind];
    if (kind === undefined || source === undefined) return '<unknown type>';
    const reported = status?.currentMetrics?.[index];
    const current = reported?.[kind]?.current;
    const text = `${currentText(current, source.target)}/${targetText(source.target)}`;
    // What a pod uses of a resource is shown plainly; the resource's name tells what it is.
    return 'name' in source ? `${source.name}: ${text.replace(' (avg)', '')}` : text;
  });
  if (texts.length === 0) return NONE;
  const more = texts.length > MAX_SHOWN ? ` + ${texts.length - MAX_SHOWN} more...` : '';
  return `${texts.slice(0, MAX_SHOWN).join(', ')}${more}`;
}

function targetText({ averageUtilization, averageValue, value }: MetricTarget): string {
  if (averageValue !== undefined) return `${averageValue} (avg)`;
  return averageUtilization === undefined ? (value ?? UNKNOWN) : `${averageUtilization}%`;
}

function currentText(current: MetricValueStatus | undefined, target: MetricTarget): string {
  if (current === undefined) return UNKNOWN;
  if (target.averageUtilization !== undefined)
    return current.averageUtilization === undefined ? UNKNOWN : `${current.averageUtilization}%`;
  return (target.averageValue === undefined ? current.value : current.averageValue) ?? UNKNOWN;
}
