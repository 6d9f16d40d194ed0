import { defaultDaemonSet } from '#api/apps/defaults.ts';
import { type DaemonSet, type DaemonSetSpec, daemonSets } from '#api/apps/v1.ts';
import { type FieldError, invalidValue, required } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { labelsText, selectorText, workloadColumns } from '../columns.ts';
import { isZero, notAboveWhole, validateIntOrPercent } from '../int-or-percent.ts';
import { nonNegative, requireOneOf, unchanged } from '../validate.ts';
import { validateSelected } from './workload.ts';

/** DaemonSet: a pod on every node that fits. */
export const daemonSetResource = defineResource<DaemonSet>(daemonSets, {
  defaults: defaultDaemonSet,
  validate: ({ spec }) => validateSpec(spec ?? {}),
  validateUpdate: (set, old) => unchanged(set.spec, old.spec, { field: 'spec', names: ['selector'] }),
  columns: [
    nameColumn,
    { name: 'Desired', type: 'integer', value: ({ status }) => status?.desiredNumberScheduled ?? 0 },
    { name: 'Current', type: 'integer', value: ({ status }) => status?.currentNumberScheduled ?? 0 },
    { name: 'Ready', type: 'integer', value: ({ status }) => status?.numberReady ?? 0 },
    { name: 'Up-to-date', type: 'integer', value: ({ status }) => status?.updatedNumberScheduled ?? 0 },
    { name: 'Available', type: 'integer', value: ({ status }) => status?.numberAvailable ?? 0 },
    { name: 'Node Selector', value: ({ spec }) => labelsText(spec?.template?.spec?.nodeSelector) },
    ageColumn,
    ...workloadColumns<DaemonSet>(
      ({ spec }) => spec?.template,
      ({ spec }) => selectorText(spec?.selector),
    ),
  ],
});

function validateSpec(spec: Partial<DaemonSetSpec>): FieldError[] {
  return [
    ...validateSelected(spec, { kind: 'daemonset' }),
    ...nonNegative(spec.minReadySeconds, 'spec.minReadySeconds'),
    ...nonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit'),
    ...validateStrategy(spec),
  ];
}

function validateStrategy({ updateStrategy = {} }: Partial<DaemonSetSpec>): FieldError[] {
  const { type, rollingUpdate } = updateStrategy;
  const field = 'spec.updateStrategy';
  const errors = requireOneOf(type, `${field}.type`, ['OnDelete', 'RollingUpdate']);
  if (type !== 'RollingUpdate') return errors;
  if (rollingUpdate === undefined) return [required(`${field}.rollingUpdate`)];
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const at = `${field}.rollingUpdate`;
  for (const [name, value] of [
    ['maxUnavailable', maxUnavailable],
    ['maxSurge', maxSurge],
  ] as const) {
    errors.push(...validateIntOrPercent(value, `${at}.${name}`), ...notAboveWhole(value, `${at}.${name}`));
  }
  if (!isZero(maxUnavailable) && !isZero(maxSurge) && maxUnavailable !== undefined && maxSurge !== undefined) {
    errors.push(invalidValue(`${at}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero'));
  } else if (isZero(maxUnavailable) && (isZero(maxSurge) || maxSurge === undefined)) {
    errors.push(required(`${at}.maxUnavailable`, 'cannot be 0 when maxSurge is 0'));
  }
  return errors;
}
