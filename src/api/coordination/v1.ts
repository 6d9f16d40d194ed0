import type { Lease } from '../generated/coordination-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/coordination-v1.ts';

export const leases: ResourceRef<Lease> = {
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
};
