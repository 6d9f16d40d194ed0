import { checkQualifiedName } from '#api/meta/names.ts';
import type { FieldError } from '#api/meta/validation.ts';
import { defaultStorageClass } from '#api/storage/defaults.ts';
import { type StorageClass, storageClasses } from '#api/storage/v1.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { oneOf, requireName, requireOneOf, unchanged } from '../validate.ts';

const DEFAULTS = ['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class'];

/** StorageClass: how volumes of a kind are made. */
export const storageClassResource = defineResource<StorageClass>(storageClasses, {
  returnsDeleted: true,
  defaults: defaultStorageClass,
  validate: ({ provisioner, reclaimPolicy, volumeBindingMode }): FieldError[] => [
    ...requireName(provisioner?.toLowerCase(), 'provisioner', checkQualifiedName),
    ...oneOf(reclaimPolicy, 'reclaimPolicy', ['Delete', 'Retain']),
    ...requireOneOf(volumeBindingMode, 'volumeBindingMode', ['Immediate', 'WaitForFirstConsumer']),
  ],
  validateUpdate: (storageClass, old) =>
    unchanged(storageClass, old, {
      field: '',
      names: ['parameters', 'provisioner', 'reclaimPolicy', 'volumeBindingMode'],
    }),
  columns: [
    {
      ...nameColumn,
      value: ({ metadata }) =>
        DEFAULTS.some((key) => metadata.annotations?.[key] === 'true') ? `${metadata.name} (default)` : metadata.name,
    },
    { name: 'Provisioner', value: ({ provisioner = '' }) => provisioner },
    { name: 'ReclaimPolicy', value: ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete' },
    { name: 'VolumeBindingMode', value: ({ volumeBindingMode }) => volumeBindingMode ?? 'Immediate' },
    { name: 'AllowVolumeExpansion', value: ({ allowVolumeExpansion }) => allowVolumeExpansion === true },
    ageColumn,
  ],
});
