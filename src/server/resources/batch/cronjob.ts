import { defaultCronJob } from '#api/batch/defaults.ts';
import { type CronJob, type CronJobSpec, cronJobs } from '#api/batch/v1.ts';
import { ageOf } from '#api/meta/time.ts';
import { type FieldError, invalidValue, required } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { NONE, selectorText, workloadColumns } from '../columns.ts';
import { nonNegative, oneOf } from '../validate.ts';
import { validateJobSpec } from './job.ts';
import { scheduleProblem } from './schedule.ts';

/** Jobs are named after their CronJob and a time stamp of eleven characters. */
const MAX_NAME_LENGTH = 52;

/** CronJob: makes Jobs by the clock. */
export const cronJobResource = defineResource<CronJob>(cronJobs, {
  defaults: defaultCronJob,
  validate: ({ metadata, spec }) => [
    ...(metadata.name.length > MAX_NAME_LENGTH
      ? [invalidValue('metadata.name', metadata.name, `must be no more than ${MAX_NAME_LENGTH} characters`)]
      : []),
    ...validateSpec(spec ?? {}),
  ],
  columns: [
    nameColumn,
    { name: 'Schedule', value: ({ spec }) => spec?.schedule ?? '' },
    { name: 'Timezone', value: ({ spec }) => spec?.timeZone ?? NONE },
    { name: 'Suspend', type: 'boolean', value: ({ spec }) => (spec?.suspend === true ? 'True' : 'False') },
    { name: 'Active', type: 'integer', value: ({ status }) => status?.active?.length ?? 0 },
    {
      name: 'Last Schedule',
      value: ({ status }, now) => (status?.lastScheduleTime ? ageOf(status.lastScheduleTime, now) : NONE),
    },
    ageColumn,
    ...workloadColumns<CronJob>(
      ({ spec }) => spec?.jobTemplate?.spec?.template,
      ({ spec }) => selectorText(spec?.jobTemplate?.spec?.selector),
    ),
  ],
});

function validateSpec(spec: Partial<CronJobSpec>): FieldError[] {
  const { schedule = '', timeZone, jobTemplate } = spec;
  return [
    ...validateSchedule(schedule, timeZone),
    ...nonNegative(spec.startingDeadlineSeconds, 'spec.startingDeadlineSeconds'),
    ...oneOf(spec.concurrencyPolicy, 'spec.concurrencyPolicy', ['Allow', 'Forbid', 'Replace']),
    ...nonNegative(spec.successfulJobsHistoryLimit, 'spec.successfulJobsHistoryLimit'),
    ...nonNegative(spec.failedJobsHistoryLimit, 'spec.failedJobsHistoryLimit'),
    ...validateJobSpec(jobTemplate?.spec ?? {}, 'spec.jobTemplate.spec', { isTemplate: true }),
  ];
}

function validateSchedule(schedule: string, timeZone: string | undefined): FieldError[] {
  if (schedule === '') return [required('spec.schedule')];
  const errors: FieldError[] = [];
  const problem = scheduleProblem(schedule.replace(/^(?:CRON_)?TZ=\S+\s+/, ''));
  if (problem !== undefined) errors.push(invalidValue('spec.schedule', schedule, problem));
  if (/TZ/.test(schedule))
    errors.push(
      invalidValue('spec.schedule', schedule, 'cannot use TZ or CRON_TZ in schedule, use timeZone field instead'),
    );
  if (timeZone === undefined) return errors;
  if (timeZone === '') errors.push(invalidValue('spec.timeZone', timeZone, 'timeZone must be nil or non-empty string'));
  else if (timeZone.toLowerCase() === 'local')
    errors.push(
      invalidValue(
        'spec.timeZone',
        timeZone,
        'timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones',
      ),
    );
  else if (!isTimeZone(timeZone)) errors.push(invalidValue('spec.timeZone', timeZone, `unknown time zone ${timeZone}`));
  return errors;
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    // Offsets are zones to the clock here, but not to other parts of a cluster.
    return !/^[+-]/.test(name);
  } catch {
    return false;
  }
}
