import { defaultDeployment } from '#api/apps/defaults.ts';
import { type Deployment, type DeploymentSpec, deployments } from '#api/apps/v1.ts';
import { type FieldError, forbiddenField, invalidValue } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { selectorText, workloadColumns } from '../columns.ts';
import { isZero, notAboveWhole, validateIntOrPercent } from '../int-or-percent.ts';
import { nonNegative, requireOneOf, unchanged } from '../validate.ts';
import { validateSelected } from './workload.ts';

/** Deployment: keeps replicas of a pod and rolls out changes of it. */
export const deploymentResource = defineResource<Deployment>(deployments, {
  defaults: defaultDeployment,
  validate: ({ spec }) => validateSpec(spec ?? {}),
  validateUpdate: (deployment, old) => unchanged(deployment.spec, old.spec, { field: 'spec', names: ['selector'] }),
  columns: [
    nameColumn,
    { name: 'Ready', value: ({ spec, status }) => `${status?.readyReplicas ?? 0}/${spec?.replicas ?? 0}` },
    { name: 'Up-to-date', type: 'integer', value: ({ status }) => status?.updatedReplicas ?? 0 },
    { name: 'Available', type: 'integer', value: ({ status }) => status?.availableReplicas ?? 0 },
    ageColumn,
    ...workloadColumns<Deployment>(
      ({ spec }) => spec?.template,
      ({ spec }) => selectorText(spec?.selector),
    ),
  ],
});

function validateSpec(spec: Partial<DeploymentSpec>): FieldError[] {
  const { replicas, minReadySeconds = 0, revisionHistoryLimit, progressDeadlineSeconds } = spec;
  const errors = [
    ...nonNegative(replicas, 'spec.replicas'),
    ...validateSelected(spec, { kind: 'deployment' }),
    ...validateStrategy(spec),
    ...nonNegative(minReadySeconds, 'spec.minReadySeconds'),
    ...nonNegative(revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...nonNegative(progressDeadlineSeconds, 'spec.progressDeadlineSeconds'),
  ];
  if (progressDeadlineSeconds !== undefined && progressDeadlineSeconds <= minReadySeconds) {
    errors.push(
      invalidValue('spec.progressDeadlineSeconds', progressDeadlineSeconds, 'must be greater than minReadySeconds'),
    );
  }
  return errors;
}

function validateStrategy({ strategy = {} }: Partial<DeploymentSpec>): FieldError[] {
  const field = 'spec.strategy';
  const { type, rollingUpdate } = strategy;
  if (type === 'Recreate' && rollingUpdate !== undefined) {
    return [forbiddenField(`${field}.rollingUpdate`, "may not be specified when strategy `type` is 'Recreate'")];
  }
  const errors = requireOneOf(type, `${field}.type`, ['Recreate', 'RollingUpdate']);
  if (type !== 'RollingUpdate' || rollingUpdate === undefined) return errors;
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const at = `${field}.rollingUpdate`;
  errors.push(
    ...validateIntOrPercent(maxUnavailable, `${at}.maxUnavailable`),
    ...validateIntOrPercent(maxSurge, `${at}.maxSurge`),
  );
  if (isZero(maxUnavailable) && isZero(maxSurge)) {
    errors.push(invalidValue(`${at}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0'));
  }
  return [...errors, ...notAboveWhole(maxUnavailable, `${at}.maxUnavailable`)];
}
