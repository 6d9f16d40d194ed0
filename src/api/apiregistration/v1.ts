import type { APIService } from '../generated/apiregistration-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/apiregistration-v1.ts';

export const apiServices: ResourceRef<APIService> = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  namespaced: false,
};
