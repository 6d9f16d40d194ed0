import { defaultPodTemplate } from '../core/defaults.ts';
import { fill } from '../schema/fill.ts';
import type { CronJob, Job, PodFailurePolicy } from './v1.ts';

const MAX_INT32 = 2_147_483_647;

/** Modifies. */
export function defaultJob({ metadata, spec }: Job): void {
  if (spec === undefined) return;
  const isIndexedBackoff = spec.backoffLimitPerIndex !== undefined && spec.backoffLimitPerIndex !== null;
  // Neither given means one pod; a parallelism alone leaves the completions open.
  if (spec.parallelism === undefined) fill(spec, { completions: 1 });
  fill(spec, {
    parallelism: 1,
    backoffLimit: isIndexedBackoff ? MAX_INT32 : 6,
    completionMode: 'NonIndexed',
    suspend: false,
    podReplacementPolicy: spec.podFailurePolicy ? 'Failed' : 'TerminatingOrFailed',
  });
  if (spec.podFailurePolicy) defaultFailurePolicy(spec.podFailurePolicy);
  if (spec.template === undefined) return;
  defaultPodTemplate(spec.template);
  const labels = spec.template.metadata?.labels;
  if (labels !== undefined && Object.keys(metadata.labels ?? {}).length === 0) metadata.labels = { ...labels };
}

/** Modifies. */
export function defaultCronJob({ spec }: CronJob): void {
  if (spec === undefined) return;
  fill(spec, {
    concurrencyPolicy: 'Allow',
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
  });
  const job = spec.jobTemplate?.spec;
  if (job?.podFailurePolicy) defaultFailurePolicy(job.podFailurePolicy);
  if (job?.template !== undefined) defaultPodTemplate(job.template);
}

function defaultFailurePolicy({ rules = [] }: PodFailurePolicy): void {
  for (const rule of rules) for (const pattern of rule.onPodConditions ?? []) fill(pattern, { status: 'True' });
}
