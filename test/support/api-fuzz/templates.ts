/** Objects that are accepted as they are; what the generator makes its variants from. By kind; names come later. */
const podSpec = {
  containers: [
    {
      name: 'c',
      image: 'nginx:1',
      env: [
        { name: 'A', value: '1' },
        { name: 'B', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
      ],
      ports: [{ name: 'http', containerPort: 80, protocol: 'TCP' }],
      resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
      volumeMounts: [{ name: 'v', mountPath: '/data' }],
      readinessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 5 },
      securityContext: { runAsUser: 1000, capabilities: { drop: ['ALL'] } },
    },
  ],
  initContainers: [{ name: 'i', image: 'busybox:1', command: ['true'] }],
  volumes: [
    { name: 'v', emptyDir: { sizeLimit: '1Gi' } },
    { name: 'cm', configMap: { name: 'a', items: [{ key: 'k', path: 'p' }] } },
  ],
  tolerations: [{ key: 'k', operator: 'Exists', effect: 'NoSchedule' }],
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'zone', operator: 'In', values: ['z'] }] }],
      },
    },
  },
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'zone',
      whenUnsatisfiable: 'ScheduleAnyway',
      labelSelector: { matchLabels: { a: 'b' } },
    },
  ],
};
const labels = { app: 'web' };
const selector = { matchLabels: labels };
const template = { metadata: { labels }, spec: { ...podSpec, restartPolicy: 'Always' } };
const jobTemplate = { metadata: { labels }, spec: { ...podSpec, restartPolicy: 'Never' } };
const claim = {
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
  storageClassName: 'standard',
};
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'a' };
const subjects = [{ kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'jane' }];
const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }];
const webhook = {
  name: 'w.example.com',
  clientConfig: { service: { namespace: 'default', name: 'web', path: '/x' } },
  rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['widgets'] }],
  sideEffects: 'None',
  admissionReviewVersions: ['v1'],
  failurePolicy: 'Ignore',
};
const crdSchema = {
  openAPIV3Schema: {
    type: 'object',
    properties: { spec: { type: 'object', properties: { size: { type: 'integer', minimum: 0 } } } },
  },
};

type Template = Readonly<Record<string, unknown>>;

export const TEMPLATES: Readonly<Record<string, Template>> = {
  Pod: { spec: podSpec },
  PodTemplate: { template },
  ReplicationController: { spec: { replicas: 2, selector: labels, template } },
  Deployment: { spec: { replicas: 3, selector, template, strategy: { rollingUpdate: { maxSurge: '25%' } } } },
  ReplicaSet: { spec: { replicas: 1, selector, template } },
  DaemonSet: { spec: { selector, template } },
  StatefulSet: {
    spec: {
      serviceName: 's',
      selector,
      template,
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claim }],
    },
  },
  ControllerRevision: { revision: 1, data: { a: 1 } },
  Job: { spec: { template: jobTemplate, backoffLimit: 2, completions: 3 } },
  CronJob: { spec: { schedule: '*/5 * * * *', jobTemplate: { spec: { template: jobTemplate } } } },
  Service: {
    spec: {
      type: 'NodePort',
      selector: labels,
      ports: [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }],
    },
  },
  ConfigMap: { data: { k: 'v', 'other.txt': 'text' }, binaryData: { b: 'aGVsbG8=' } },
  Secret: { type: 'Opaque', data: { k: 'aGVsbG8=' }, stringData: { s: 'plain' } },
  Namespace: { spec: {} },
  Node: {
    spec: { podCIDR: '10.42.7.0/24', podCIDRs: ['10.42.7.0/24'], taints: [{ key: 'k', effect: 'NoSchedule' }] },
    status: { capacity: { cpu: '4' }, conditions: [{ type: 'Ready', status: 'True' }] },
  },
  Endpoints: { subsets: [{ addresses: [{ ip: '10.42.7.2' }], ports: [{ port: 80 }] }] },
  EndpointSlice: {
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.42.7.2'], conditions: { ready: true } }],
    ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
  },
  Event: {
    involvedObject: { kind: 'Pod', name: 'a', namespace: 'default' },
    reason: 'Started',
    message: 'text',
    type: 'Normal',
  },
  LimitRange: { spec: { limits: [{ type: 'Container', default: { cpu: '1' }, max: { cpu: '2' } }] } },
  ResourceQuota: { spec: { hard: { pods: '10', 'requests.cpu': '4' } } },
  PersistentVolumeClaim: { spec: claim },
  PersistentVolume: {
    spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } },
  },
  ServiceAccount: { automountServiceAccountToken: true },
  Ingress: {
    spec: {
      rules: [
        {
          host: 'example.com',
          http: {
            paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }],
          },
        },
      ],
    },
  },
  IngressClass: { spec: { controller: 'example.com/c' } },
  NetworkPolicy: {
    spec: {
      podSelector: selector,
      ingress: [{ from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 80 }] }],
      policyTypes: ['Ingress'],
    },
  },
  PodDisruptionBudget: { spec: { minAvailable: '50%', selector } },
  HorizontalPodAutoscaler: {
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 5,
      minReplicas: 1,
    },
  },
  Role: { rules },
  ClusterRole: { rules, aggregationRule: { clusterRoleSelectors: [selector] } },
  RoleBinding: { roleRef, subjects },
  ClusterRoleBinding: { roleRef, subjects },
  StorageClass: { provisioner: 'example.com/p', parameters: { a: 'b' } },
  PriorityClass: { value: 1000 },
  RuntimeClass: { handler: 'runc' },
  Lease: { spec: { holderIdentity: 'me', leaseDurationSeconds: 40, renewTime: '2024-01-01T00:00:00.000000Z' } },
  CSIDriver: { spec: { attachRequired: false } },
  CSINode: { spec: { drivers: [{ name: 'd.example.com', nodeID: 'n' }] } },
  VolumeAttachment: { spec: { attacher: 'd.example.com', nodeName: 'a', source: { persistentVolumeName: 'a' } } },
  ValidatingWebhookConfiguration: { webhooks: [webhook] },
  MutatingWebhookConfiguration: { webhooks: [webhook] },
  CustomResourceDefinition: {
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'widgets', singular: 'widget', kind: 'Widget', listKind: 'WidgetList' },
      versions: [{ name: 'v1', served: true, storage: true, schema: crdSchema }],
    },
  },
  APIService: {
    spec: { group: 'example.com', version: 'v1', groupPriorityMinimum: 1000, versionPriority: 15 },
  },
  TokenReview: { spec: { token: 'a.b.c' } },
  SubjectAccessReview: { spec: { user: 'jane', resourceAttributes: { verb: 'get', resource: 'pods' } } },
  LocalSubjectAccessReview: {
    spec: { user: 'jane', resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } },
  },
  SelfSubjectAccessReview: { spec: { nonResourceAttributes: { path: '/', verb: 'get' } } },
  SelfSubjectRulesReview: { spec: { namespace: 'default' } },
  Binding: { target: { kind: 'Node', name: 'a' } },
  Eviction: { deleteOptions: { gracePeriodSeconds: 0 } },
  Scale: { spec: { replicas: 4 } },
  TokenRequest: { spec: { audiences: ['api'], expirationSeconds: 3600 } },
  DeleteOptions: { gracePeriodSeconds: 0, propagationPolicy: 'Background' },
};
