import type { RoleRow } from './role-table.ts';

/** Roles of the controllers, each bound to the ServiceAccount of its name in kube-system; same source as CLUSTER_ROLES. */
export const CONTROLLER_ROLES: readonly RoleRow[] = [
  {
    name: 'system:controller:attachdetach-controller',
    rules: [
      'core/{persistentvolumeclaims,persistentvolumes}:LW',
      'core/{nodes}:R',
      'core/{nodes/status}:patch,update',
      'core/{pods}:LW',
      'core,events.k8s.io/{events}:create,patch,update',
      'storage.k8s.io/{volumeattachments}:create,delete,get,list,watch',
      'storage.k8s.io/{csidrivers}:R',
      'storage.k8s.io/{csinodes}:R',
    ],
  },
  {
    name: 'system:controller:certificate-controller',
    rules: [
      'certificates.k8s.io/{certificatesigningrequests}:delete,get,list,watch',
      'certificates.k8s.io/{certificatesigningrequests/approval,certificatesigningrequests/status}:update',
      'certificates.k8s.io/{signers}[kubernetes.io/kube-apiserver-client-kubelet]:approve',
      'certificates.k8s.io/{signers}[kubernetes.io/kube-apiserver-client,kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown]:sign',
      'authorization.k8s.io/{subjectaccessreviews}:create',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:clusterrole-aggregation-controller',
    rules: ['rbac.authorization.k8s.io/{clusterroles}:escalate,get,list,patch,update,watch'],
  },
  {
    name: 'system:controller:cronjob-controller',
    rules: [
      'batch/{cronjobs}:get,list,update,watch',
      'batch/{jobs}:create,delete,get,list,patch,update,watch',
      'batch/{cronjobs/status}:update',
      'batch/{cronjobs/finalizers}:update',
      'core/{pods}:delete,list,watch',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:daemon-set-controller',
    rules: [
      'apps,extensions/{daemonsets}:R',
      'apps,extensions/{daemonsets/status}:update',
      'apps,extensions/{daemonsets/finalizers}:update',
      'core/{nodes}:LW',
      'core/{pods}:create,delete,list,patch,watch',
      'core/{pods/binding}:create',
      'apps/{controllerrevisions}:create,delete,get,list,patch,update,watch',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:deployment-controller',
    rules: [
      'apps,extensions/{deployments}:get,list,update,watch',
      'apps,extensions/{deployments/status}:update',
      'apps,extensions/{deployments/finalizers}:update',
      'apps,extensions/{replicasets}:create,delete,get,list,patch,update,watch',
      'core/{pods}:get,list,update,watch',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:device-taint-eviction-controller',
    rules: [
      'core/{pods}:delete,get,list,watch',
      'core/{pods/status}:patch,update',
      'resource.k8s.io/{resourceclaims}:R',
      'resource.k8s.io/{resourceslices}:R',
      'resource.k8s.io/{deviceclasses}:R',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:disruption-controller',
    rules: [
      'apps,extensions/{deployments}:R',
      'apps,extensions/{replicasets}:R',
      'core/{replicationcontrollers}:R',
      'policy/{poddisruptionbudgets}:R',
      'apps/{statefulsets}:R',
      'policy/{poddisruptionbudgets/status}:update',
      'core/{pods/status}:patch,update',
      '*/{*/scale}:get',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:endpoint-controller',
    rules: [
      'core/{pods,services}:R',
      'core/{endpoints}:create,delete,get,list,update,watch',
      'core/{endpoints/restricted}:create',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:endpointslice-controller',
    rules: [
      'core/{nodes,pods,services}:R',
      'core/{services/finalizers}:update',
      'discovery.k8s.io/{endpointslices}:create,delete,get,list,update,watch',
      'discovery.k8s.io/{endpointslices/restricted}:create',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:endpointslicemirroring-controller',
    rules: [
      'core/{endpoints,services}:R',
      'core/{services/finalizers}:update',
      'core/{endpoints/finalizers}:update',
      'discovery.k8s.io/{endpointslices}:create,delete,get,list,update,watch',
      'discovery.k8s.io/{endpointslices/restricted}:create',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:ephemeral-volume-controller',
    rules: [
      'core/{pods}:R',
      'core/{pods/finalizers}:update',
      'core/{persistentvolumeclaims}:create,get,list,watch',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:expand-controller',
    rules: [
      'core/{persistentvolumes}:get,list,patch,update,watch',
      'core/{persistentvolumeclaims/status}:patch,update',
      'core/{persistentvolumeclaims}:R',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:generic-garbage-collector',
    rules: ['*/{*}:delete,get,list,patch,update,watch', 'core,events.k8s.io/{events}:create,patch,update'],
  },
  {
    name: 'system:controller:horizontal-pod-autoscaler',
    rules: [
      'autoscaling/{horizontalpodautoscalers}:R',
      'autoscaling/{horizontalpodautoscalers/status}:update',
      '*/{*/scale}:get,update',
      'core/{pods}:LW',
      'metrics.k8s.io/{pods}:LW',
      'custom.metrics.k8s.io/{*}:R',
      'external.metrics.k8s.io/{*}:R',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:job-controller',
    rules: [
      'batch/{jobs}:get,list,patch,update,watch',
      'batch/{jobs/status}:update',
      'batch/{jobs/finalizers}:update',
      'core/{pods}:create,delete,list,patch,watch',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:legacy-service-account-token-cleaner',
    rules: [
      'core/{configmaps}[kube-apiserver-legacy-service-account-token-tracking]:get',
      'core/{secrets}:delete,patch',
    ],
  },
  {
    name: 'system:controller:namespace-controller',
    rules: [
      'core/{namespaces}:delete,get,list,watch',
      'core/{namespaces/finalize,namespaces/status}:update',
      '*/{*}:delete,deletecollection,get,list,watch',
    ],
  },
  {
    name: 'system:controller:node-controller',
    rules: [
      'core/{nodes}:delete,get,list,patch,update,watch',
      'core/{nodes/status}:patch,update',
      'core/{pods/status}:patch,update',
      'core/{pods}:delete,get,list,watch',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:persistent-volume-binder',
    rules: [
      'core/{persistentvolumes}:create,delete,get,list,update,watch',
      'core/{persistentvolumes/status}:update',
      'core/{persistentvolumeclaims}:get,list,update,watch',
      'core/{persistentvolumeclaims/status}:update',
      'core/{pods}:create,delete,get,list,watch',
      'storage.k8s.io/{storageclasses}:R',
      'core/{nodes}:LW',
      'core,events.k8s.io/{events}:create,patch,update',
      'core/{events}:watch',
    ],
  },
  {
    name: 'system:controller:pod-garbage-collector',
    rules: ['core/{pods}:delete,list,watch', 'core/{nodes}:R', 'core/{pods/status}:patch'],
  },
  {
    name: 'system:controller:pv-protection-controller',
    rules: ['core/{persistentvolumes}:get,list,update,watch', 'core,events.k8s.io/{events}:create,patch,update'],
  },
  {
    name: 'system:controller:pvc-protection-controller',
    rules: [
      'core/{persistentvolumeclaims}:get,list,update,watch',
      'core/{persistentvolumeclaims/status}:update',
      'core/{pods}:R',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:replicaset-controller',
    rules: [
      'apps,extensions/{replicasets}:get,list,update,watch',
      'apps,extensions/{replicasets/status}:update',
      'apps,extensions/{replicasets/finalizers}:update',
      'core/{pods}:create,delete,list,patch,watch',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:replication-controller',
    rules: [
      'core/{replicationcontrollers}:get,list,update,watch',
      'core/{replicationcontrollers/status}:update',
      'core/{replicationcontrollers/finalizers}:update',
      'core/{pods}:create,delete,list,patch,watch',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:resource-claim-controller',
    rules: [
      'core/{pods}:R',
      'core/{pods/finalizers}:update',
      'resource.k8s.io/{resourceclaims}:create,delete,get,list,watch',
      'resource.k8s.io/{resourceclaims,resourceclaims/status}:patch,update',
      'core/{pods/status}:patch,update',
      'core,events.k8s.io/{events}:create,patch,update',
      'resource.k8s.io/{resourceclaims/binding}:patch,update',
    ],
  },
  {
    name: 'system:controller:resourcequota-controller',
    rules: ['*/{*}:LW', 'core/{resourcequotas/status}:update', 'core,events.k8s.io/{events}:create,patch,update'],
  },
  {
    name: 'system:controller:root-ca-cert-publisher',
    rules: ['core/{configmaps}:create,update', 'core,events.k8s.io/{events}:create,patch,update'],
  },
  {
    name: 'system:controller:route-controller',
    rules: ['core/{nodes}:LW', 'core/{nodes/status}:patch', 'core,events.k8s.io/{events}:create,patch,update'],
  },
  {
    name: 'system:controller:selinux-warning-controller',
    rules: [
      'core,events.k8s.io/{events}:create,patch,update',
      'core/{persistentvolumes}:R',
      'core/{persistentvolumeclaims}:R',
      'core/{pods}:R',
      'storage.k8s.io/{csidrivers}:R',
    ],
  },
  {
    name: 'system:controller:service-account-controller',
    rules: ['core/{serviceaccounts}:create', 'core,events.k8s.io/{events}:create,patch,update'],
  },
  {
    name: 'system:controller:service-cidrs-controller',
    rules: [
      'networking.k8s.io/{servicecidrs}:get,list,patch,update,watch',
      'networking.k8s.io/{servicecidrs/finalizers}:patch,update',
      'networking.k8s.io/{servicecidrs/status}:patch,update',
      'networking.k8s.io/{ipaddresses}:R',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:service-controller',
    rules: [
      'core/{services}:R',
      'core/{services/status}:patch,update',
      'core/{nodes}:LW',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:statefulset-controller',
    rules: [
      'core/{pods}:LW',
      'apps/{statefulsets}:R',
      'apps/{statefulsets/status}:update',
      'apps/{statefulsets/finalizers}:update',
      'core/{pods}:create,delete,get,patch,update',
      'apps/{controllerrevisions}:create,delete,get,list,patch,update,watch',
      'core/{persistentvolumeclaims}:create,get,list,watch',
      'core/{persistentvolumeclaims}:delete,update',
      'core/{pods/finalizers}:update',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:ttl-after-finished-controller',
    rules: ['batch/{jobs}:delete,get,list,watch', 'core,events.k8s.io/{events}:create,patch,update'],
  },
  {
    name: 'system:controller:ttl-controller',
    rules: ['core/{nodes}:list,patch,update,watch', 'core,events.k8s.io/{events}:create,patch,update'],
  },
  {
    name: 'system:controller:validatingadmissionpolicy-status-controller',
    rules: [
      'admissionregistration.k8s.io/{validatingadmissionpolicies}:R',
      'admissionregistration.k8s.io/{validatingadmissionpolicies/status}:get,patch,update',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
  {
    name: 'system:controller:volumeattributesclass-protection-controller',
    rules: [
      'core/{persistentvolumeclaims}:R',
      'core/{persistentvolumes}:R',
      'storage.k8s.io/{volumeattributesclasses}:get,list,update,watch',
      'core,events.k8s.io/{events}:create,patch,update',
    ],
  },
];
