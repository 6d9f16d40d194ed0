import { certificateApprover, certificateCleaner, certificateSigner } from './certificates.ts';
import { clusterRoleAggregationController } from './clusterrole-aggregation.ts';
import type { Controller, ControllerDeps } from './controller.ts';
import { deploymentController } from './deployment/deployment.ts';
import { endpointSliceController, endpointsController } from './endpoints.ts';
import { namespaceController } from './namespace.ts';
import { rootCaController, serviceAccountController } from './namespace-defaults.ts';
import { nodeIpamController } from './node-ipam.ts';
import { nodeLifecycleController } from './node-lifecycle.ts';
import { podGarbageCollector } from './pod-garbage-collector.ts';
import { replicaSetController, replicationControllerController } from './replicaset.ts';
import { serviceLoadBalancerController } from './service-load-balancer.ts';
import { taintEvictionController } from './taint-eviction.ts';

/** Every controller that needs nothing but the usual; those with more are added by the composition root. */
export const allControllers: readonly ((deps: ControllerDeps) => Controller)[] = [
  serviceAccountController,
  rootCaController,
  namespaceController,
  nodeIpamController,
  nodeLifecycleController,
  taintEvictionController,
  certificateApprover,
  certificateSigner,
  certificateCleaner,
  clusterRoleAggregationController,
  endpointsController,
  endpointSliceController,
  serviceLoadBalancerController,
  replicaSetController,
  replicationControllerController,
  deploymentController,
  podGarbageCollector,
];
