import { defaultPersistentVolumeClaim } from '#api/core/defaults.ts';
import { type PersistentVolumeClaim, type PersistentVolumeClaimSpec, persistentVolumeClaims } from '#api/core/v1.ts';
import { deepClone, deepEqual } from '#api/meta/clone.ts';
import { checkDns1123Subdomain } from '#api/meta/names.ts';
import { validateLabelSelector } from '#api/meta/object-meta.ts';
import { compareQuantities } from '#api/meta/quantity.ts';
import { type FieldError, forbiddenField, invalidValue, required } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { accessModesText, UNSET } from '../columns.ts';
import { describeDifference } from '../pod-spec/pod-update.ts';
import { quantityOf } from '../pod-spec/resource-list.ts';
import { checkName, oneOf } from '../validate.ts';
import { isPositive, validateAccessModes } from './persistentvolume.ts';

/** PersistentVolumeClaim: a pod's demand for storage. */
export const persistentVolumeClaimResource = defineResource<PersistentVolumeClaim>(persistentVolumeClaims, {
  returnsDeleted: true,
  defaults: defaultPersistentVolumeClaim,
  validate: ({ spec }) => validateClaimSpec(spec ?? {}, 'spec'),
  validateUpdate,
  columns: [
    nameColumn,
    {
      name: 'Status',
      value: ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    },
    { name: 'Volume', value: ({ spec }) => spec?.volumeName ?? '' },
    { name: 'Capacity', value: ({ spec, status }) => (spec?.volumeName ? (status?.capacity?.['storage'] ?? '') : '') },
    {
      name: 'Access Modes',
      value: ({ spec, status }) => (spec?.volumeName ? accessModesText(status?.accessModes) : ''),
    },
    {
      name: 'StorageClass',
      value: ({ spec, metadata }) =>
        metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec?.storageClassName ?? '',
    },
    { name: 'VolumeAttributesClass', value: ({ spec }) => spec?.volumeAttributesClassName || UNSET },
    ageColumn,
    { name: 'VolumeMode', priority: 1, value: ({ spec }) => spec?.volumeMode ?? UNSET },
  ],
});

/** What a claim, or a template of claims, must say. */
export function validateClaimSpec(spec: PersistentVolumeClaimSpec, field: string): FieldError[] {
  const storage = spec.resources?.requests?.['storage'];
  return [
    ...validateAccessModes(spec.accessModes, `${field}.accessModes`),
    ...validateLabelSelector(spec.selector, `${field}.selector`),
    ...(storage === undefined ? [required(`${field}.resources[storage]`)] : []),
    ...(storage !== undefined && !isPositive(storage)
      ? [invalidValue(`${field}.resources[storage]`, storage, 'must be greater than zero')]
      : []),
    ...checkName(spec.storageClassName, `${field}.storageClassName`, checkDns1123Subdomain),
    ...oneOf(spec.volumeMode, `${field}.volumeMode`, ['Block', 'Filesystem']),
  ];
}

function validateUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): FieldError[] {
  const before = old.spec ?? {};
  const masked = deepClone(claim.spec ?? {});
  // The binder names the volume once, a class may be filled in late, and a bound claim may grow.
  if (!before.volumeName) masked.volumeName = before.volumeName;
  if (before.storageClassName === undefined) masked.storageClassName = before.storageClassName;
  const errors: FieldError[] = [];
  const [size, previous] = [storageOf(masked), storageOf(before)];
  if (old.status?.phase === 'Bound' && size !== undefined && previous !== undefined) {
    const allocated = quantityOf(old.status.capacity?.['storage'] ?? '0') ?? previous;
    if (compareQuantities(size, previous) < 0 && compareQuantities(size, allocated) <= 0) {
      errors.push(forbiddenField('spec.resources.requests.storage', 'field can not be less than status.capacity'));
    }
    masked.resources = deepClone(before.resources);
    masked.volumeAttributesClassName = before.volumeAttributesClassName;
  }
  if (!deepEqual(masked, before)) {
    const detail =
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';
    errors.push(forbiddenField('spec', `${detail}\n${describeDifference(masked, before)}`));
  }
  return errors;
}

function storageOf({ resources }: PersistentVolumeClaimSpec) {
  const text = resources?.requests?.['storage'];
  return text === undefined ? undefined : quantityOf(text);
}
