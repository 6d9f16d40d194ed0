import { defaultJob } from '#api/batch/defaults.ts';
import { type Job, type JobSpec, jobs } from '#api/batch/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { checkDns1123Label } from '#api/meta/names.ts';
import { validateLabelSelector } from '#api/meta/object-meta.ts';
import { labelSelectorOf } from '#api/meta/selectors.ts';
import { humanDuration } from '#api/meta/time.ts';
import { type FieldError, immutable, invalidValue, notSupported, required } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { selectorText, workloadColumns } from '../columns.ts';
import { validatePodTemplate } from '../pod-spec/pod-spec.ts';
import { checkName, inRange, MAX_INT32, nonNegative, oneOf } from '../validate.ts';

const UID_LABELS = ['batch.kubernetes.io/controller-uid', 'controller-uid'] as const;
const NAME_LABELS = ['batch.kubernetes.io/job-name', 'job-name'] as const;

/** Job: pods that run to their end. */
export const jobResource = defineResource<Job>(jobs, {
  defaultPropagation: 'Orphan',
  fieldSelectors: { 'status.successful': ({ status }) => String(status?.succeeded ?? 0) },
  defaults: defaultJob,
  prepareCreate: selectOwnPods,
  validate: ({ metadata, spec }) => [
    ...validateJobSpec(spec ?? {}, 'spec', { isTemplate: false }),
    ...validateIndexedName(metadata.name, spec ?? {}),
  ],
  validateUpdate,
  columns: [
    nameColumn,
    { name: 'Status', value: statusText },
    { name: 'Completions', value: completionsText },
    { name: 'Duration', value: durationText },
    ageColumn,
    ...workloadColumns<Job>(
      ({ spec }) => spec?.template,
      ({ spec }) => selectorText(spec?.selector),
    ),
  ],
});

/** Unless the client selects by itself, a Job selects by its own identity: no two Jobs share pods. */
function selectOwnPods({ metadata, spec }: Job): void {
  if (spec?.template === undefined || spec.manualSelector === true || spec.selector !== undefined) return;
  const { uid = '', name } = metadata;
  spec.template.metadata ??= {};
  const labels: Record<string, string> = { ...spec.template.metadata.labels };
  for (const label of NAME_LABELS) labels[label] = name;
  for (const label of UID_LABELS) labels[label] = uid;
  spec.template.metadata.labels = labels;
  spec.selector = { matchLabels: { [UID_LABELS[0]]: uid } };
}

/** A Job's spec, or the template a CronJob makes Jobs from: there the selector is still to come. */
export function validateJobSpec(
  spec: Partial<JobSpec>,
  field: string,
  { isTemplate }: { isTemplate: boolean },
): FieldError[] {
  const errors = [
    ...validatePodTemplate(spec.template, `${field}.template`),
    ...(
      [
        'parallelism',
        'completions',
        'activeDeadlineSeconds',
        'backoffLimit',
        'ttlSecondsAfterFinished',
        'backoffLimitPerIndex',
        'maxFailedIndexes',
      ] as const
    ).flatMap((name) => nonNegative(spec[name], `${field}.${name}`)),
    ...oneOf(spec.completionMode, `${field}.completionMode`, ['Indexed', 'NonIndexed']),
    ...oneOf(spec.podReplacementPolicy, `${field}.podReplacementPolicy`, ['Failed', 'TerminatingOrFailed']),
    ...validateRestart(spec, field),
  ];
  if (spec.completionMode === 'Indexed') {
    if (spec.completions === undefined)
      errors.push(required(`${field}.completions`, 'when completion mode is Indexed'));
    errors.push(...inRange(spec.parallelism, `${field}.parallelism`, [0, MAX_INT32]));
  }
  if (spec.backoffLimitPerIndex !== undefined && spec.completionMode !== 'Indexed') {
    errors.push(
      invalidValue(`${field}.backoffLimitPerIndex`, spec.backoffLimitPerIndex, 'requires indexed completion mode'),
    );
  }
  if (isTemplate) return errors;
  if (spec.selector === undefined) return [...errors, required(`${field}.selector`)];
  errors.push(...validateLabelSelector(spec.selector, `${field}.selector`));
  if (errors.length === 0 && !labelSelectorOf(spec.selector).matches(spec.template?.metadata?.labels)) {
    errors.push(
      invalidValue(
        `${field}.template.metadata.labels`,
        spec.template?.metadata?.labels ?? {},
        '`selector` does not match template `labels`',
      ),
    );
  }
  return errors;
}

function validateRestart({ template, podFailurePolicy }: Partial<JobSpec>, field: string): FieldError[] {
  const policy = template?.spec?.restartPolicy;
  const at = `${field}.template.spec.restartPolicy`;
  if (policy === 'Always') return [notSupported(at, policy, ['OnFailure', 'Never'])];
  if (podFailurePolicy !== undefined && policy !== 'Never')
    return [invalidValue(at, policy, 'only "Never" is supported when podFailurePolicy is specified')];
  return [];
}

/** Pods of an indexed Job are named after it, and host names are short. */
function validateIndexedName(name: string, { completionMode, completions }: Partial<JobSpec>): FieldError[] {
  if (completionMode !== 'Indexed' || completions === undefined || completions <= 0) return [];
  return checkName(`${name}-${completions - 1}`, 'metadata.name', checkDns1123Label).map((error) => ({
    ...error,
    badValue: name,
  }));
}

function validateUpdate(
  { spec: now = {} as JobSpec }: Job,
  { spec: before = {} as JobSpec, status }: Job,
): FieldError[] {
  const errors: FieldError[] = [];
  const isFixed = (name: keyof JobSpec) => {
    if (!deepEqual(now[name], before[name])) errors.push(immutable(`spec.${name}`, now[name] ?? null));
  };
  const isElastic =
    now.completionMode === 'Indexed' && now.completions !== undefined && now.completions === now.parallelism;
  if (!isElastic) isFixed('completions');
  for (const name of [
    'selector',
    'completionMode',
    'podFailurePolicy',
    'backoffLimitPerIndex',
    'managedBy',
    'successPolicy',
  ] as const)
    isFixed(name);
  // While a Job is suspended and has never started, a queue may still decide where its pods go.
  const isWaiting = before.suspend === true && (status?.startTime === undefined || status.startTime === null);
  if (!isWaiting) isFixed('template');
  return errors;
}

function conditionIs({ status }: Job, type: string): boolean {
  return status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') === true;
}

function statusText(job: Job): string {
  if (conditionIs(job, 'Complete')) return 'Complete';
  if (conditionIs(job, 'Failed')) return 'Failed';
  if (job.metadata.deletionTimestamp !== undefined) return 'Terminating';
  if (conditionIs(job, 'Suspended')) return 'Suspended';
  if (conditionIs(job, 'FailureTarget')) return 'FailureTarget';
  return conditionIs(job, 'SuccessCriteriaMet') ? 'SuccessCriteriaMet' : 'Running';
}

function completionsText({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec?.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec?.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationText(job: Job, now: Date): string {
  const { startTime, completionTime } = job.status ?? {};
  if (startTime === undefined || startTime === null) return '';
  const failed = job.status?.conditions?.find(
    ({ type, status }) => type === 'Failed' && status === 'True',
  )?.lastTransitionTime;
  const end = completionTime ?? failed;
  return humanDuration((end ? Date.parse(end) : now.getTime()) - Date.parse(startTime));
}
