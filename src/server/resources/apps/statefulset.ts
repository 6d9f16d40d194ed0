import { defaultStatefulSet } from '#api/apps/defaults.ts';
import { type StatefulSet, type StatefulSetSpec, statefulSets } from '#api/apps/v1.ts';
import { deepClone, deepEqual } from '#api/meta/clone.ts';
import { checkDns1123Label } from '#api/meta/names.ts';
import { type FieldError, forbiddenField } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { workloadColumns } from '../columns.ts';
import { notAboveWhole, validateIntOrPercent } from '../int-or-percent.ts';
import { nonNegative, oneOf, requireOneOf } from '../validate.ts';
import { validateSelected } from './workload.ts';

const MUTABLE = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

/** StatefulSet: pods with names and volumes of their own. */
export const statefulSetResource = defineResource<StatefulSet>(statefulSets, {
  // The name becomes part of host names and of a label's value.
  nameRule: checkDns1123Label,
  defaults: defaultStatefulSet,
  validate: ({ spec }) => validateSpec(spec ?? {}),
  validateUpdate,
  columns: [
    nameColumn,
    { name: 'Ready', value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}` },
    ageColumn,
    ...workloadColumns<StatefulSet>(
      ({ spec }) => spec?.template,
      () => '',
    ).slice(0, 2),
  ],
});

function validateSpec(spec: Partial<StatefulSetSpec>): FieldError[] {
  const {
    podManagementPolicy,
    updateStrategy,
    replicas,
    ordinals,
    minReadySeconds,
    persistentVolumeClaimRetentionPolicy: retention,
  } = spec;
  const strategy = 'spec.updateStrategy';
  const errors = [
    ...requireOneOf(podManagementPolicy, 'spec.podManagementPolicy', ['OrderedReady', 'Parallel']),
    ...requireOneOf(updateStrategy?.type, `${strategy}.type`, ['OnDelete', 'RollingUpdate']),
    ...oneOf(retention?.whenDeleted, 'spec.persistentVolumeClaimRetentionPolicy.whenDeleted', ['Delete', 'Retain']),
    ...oneOf(retention?.whenScaled, 'spec.persistentVolumeClaimRetentionPolicy.whenScaled', ['Delete', 'Retain']),
    ...nonNegative(replicas, 'spec.replicas'),
    ...nonNegative(minReadySeconds, 'spec.minReadySeconds'),
    ...nonNegative(ordinals?.start, 'spec.ordinals.start'),
    ...validateSelected(spec, { kind: 'statefulset' }),
  ];
  const rolling = updateStrategy?.rollingUpdate;
  if (rolling === undefined) return errors;
  errors.push(
    ...nonNegative(rolling.partition, `${strategy}.rollingUpdate.partition`),
    ...validateIntOrPercent(rolling.maxUnavailable, `${strategy}.rollingUpdate.maxUnavailable`),
    ...notAboveWhole(rolling.maxUnavailable, `${strategy}.rollingUpdate.maxUnavailable`),
  );
  if (updateStrategy?.type === 'OnDelete') {
    errors.push(forbiddenField(`${strategy}.rollingUpdate`, `only allowed for updateStrategy 'RollingUpdate'`));
  }
  return errors;
}

function validateUpdate(set: StatefulSet, old: StatefulSet): FieldError[] {
  const masked = deepClone(set.spec ?? {});
  for (const field of MUTABLE) Object.assign(masked, { [field]: old.spec?.[field] });
  if (deepEqual(masked, old.spec ?? {})) return [];
  return [
    forbiddenField(
      'spec',
      "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ),
  ];
}
