import type { RuntimeClass } from '../generated/node-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/node-v1.ts';

export const runtimeClasses: ResourceRef<RuntimeClass> = {
  group: 'node.k8s.io',
  version: 'v1',
  kind: 'RuntimeClass',
  plural: 'runtimeclasses',
  namespaced: false,
};
