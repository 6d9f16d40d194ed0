import type { DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice } from '../generated/resource-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/resource-v1.ts';

export const deviceClasses: ResourceRef<DeviceClass> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'DeviceClass',
  plural: 'deviceclasses',
  namespaced: false,
};
export const resourceClaims: ResourceRef<ResourceClaim> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaim',
  plural: 'resourceclaims',
  namespaced: true,
};
export const resourceClaimTemplates: ResourceRef<ResourceClaimTemplate> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceClaimTemplate',
  plural: 'resourceclaimtemplates',
  namespaced: true,
};
export const resourceSlices: ResourceRef<ResourceSlice> = {
  group: 'resource.k8s.io',
  version: 'v1',
  kind: 'ResourceSlice',
  plural: 'resourceslices',
  namespaced: false,
};
