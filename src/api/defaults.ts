/** Which resources have defaults beyond their schema's. */
import * as admission from './admissionregistration/defaults.ts';
import * as admissionV1 from './admissionregistration/v1.ts';
import { defaultCustomResourceDefinition } from './apiextensions/defaults.ts';
import { customResourceDefinitions } from './apiextensions/v1.ts';
import { defaultApiService } from './apiregistration/defaults.ts';
import { apiServices } from './apiregistration/v1.ts';
import * as apps from './apps/defaults.ts';
import { daemonSets, deployments, replicaSets, statefulSets } from './apps/v1.ts';
import { defaultHorizontalPodAutoscaler, defaultHorizontalPodAutoscalerV1 } from './autoscaling/defaults.ts';
import { horizontalPodAutoscalers as horizontalPodAutoscalersV1 } from './autoscaling/v1.ts';
import { horizontalPodAutoscalers } from './autoscaling/v2.ts';
import { defaultCronJob, defaultJob } from './batch/defaults.ts';
import { cronJobs, jobs } from './batch/v1.ts';
import * as core from './core/defaults.ts';
import * as coreV1 from './core/v1.ts';
import { defaultEndpointSlice } from './discovery/defaults.ts';
import { endpointSlices } from './discovery/v1.ts';
import { defaultFlowSchema, defaultPriorityLevel } from './flowcontrol/defaults.ts';
import { flowSchemas, priorityLevelConfigurations } from './flowcontrol/v1.ts';
import { groupResource, type ResourceRef } from './meta/resource-ref.ts';
import type { ApiObject } from './meta/types.ts';
import { defaultIngressClass, defaultNetworkPolicy } from './networking/defaults.ts';
import { ingressClasses, networkPolicies } from './networking/v1.ts';
import { defaultRoleBinding } from './rbac/defaults.ts';
import { clusterRoleBindings, roleBindings } from './rbac/v1.ts';
import { defaultResourceClaim, defaultResourceClaimTemplate } from './resource/defaults.ts';
import { resourceClaims, resourceClaimTemplates } from './resource/v1.ts';
import { defaultPriorityClass } from './scheduling/defaults.ts';
import { priorityClasses } from './scheduling/v1.ts';
import { defaultCsiDriver, defaultStorageClass } from './storage/defaults.ts';
import { csiDrivers, storageClasses } from './storage/v1.ts';

type Defaulter = (object: ApiObject) => void;

function entry<T extends ApiObject>(ref: ResourceRef<T>, apply: (object: T) => void): [string, Defaulter] {
  // The table is read by the same reference, so the object is a T.
  return [keyOf(ref), apply as Defaulter];
}

function keyOf(ref: Pick<ResourceRef, 'group' | 'version' | 'plural'>): string {
  return `${groupResource(ref)}/${ref.version}`;
}

const DEFAULTS: ReadonlyMap<string, Defaulter> = new Map([
  entry(coreV1.limitRanges, core.defaultLimitRange),
  entry(coreV1.namespaces, core.defaultNamespace),
  entry(coreV1.nodes, core.defaultNode),
  entry(coreV1.persistentVolumeClaims, core.defaultPersistentVolumeClaim),
  entry(coreV1.persistentVolumes, core.defaultPersistentVolume),
  entry(coreV1.pods, core.defaultPod),
  entry(coreV1.podTemplates, core.defaultPodTemplateObject),
  entry(coreV1.replicationControllers, core.defaultReplicationController),
  entry(coreV1.secrets, core.defaultSecret),
  entry(coreV1.services, core.defaultService),
  entry(daemonSets, apps.defaultDaemonSet),
  entry(deployments, apps.defaultDeployment),
  entry(replicaSets, apps.defaultReplicaSet),
  entry(statefulSets, apps.defaultStatefulSet),
  entry(cronJobs, defaultCronJob),
  entry(jobs, defaultJob),
  entry(horizontalPodAutoscalers, defaultHorizontalPodAutoscaler),
  entry(horizontalPodAutoscalersV1, defaultHorizontalPodAutoscalerV1),
  entry(ingressClasses, defaultIngressClass),
  entry(networkPolicies, defaultNetworkPolicy),
  entry(clusterRoleBindings, defaultRoleBinding),
  entry(roleBindings, defaultRoleBinding),
  entry(csiDrivers, defaultCsiDriver),
  entry(storageClasses, defaultStorageClass),
  entry(priorityClasses, defaultPriorityClass),
  entry(endpointSlices, defaultEndpointSlice),
  entry(admissionV1.validatingWebhookConfigurations, admission.defaultValidatingWebhooks),
  entry(admissionV1.mutatingWebhookConfigurations, admission.defaultMutatingWebhooks),
  entry(admissionV1.validatingAdmissionPolicies, admission.defaultAdmissionPolicy),
  entry(admissionV1.mutatingAdmissionPolicies, admission.defaultAdmissionPolicy),
  entry(admissionV1.validatingAdmissionPolicyBindings, admission.defaultAdmissionPolicyBinding),
  entry(admissionV1.mutatingAdmissionPolicyBindings, admission.defaultAdmissionPolicyBinding),
  entry(flowSchemas, defaultFlowSchema),
  entry(priorityLevelConfigurations, defaultPriorityLevel),
  entry(customResourceDefinitions, defaultCustomResourceDefinition),
  entry(apiServices, defaultApiService),
  entry(resourceClaims, defaultResourceClaim),
  entry(resourceClaimTemplates, defaultResourceClaimTemplate),
]);

/** What fills in an object of a built-in resource after `applyDefaults`; undefined where the schema says all. */
export function getBuiltinDefaults(ref: Pick<ResourceRef, 'group' | 'version' | 'plural'>): Defaulter | undefined {
  return DEFAULTS.get(keyOf(ref));
}
