import { deepEqual } from '#api/meta/clone.ts';
import { checkDns1123Subdomain } from '#api/meta/names.ts';
import { duplicate, type FieldError, immutable, required } from '#api/meta/validation.ts';
import { defaultCsiDriver } from '#api/storage/defaults.ts';
import {
  type CSIDriver,
  type CSINode,
  type CSIStorageCapacity,
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  type VolumeAttachment,
  type VolumeAttributesClass,
  volumeAttachments,
  volumeAttributesClasses,
} from '#api/storage/v1.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { UNSET } from '../columns.ts';
import { each, requireName, requireText, unchanged } from '../validate.ts';

const VAC_DEFAULT = 'volumeattributesclass.kubernetes.io/is-default-class';

/** CSIDriver: what a volume driver can do and wants. */
export const csiDriverResource = defineResource<CSIDriver>(csiDrivers, {
  unconditionalUpdate: false,
  returnsDeleted: true,
  defaults: defaultCsiDriver,
  validateUpdate: ({ spec }, { spec: old }) =>
    unchanged(spec, old, { field: 'spec', names: ['attachRequired', 'fsGroupPolicy', 'volumeLifecycleModes'] }),
  columns: [
    nameColumn,
    { name: 'AttachRequired', type: 'boolean', value: ({ spec }) => spec?.attachRequired !== false },
    { name: 'PodInfoOnMount', type: 'boolean', value: ({ spec }) => spec?.podInfoOnMount === true },
    { name: 'StorageCapacity', type: 'boolean', value: ({ spec }) => spec?.storageCapacity === true },
    {
      name: 'TokenRequests',
      value: ({ spec }) => (spec?.tokenRequests ?? []).map(({ audience }) => audience).join(',') || UNSET,
    },
    { name: 'RequiresRepublish', type: 'boolean', value: ({ spec }) => spec?.requiresRepublish === true },
    { name: 'Modes', value: ({ spec }) => (spec?.volumeLifecycleModes ?? []).join(',') || '<none>' },
    ageColumn,
  ],
});

/** CSINode: the volume drivers of a node. */
export const csiNodeResource = defineResource<CSINode>(csiNodes, {
  unconditionalUpdate: false,
  returnsDeleted: true,
  validate({ spec }): FieldError[] {
    const names = new Set<string>();
    return each(spec?.drivers, 'spec.drivers', ({ name, nodeID }, at) => {
      const errors = [
        ...requireName(name, `${at}.name`, checkDns1123Subdomain),
        ...requireText(nodeID, `${at}.nodeID`),
      ];
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
      return errors;
    });
  },
  columns: [
    nameColumn,
    { name: 'Drivers', type: 'integer', value: ({ spec }) => spec?.drivers?.length ?? 0 },
    ageColumn,
  ],
});

/** CSIStorageCapacity: what is left of a class's storage, and where. */
export const csiStorageCapacityResource = defineResource<CSIStorageCapacity>(csiStorageCapacities, {
  unconditionalUpdate: false,
  validate: ({ storageClassName }) => requireName(storageClassName, 'storageClassName', checkDns1123Subdomain),
  validateUpdate: (capacity, old) =>
    unchanged(capacity, old, { field: '', names: ['nodeTopology', 'storageClassName'] }),
});

/** VolumeAttachment: a volume that is to be at a node. */
export const volumeAttachmentResource = defineResource<VolumeAttachment>(volumeAttachments, {
  unconditionalUpdate: false,
  returnsDeleted: true,
  validate: ({ spec }): FieldError[] => [
    ...requireText(spec?.attacher, 'spec.attacher'),
    ...requireText(spec?.nodeName, 'spec.nodeName'),
    ...(spec?.source?.persistentVolumeName === undefined && spec?.source?.inlineVolumeSpec === undefined
      ? [required('spec.source', 'must specify exactly one of inlineVolumeSpec and persistentVolumeName')]
      : []),
  ],
  validateUpdate: ({ spec }, { spec: old }): FieldError[] => (deepEqual(spec, old) ? [] : [immutable('spec', spec)]),
  columns: [
    nameColumn,
    { name: 'Attacher', value: ({ spec }) => spec?.attacher ?? '' },
    { name: 'PV', value: ({ spec }) => spec?.source?.persistentVolumeName ?? '' },
    { name: 'Node', value: ({ spec }) => spec?.nodeName ?? '' },
    { name: 'Attached', type: 'boolean', value: ({ status }) => status?.attached === true },
    ageColumn,
  ],
});

/** VolumeAttributesClass: properties of volumes that can change while they are used. */
export const volumeAttributesClassResource = defineResource<VolumeAttributesClass>(volumeAttributesClasses, {
  returnsDeleted: true,
  validate: ({ driverName, parameters }): FieldError[] => [
    ...requireName(driverName?.toLowerCase(), 'driverName', checkDns1123Subdomain),
    ...(Object.keys(parameters ?? {}).length === 0
      ? [required('parameters', 'must contain at least one key/value pair')]
      : []),
  ],
  validateUpdate: (attributes, old) => unchanged(attributes, old, { field: '', names: ['driverName', 'parameters'] }),
  columns: [
    {
      ...nameColumn,
      value: ({ metadata }) =>
        metadata.annotations?.[VAC_DEFAULT] === 'true' ? `${metadata.name} (default)` : metadata.name,
    },
    { name: 'DriverName', value: ({ driverName = '' }) => driverName },
    ageColumn,
  ],
});
