import { deepEqual } from '#api/meta/clone.ts';
import { type FieldError, immutable } from '#api/meta/validation.ts';
import { defaultResourceClaim, defaultResourceClaimTemplate } from '#api/resource/defaults.ts';
import {
  type DeviceClass,
  deviceClasses,
  type ResourceClaim,
  type ResourceClaimTemplate,
  type ResourceSlice,
  resourceClaims,
  resourceClaimTemplates,
  resourceSlices,
} from '#api/resource/v1.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { requireText } from '../validate.ts';

/** DeviceClass: a kind of devices. */
export const deviceClassResource = defineResource<DeviceClass>(deviceClasses, {
  returnsDeleted: true,
  columns: [nameColumn, ageColumn],
});

/** ResourceClaim: devices somebody asks for. */
export const resourceClaimResource = defineResource<ResourceClaim>(resourceClaims, {
  returnsDeleted: true,
  defaults: defaultResourceClaim,
  validateUpdate: ({ spec }, { spec: old }): FieldError[] => (deepEqual(spec, old) ? [] : [immutable('spec', spec)]),
  columns: [nameColumn, { name: 'State', value: stateText }, ageColumn],
});

/** ResourceClaimTemplate: claims to be made for pods. */
export const resourceClaimTemplateResource = defineResource<ResourceClaimTemplate>(resourceClaimTemplates, {
  returnsDeleted: true,
  defaults: defaultResourceClaimTemplate,
  validateUpdate: ({ spec }, { spec: old }): FieldError[] => (deepEqual(spec, old) ? [] : [immutable('spec', spec)]),
  columns: [nameColumn, ageColumn],
});

/** ResourceSlice: devices a driver has. */
export const resourceSliceResource = defineResource<ResourceSlice>(resourceSlices, {
  returnsDeleted: true,
  validate: ({ spec }) => [
    ...requireText(spec?.driver, 'spec.driver'),
    ...requireText(spec?.pool?.name, 'spec.pool.name'),
  ],
  columns: [
    nameColumn,
    { name: 'Node', value: ({ spec }) => spec?.nodeName || (spec?.allNodes === true ? '<all>' : '<unset>') },
    { name: 'Driver', value: ({ spec }) => spec?.driver ?? '' },
    { name: 'Pool', value: ({ spec }) => spec?.pool?.name ?? '' },
    ageColumn,
  ],
});

function stateText({ metadata, status }: ResourceClaim): string {
  const states: string[] = [];
  if (metadata.deletionTimestamp !== undefined) states.push('deleted');
  if (status?.allocation !== undefined) states.push('allocated');
  if ((status?.reservedFor ?? []).length > 0) states.push('reserved');
  return status?.allocation === undefined ? [...states, 'pending'].join(',') : states.join(',');
}
