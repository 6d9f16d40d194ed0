import { defaultReplicaSet } from '#api/apps/defaults.ts';
import { type ReplicaSet, replicaSets } from '#api/apps/v1.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { selectorText, workloadColumns } from '../columns.ts';
import { nonNegative, unchanged } from '../validate.ts';
import { validateSelected } from './workload.ts';

/** ReplicaSet: keeps a number of like pods. */
export const replicaSetResource = defineResource<ReplicaSet>(replicaSets, {
  defaults: defaultReplicaSet,
  validate: ({ spec }) => [
    ...nonNegative(spec?.replicas, 'spec.replicas'),
    ...nonNegative(spec?.minReadySeconds, 'spec.minReadySeconds'),
    ...validateSelected(spec ?? {}, { kind: 'replicaset' }),
  ],
  validateUpdate: (set, old) => unchanged(set.spec, old.spec, { field: 'spec', names: ['selector'] }),
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', value: ({ spec }) => spec?.replicas ?? 0 },
    { name: 'Current', type: 'integer', value: ({ status }) => status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', value: ({ status }) => status?.readyReplicas ?? 0 },
    ageColumn,
    ...workloadColumns<ReplicaSet>(
      ({ spec }) => spec?.template,
      ({ spec }) => selectorText(spec?.selector),
    ),
  ],
});
