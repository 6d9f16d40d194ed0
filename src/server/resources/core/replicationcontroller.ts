import { defaultReplicationController } from '#api/core/defaults.ts';
import { type ReplicationController, replicationControllers } from '#api/core/v1.ts';
import { labelSelectorFromMap } from '#api/meta/selectors.ts';
import { type FieldError, invalidValue, required } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { labelsText, workloadColumns } from '../columns.ts';
import { validatePodTemplate } from '../pod-spec/pod-spec.ts';
import { nonNegative, oneOf } from '../validate.ts';

/** ReplicationController: the oldest way to keep a number of pods. */
export const replicationControllerResource = defineResource<ReplicationController>(replicationControllers, {
  defaultPropagation: 'Orphan',
  fieldSelectors: { 'status.replicas': ({ status }) => String(status?.replicas ?? 0) },
  defaults: defaultReplicationController,
  validate,
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', value: ({ spec }) => spec?.replicas ?? 0 },
    { name: 'Current', type: 'integer', value: ({ status }) => status?.replicas ?? 0 },
    { name: 'Ready', type: 'integer', value: ({ status }) => status?.readyReplicas ?? 0 },
    ageColumn,
    ...workloadColumns<ReplicationController>(
      ({ spec }) => spec?.template,
      ({ spec }) => labelsText(spec?.selector),
    ),
  ],
});

function validate({ spec = {} }: ReplicationController): FieldError[] {
  const { selector = {}, template, replicas, minReadySeconds } = spec;
  const errors = [...nonNegative(minReadySeconds, 'spec.minReadySeconds'), ...nonNegative(replicas, 'spec.replicas')];
  if (Object.keys(selector).length === 0) errors.push(required('spec.selector'));
  const labels = template?.metadata?.labels;
  if (template !== undefined && !labelSelectorFromMap(selector).matches(labels)) {
    errors.push(
      invalidValue('spec.template.metadata.labels', labels ?? {}, '`selector` does not match template `labels`'),
    );
  }
  errors.push(...validatePodTemplate(template, 'spec.template'));
  return [...errors, ...oneOf(template?.spec?.restartPolicy, 'spec.template.spec.restartPolicy', ['Always'])];
}
