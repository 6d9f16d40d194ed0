import type { FlowSchema, PriorityLevelConfiguration } from '../generated/flowcontrol-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/flowcontrol-v1.ts';

export const flowSchemas: ResourceRef<FlowSchema> = {
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'FlowSchema',
  plural: 'flowschemas',
  namespaced: false,
};
export const priorityLevelConfigurations: ResourceRef<PriorityLevelConfiguration> = {
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  plural: 'prioritylevelconfigurations',
  namespaced: false,
};
