import type { CustomResourceDefinition } from '../generated/apiextensions-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/apiextensions-v1.ts';

export const customResourceDefinitions: ResourceRef<CustomResourceDefinition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
