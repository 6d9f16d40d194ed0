import type { CronJob, Job } from '../generated/batch-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/batch-v1.ts';

export const cronJobs: ResourceRef<CronJob> = {
  group: 'batch',
  version: 'v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  namespaced: true,
};
export const jobs: ResourceRef<Job> = { group: 'batch', version: 'v1', kind: 'Job', plural: 'jobs', namespaced: true };
