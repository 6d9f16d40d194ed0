import { defaultPersistentVolume } from '#api/core/defaults.ts';
import { type PersistentVolume, type PersistentVolumeSpec, persistentVolumes } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { checkDns1123Subdomain } from '#api/meta/names.ts';
import { type FieldError, forbiddenField, invalidValue, required } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { accessModesText, UNSET } from '../columns.ts';
import { quantityOf } from '../pod-spec/resource-list.ts';
import { validateNodeSelector } from '../pod-spec/scheduling.ts';
import { checkName, each, oneOf, requireOneOf, requireText, unchanged } from '../validate.ts';

export const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
/** Fields of the spec that are not the source of the volume. */
const COMMON = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
]);

/** PersistentVolume: storage that outlives pods. */
export const persistentVolumeResource = defineResource<PersistentVolume>(persistentVolumes, {
  returnsDeleted: true,
  defaults: defaultPersistentVolume,
  validate: ({ spec = {} }) => validateSpec(spec),
  validateUpdate: ({ spec = {} }, { spec: old = {} }) => [
    ...(sourcesOf(spec).some((source) => !deepEqual(spec[source], old[source]))
      ? [forbiddenField('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation')]
      : []),
    ...unchanged(spec, old, { field: 'spec', names: ['volumeMode'] }),
  ],
  columns: [
    nameColumn,
    { name: 'Capacity', value: ({ spec }) => spec?.capacity?.['storage'] ?? '' },
    { name: 'Access Modes', value: ({ spec }) => accessModesText(spec?.accessModes) },
    { name: 'Reclaim Policy', value: ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? '' },
    {
      name: 'Status',
      value: ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    },
    {
      name: 'Claim',
      value: ({ spec }) => (spec?.claimRef === undefined ? '' : `${spec.claimRef.namespace}/${spec.claimRef.name}`),
    },
    { name: 'StorageClass', value: ({ spec }) => spec?.storageClassName ?? '' },
    { name: 'VolumeAttributesClass', value: ({ spec }) => spec?.volumeAttributesClassName || UNSET },
    { name: 'Reason', value: ({ status }) => status?.reason ?? '' },
    ageColumn,
    { name: 'VolumeMode', priority: 1, value: ({ spec }) => spec?.volumeMode ?? UNSET },
  ],
});

function sourcesOf(spec: PersistentVolumeSpec): (keyof PersistentVolumeSpec)[] {
  return (Object.keys(spec) as (keyof PersistentVolumeSpec)[]).filter(
    (key) => !COMMON.has(key) && spec[key] !== undefined,
  );
}

function validateSpec(spec: PersistentVolumeSpec): FieldError[] {
  const [first, ...more] = sourcesOf(spec);
  const capacity = spec.capacity ?? {};
  const storage = capacity['storage'];
  return [
    ...validateAccessModes(spec.accessModes, 'spec.accessModes'),
    ...(Object.keys(capacity).length === 0 ? [required('spec.capacity')] : []),
    ...(storage !== undefined && !isPositive(storage)
      ? [invalidValue('spec.capacity[storage]', storage, 'must be greater than zero')]
      : []),
    ...oneOf(spec.persistentVolumeReclaimPolicy, 'spec.persistentVolumeReclaimPolicy', ['Delete', 'Recycle', 'Retain']),
    ...(spec.nodeAffinity?.required === undefined
      ? []
      : validateNodeSelector(spec.nodeAffinity.required, 'spec.nodeAffinity.required')),
    ...(first === undefined ? [required('spec', 'must specify a volume type')] : []),
    ...more.map((source) => forbiddenField(`spec.${source}`, 'may not specify more than 1 volume type')),
    ...(spec.hostPath === undefined ? [] : requireText(spec.hostPath.path, 'spec.hostPath.path')),
    ...(spec.local === undefined
      ? []
      : [
          ...requireText(spec.local.path, 'spec.local.path'),
          ...(spec.nodeAffinity?.required === undefined
            ? [required('spec.nodeAffinity', 'Local volume requires node affinity')]
            : []),
        ]),
    ...checkName(spec.storageClassName, 'spec.storageClassName', checkDns1123Subdomain),
    ...oneOf(spec.volumeMode, 'spec.volumeMode', ['Block', 'Filesystem']),
  ];
}

/** At least one mode, all of them known; single-pod access stands alone. */
export function validateAccessModes(modes: readonly string[] | undefined, field: string): FieldError[] {
  if ((modes ?? []).length === 0)
    return [required(field, field === 'spec.accessModes' ? 'at least 1 access mode is required' : '')];
  const errors = each(modes, field, (mode) => requireOneOf(mode, field, ACCESS_MODES));
  if (modes?.includes('ReadWriteOncePod') === true && modes.length > 1) {
    errors.push(forbiddenField(field, 'may not use ReadWriteOncePod with other access modes'));
  }
  return errors;
}

export function isPositive(amount: string): boolean {
  const quantity = quantityOf(amount);
  return quantity !== undefined && quantity.nano > 0n;
}
