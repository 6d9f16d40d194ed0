import type { EndpointSlice } from '../generated/discovery-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/discovery-v1.ts';

export const endpointSlices: ResourceRef<EndpointSlice> = {
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
};
