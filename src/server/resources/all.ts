import type { Client } from '#client/client.ts';
import type { Authorizer } from '#server/apiserver/auth.ts';
import type { ServerAuthenticator } from '#server/apiserver/authn/authenticator.ts';
import type { ServiceAccountTokens } from '#server/apiserver/authn/service-account-tokens.ts';
import type { ResourceDefinition } from '#server/apiserver/resource.ts';
import {
  mutatingAdmissionPolicyBindingResource,
  mutatingAdmissionPolicyResource,
  validatingAdmissionPolicyBindingResource,
  validatingAdmissionPolicyResource,
} from './admissionregistration/policies.ts';
import { mutatingWebhookResource, validatingWebhookResource } from './admissionregistration/webhooks.ts';
import { customResourceDefinitionResource } from './apiextensions/customresourcedefinition.ts';
import { apiServiceResource } from './apiregistration/apiservice.ts';
import { controllerRevisionResource } from './apps/controllerrevision.ts';
import { daemonSetResource } from './apps/daemonset.ts';
import { deploymentResource } from './apps/deployment.ts';
import { replicaSetResource } from './apps/replicaset.ts';
import { statefulSetResource } from './apps/statefulset.ts';
import { selfSubjectReviewResource, tokenReviewResource } from './authentication/reviews.ts';
import {
  localSubjectAccessReviewResource,
  selfSubjectAccessReviewResource,
  selfSubjectRulesReviewResource,
  subjectAccessReviewResource,
} from './authorization/reviews.ts';
import { hpaResource } from './autoscaling/hpa.ts';
import { hpaV1Resource } from './autoscaling/hpa-v1.ts';
import { cronJobResource } from './batch/cronjob.ts';
import { jobResource } from './batch/job.ts';
import { csrResource } from './certificates/csr.ts';
import { leaseResource } from './coordination/lease.ts';
import { bindingResource } from './core/binding.ts';
import { componentStatusResource } from './core/componentstatus.ts';
import { configMapResource } from './core/configmap.ts';
import { endpointsResource } from './core/endpoints.ts';
import { eventResource } from './core/event.ts';
import { limitRangeResource } from './core/limitrange.ts';
import { namespaceResource } from './core/namespace.ts';
import { nodeResource } from './core/node.ts';
import { persistentVolumeResource } from './core/persistentvolume.ts';
import { persistentVolumeClaimResource } from './core/persistentvolumeclaim.ts';
import { podResource } from './core/pod.ts';
import { podTemplateResource } from './core/podtemplate.ts';
import { replicationControllerResource } from './core/replicationcontroller.ts';
import { resourceQuotaResource } from './core/resourcequota.ts';
import { secretResource } from './core/secret.ts';
import { serviceResource } from './core/service.ts';
import { ServiceAllocator } from './core/service-allocator.ts';
import { serviceAccountResource } from './core/serviceaccount.ts';
import { endpointSliceResource } from './discovery/endpointslice.ts';
import { eventsV1EventResource } from './events/event.ts';
import { flowSchemaResource, priorityLevelResource } from './flowcontrol/flowcontrol.ts';
import { ingressClassResource, ingressResource } from './networking/ingress.ts';
import { networkPolicyResource } from './networking/networkpolicy.ts';
import { ipAddressResource, serviceCidrResource } from './networking/servicecidr.ts';
import { runtimeClassResource } from './node/runtimeclass.ts';
import { podDisruptionBudgetResource } from './policy/poddisruptionbudget.ts';
import { clusterRoleResource, roleResource } from './rbac/role.ts';
import { clusterRoleBindingResource, roleBindingResource } from './rbac/rolebinding.ts';
import {
  deviceClassResource,
  resourceClaimResource,
  resourceClaimTemplateResource,
  resourceSliceResource,
} from './resource/dra.ts';
import { priorityClassResource } from './scheduling/priorityclass.ts';
import {
  csiDriverResource,
  csiNodeResource,
  csiStorageCapacityResource,
  volumeAttachmentResource,
  volumeAttributesClassResource,
} from './storage/csi.ts';
import { storageClassResource } from './storage/storageclass.ts';

/** What resources need of the rest of the server. Functions, because the server is built around the resources. */
export interface ResourceDeps {
  /** E.g. `10.43.0.0/16`. */
  readonly serviceCidr: string;
  /** First and last node port. */
  readonly nodePorts: readonly [number, number];
  readonly authorizer: () => Authorizer;
  readonly authenticator: () => Pick<ServerAuthenticator, 'review'>;
  readonly tokens: () => ServiceAccountTokens;
  /** The server's own access; it acts as `SERVER_USER`. */
  readonly client: () => Client;
}

/** Every built-in resource. The order is that of discovery. */
export function allResources(deps: ResourceDeps): ResourceDefinition[] {
  const { authorizer } = deps;
  // Each definition knows its own object type; together they are definitions of some object.
  const groups: readonly (readonly unknown[])[] = [
    coreResources(deps),
    [apiServiceResource],
    [controllerRevisionResource, daemonSetResource, deploymentResource, replicaSetResource, statefulSetResource],
    [eventsV1EventResource],
    [selfSubjectReviewResource, tokenReviewResource(deps.authenticator)],
    [
      localSubjectAccessReviewResource(authorizer),
      selfSubjectAccessReviewResource(authorizer),
      selfSubjectRulesReviewResource(authorizer),
      subjectAccessReviewResource(authorizer),
    ],
    [hpaResource, hpaV1Resource],
    [cronJobResource, jobResource],
    [csrResource],
    [ingressClassResource, ingressResource, ipAddressResource, networkPolicyResource, serviceCidrResource],
    [podDisruptionBudgetResource],
    [
      clusterRoleBindingResource(authorizer),
      clusterRoleResource(authorizer),
      roleBindingResource(authorizer),
      roleResource(authorizer),
    ],
    [
      csiDriverResource,
      csiNodeResource,
      csiStorageCapacityResource,
      storageClassResource,
      volumeAttachmentResource,
      volumeAttributesClassResource,
    ],
    [
      mutatingAdmissionPolicyResource,
      mutatingAdmissionPolicyBindingResource,
      mutatingWebhookResource,
      validatingAdmissionPolicyResource,
      validatingAdmissionPolicyBindingResource,
      validatingWebhookResource,
    ],
    [customResourceDefinitionResource],
    [priorityClassResource],
    [leaseResource],
    [runtimeClassResource],
    [endpointSliceResource],
    [deviceClassResource, resourceClaimResource, resourceClaimTemplateResource, resourceSliceResource],
    [flowSchemaResource, priorityLevelResource],
  ];
  return groups.flat() as ResourceDefinition[];
}

function coreResources({ serviceCidr, nodePorts, tokens, client }: ResourceDeps): readonly unknown[] {
  return [
    bindingResource(client),
    componentStatusResource,
    configMapResource,
    endpointsResource,
    eventResource,
    limitRangeResource,
    namespaceResource,
    nodeResource,
    persistentVolumeClaimResource,
    persistentVolumeResource,
    podResource,
    podTemplateResource,
    replicationControllerResource,
    resourceQuotaResource,
    secretResource,
    serviceAccountResource(tokens),
    serviceResource(new ServiceAllocator({ serviceCidr, nodePorts })),
  ];
}
