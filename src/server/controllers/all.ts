import { certificateApprover, certificateCleaner, certificateSigner } from './certificates.ts';
import { clusterRoleAggregationController } from './clusterrole-aggregation.ts';
import { controlPlaneNodeController } from './control-plane-node.ts';
import type { Controller, ControllerDeps } from './controller.ts';
import { deploymentController } from './deployment/deployment.ts';
import { endpointSliceController, endpointsController } from './endpoints.ts';
import { namespaceController } from './namespace.ts';
import { rootCaController, serviceAccountController } from './namespace-defaults.ts';
import { nodeIpamController } from './node-ipam.ts';
import { nodeLifecycleController } from './node-lifecycle.ts';
import { podGarbageCollector } from './pod-garbage-collector.ts';
import { replicaSetController, replicationControllerController } from './replicaset.ts';
import { resourceQuotaController } from './resourcequota/resourcequota.ts';
import { serviceAccountTokenController } from './service-account-token.ts';
import { serviceLoadBalancerController } from './service-load-balancer.ts';
import { claimProtectionController, volumeProtectionController } from './storage-protection.ts';
import { taintEvictionController } from './taint-eviction.ts';

/** A controller with the name of the service account it speaks as. */
export interface ControllerEntry {
  readonly name: string;
  readonly create: (deps: ControllerDeps) => Controller;
}

/** Every controller. The garbage collector is no controller: it works on all kinds at once. */
export const allControllers: readonly ControllerEntry[] = [
  { name: 'service-account-controller', create: serviceAccountController },
  { name: 'tokens-controller', create: serviceAccountTokenController },
  { name: 'root-ca-cert-publisher', create: rootCaController },
  { name: 'namespace-controller', create: namespaceController },
  { name: 'node-ipam-controller', create: nodeIpamController },
  { name: 'node-controller', create: nodeLifecycleController },
  { name: 'node-controller', create: controlPlaneNodeController },
  { name: 'taint-eviction-controller', create: taintEvictionController },
  { name: 'certificate-approver', create: certificateApprover },
  { name: 'certificate-controller', create: certificateSigner },
  { name: 'certificate-cleaner', create: certificateCleaner },
  { name: 'clusterrole-aggregation-controller', create: clusterRoleAggregationController },
  { name: 'endpoint-controller', create: endpointsController },
  { name: 'endpointslice-controller', create: endpointSliceController },
  { name: 'service-controller', create: serviceLoadBalancerController },
  { name: 'replicaset-controller', create: replicaSetController },
  { name: 'replication-controller', create: replicationControllerController },
  { name: 'deployment-controller', create: deploymentController },
  { name: 'pvc-protection-controller', create: claimProtectionController },
  { name: 'pv-protection-controller', create: volumeProtectionController },
  { name: 'pod-garbage-collector', create: podGarbageCollector },
  { name: 'resourcequota-controller', create: resourceQuotaController },
];
