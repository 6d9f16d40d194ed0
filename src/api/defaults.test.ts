import { expect, test } from 'vitest';
import { validatingWebhookConfigurations } from './admissionregistration/v1.ts';
import { customResourceDefinitions } from './apiextensions/v1.ts';
import { apiServices } from './apiregistration/v1.ts';
import { daemonSets, deployments, replicaSets, statefulSets } from './apps/v1.ts';
import { horizontalPodAutoscalers } from './autoscaling/v2.ts';
import { cronJobs, jobs } from './batch/v1.ts';
import { builtinResources, getBuiltinKind } from './catalogue.ts';
import {
  limitRanges,
  namespaces,
  nodes,
  persistentVolumeClaims,
  persistentVolumes,
  pods,
  replicationControllers,
  secrets,
  services,
} from './core/v1.ts';
import { getBuiltinDefaults } from './defaults.ts';
import { endpointSlices } from './discovery/v1.ts';
import { flowSchemas, priorityLevelConfigurations } from './flowcontrol/v1.ts';
import { deepClone } from './meta/clone.ts';
import type { ResourceRef } from './meta/resource-ref.ts';
import type { ApiObject } from './meta/types.ts';
import { ingressClasses, networkPolicies } from './networking/v1.ts';
import { clusterRoleBindings } from './rbac/v1.ts';
import { resourceClaims } from './resource/v1.ts';
import { priorityClasses } from './scheduling/v1.ts';
import { applyDefaults } from './schema/defaulting.ts';
import { BuiltinSchemas } from './schema/registry.ts';
import { storageClasses } from './storage/v1.ts';

const registry = new BuiltinSchemas();

/** An object as the API would store it: schema defaults, then the kind's own. */
function stored(ref: ResourceRef, input: object): unknown {
  const object = deepClone({ metadata: { name: 'a' }, ...input }) as ApiObject;
  applyDefaults({ type: 'ref', name: getBuiltinKind(ref)?.schema ?? '' }, object, registry);
  getBuiltinDefaults(ref)?.(object);
  return object;
}

interface Row {
  readonly name: string;
  readonly ref: ResourceRef;
  readonly input: object;
  readonly expected: object;
}

const container = (fields: object) => ({ spec: { containers: [{ name: 'c', image: 'nginx:1', ...fields }] } });
const rolling = (rollingUpdate: object) => ({ type: 'RollingUpdate', rollingUpdate });

test.each<Row>([
  {
    name: 'a pod without containers has a list of none',
    ref: pods,
    input: { spec: {} },
    expected: { spec: { containers: [] } },
  },
  {
    name: 'a volume without name has an empty one',
    ref: pods,
    input: { spec: { containers: [], volumes: [{ emptyDir: {} }] } },
    expected: { spec: { volumes: [{ name: '', emptyDir: {} }] } },
  },
  {
    name: 'a pod',
    ref: pods,
    input: container({}),
    expected: {
      spec: {
        containers: [
          {
            name: 'c',
            image: 'nginx:1',
            imagePullPolicy: 'IfNotPresent',
            resources: {},
            terminationMessagePath: '/dev/termination-log',
            terminationMessagePolicy: 'File',
          },
        ],
        dnsPolicy: 'ClusterFirst',
        restartPolicy: 'Always',
        schedulerName: 'default-scheduler',
        securityContext: {},
        terminationGracePeriodSeconds: 30,
        enableServiceLinks: true,
      },
    },
  },
  {
    name: 'a grace period of zero stays',
    ref: pods,
    input: { spec: { containers: [], terminationGracePeriodSeconds: 0 } },
    expected: { spec: { terminationGracePeriodSeconds: 0 } },
  },
  {
    name: 'no tag is the latest',
    ref: pods,
    input: container({ image: 'host:5000/nginx' }),
    expected: container({ image: 'host:5000/nginx', imagePullPolicy: 'Always' }),
  },
  {
    name: 'the latest tag is pulled always',
    ref: pods,
    input: container({ image: 'nginx:latest' }),
    expected: container({ image: 'nginx:latest', imagePullPolicy: 'Always' }),
  },
  {
    name: 'a digest is pulled once',
    ref: pods,
    input: container({ image: 'nginx@sha256:0' }),
    expected: container({ image: 'nginx@sha256:0', imagePullPolicy: 'IfNotPresent' }),
  },
  {
    name: 'a probe',
    ref: pods,
    input: container({ livenessProbe: { httpGet: { port: 80 } } }),
    expected: container({
      livenessProbe: {
        httpGet: { port: 80, path: '/', scheme: 'HTTP' },
        timeoutSeconds: 1,
        periodSeconds: 10,
        successThreshold: 1,
        failureThreshold: 3,
      },
    }),
  },
  {
    name: 'limits without requests',
    ref: pods,
    input: container({ resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } } }),
    expected: container({
      resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } },
    }),
  },
  {
    name: 'ports on the host’s network',
    ref: pods,
    input: { spec: { hostNetwork: true, containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] } },
    expected: { spec: { containers: [{ ports: [{ containerPort: 80, hostPort: 80, protocol: 'TCP' }] }] } },
  },
  {
    name: 'both names of the service account',
    ref: pods,
    input: { spec: { containers: [], serviceAccount: 'x' } },
    expected: { spec: { serviceAccountName: 'x', serviceAccount: 'x' } },
  },
  {
    name: 'fields in the environment',
    ref: pods,
    input: container({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
    expected: container({
      env: [{ name: 'A', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } }],
    }),
  },
  {
    name: 'volumes',
    ref: pods,
    input: {
      spec: {
        containers: [],
        volumes: [
          { name: 'none' },
          { name: 'secret', secret: { secretName: 's' } },
          { name: 'path', hostPath: { path: '/x' } },
          { name: 'projected', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
        ],
      },
    },
    expected: {
      spec: {
        volumes: [
          { name: 'none', emptyDir: {} },
          { name: 'secret', secret: { secretName: 's', defaultMode: 420 } },
          { name: 'path', hostPath: { path: '/x', type: '' } },
          {
            name: 'projected',
            projected: { defaultMode: 420, sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 3600 } }] },
          },
        ],
      },
    },
  },
  {
    name: 'a service',
    ref: services,
    input: { spec: { ports: [{ port: 80 }] } },
    expected: {
      spec: {
        type: 'ClusterIP',
        sessionAffinity: 'None',
        internalTrafficPolicy: 'Cluster',
        ports: [{ port: 80, targetPort: 80, protocol: 'TCP' }],
      },
      status: { loadBalancer: {} },
    },
  },
  {
    name: 'a service with sticky clients',
    ref: services,
    input: { spec: { sessionAffinity: 'ClientIP' } },
    expected: { spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } } } },
  },
  {
    name: 'a load balancer',
    ref: services,
    input: { spec: { type: 'LoadBalancer', ports: [{ port: 1, targetPort: 'web' }] } },
    expected: {
      spec: { externalTrafficPolicy: 'Cluster', allocateLoadBalancerNodePorts: true, ports: [{ targetPort: 'web' }] },
    },
  },
  {
    name: 'a namespace',
    ref: namespaces,
    input: {},
    expected: { metadata: { labels: { 'kubernetes.io/metadata.name': 'a' } }, status: { phase: 'Active' } },
  },
  {
    name: 'a node',
    ref: nodes,
    input: { status: { capacity: { cpu: '1' } } },
    expected: { status: { allocatable: { cpu: '1' } } },
  },
  { name: 'a secret', ref: secrets, input: {}, expected: { type: 'Opaque' } },
  {
    name: 'a volume',
    ref: persistentVolumes,
    input: { spec: { hostPath: { path: '/x' } } },
    expected: {
      spec: { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem', hostPath: { type: '' } },
      status: { phase: 'Pending' },
    },
  },
  {
    name: 'a claim',
    ref: persistentVolumeClaims,
    input: { spec: {} },
    expected: { spec: { volumeMode: 'Filesystem' }, status: { phase: 'Pending' } },
  },
  {
    name: 'a replication controller',
    ref: replicationControllers,
    input: { spec: { template: { metadata: { labels: { x: 'y' } } } } },
    expected: { metadata: { labels: { x: 'y' } }, spec: { replicas: 1, selector: { x: 'y' } } },
  },
  {
    name: 'limits of containers',
    ref: limitRanges,
    input: { spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' } }] } },
    expected: { spec: { limits: [{ default: { cpu: '2' }, defaultRequest: { cpu: '2', memory: '1Mi' } }] } },
  },
  {
    name: 'a deployment',
    ref: deployments,
    input: { spec: {} },
    expected: {
      spec: {
        replicas: 1,
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        strategy: rolling({ maxSurge: '25%', maxUnavailable: '25%' }),
        template: { spec: { restartPolicy: 'Always' } },
      },
    },
  },
  {
    name: 'a deployment of no replicas',
    ref: deployments,
    input: { spec: { replicas: 0, strategy: { type: 'Recreate' } } },
    expected: { spec: { replicas: 0, strategy: { type: 'Recreate' } } },
  },
  {
    name: 'a replica set',
    ref: replicaSets,
    input: { spec: {} },
    expected: { spec: { replicas: 1 }, status: { replicas: 0 } },
  },
  {
    name: 'a daemon set',
    ref: daemonSets,
    input: { spec: {} },
    expected: { spec: { revisionHistoryLimit: 10, updateStrategy: rolling({ maxUnavailable: 1, maxSurge: 0 }) } },
  },
  {
    name: 'a stateful set',
    ref: statefulSets,
    input: { spec: { volumeClaimTemplates: [{ metadata: { name: 'd' } }] } },
    expected: {
      spec: {
        replicas: 1,
        podManagementPolicy: 'OrderedReady',
        updateStrategy: rolling({ partition: 0 }),
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
        volumeClaimTemplates: [{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', spec: { volumeMode: 'Filesystem' } }],
      },
    },
  },
  {
    name: 'a job',
    ref: jobs,
    input: { spec: {} },
    expected: {
      spec: {
        completions: 1,
        parallelism: 1,
        backoffLimit: 6,
        completionMode: 'NonIndexed',
        suspend: false,
        podReplacementPolicy: 'TerminatingOrFailed',
      },
    },
  },
  {
    name: 'a job with a backoff per index',
    ref: jobs,
    input: { spec: { backoffLimitPerIndex: 1 } },
    expected: { spec: { backoffLimit: 2147483647 } },
  },
  {
    name: 'a cron job',
    ref: cronJobs,
    input: { spec: { jobTemplate: { spec: { template: { spec: { containers: [] } } } } } },
    expected: {
      spec: {
        concurrencyPolicy: 'Allow',
        suspend: false,
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 1,
        jobTemplate: { spec: { template: { spec: { dnsPolicy: 'ClusterFirst' } } } },
      },
    },
  },
  {
    name: 'an autoscaler',
    ref: horizontalPodAutoscalers,
    input: { spec: { maxReplicas: 3 } },
    expected: {
      spec: {
        minReplicas: 1,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } } },
        ],
      },
    },
  },
  {
    name: 'a binding of roles',
    ref: clusterRoleBindings,
    input: {
      roleRef: { kind: 'ClusterRole', name: 'x' },
      subjects: [
        { kind: 'User', name: 'u' },
        { kind: 'ServiceAccount', name: 's' },
      ],
    },
    expected: {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io' }, { kind: 'ServiceAccount', name: 's' }],
    },
  },
  {
    name: 'a network policy',
    ref: networkPolicies,
    input: { spec: { egress: [{ ports: [{ port: 53 }] }] } },
    expected: { spec: { policyTypes: ['Ingress', 'Egress'], egress: [{ ports: [{ protocol: 'TCP' }] }] } },
  },
  {
    name: 'a class of ingresses',
    ref: ingressClasses,
    input: { spec: { parameters: { kind: 'K', name: 'n' } } },
    expected: { spec: { parameters: { scope: 'Cluster' } } },
  },
  {
    name: 'a class of storage',
    ref: storageClasses,
    input: {},
    expected: { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' },
  },
  {
    name: 'a class of priorities',
    ref: priorityClasses,
    input: {},
    expected: { preemptionPolicy: 'PreemptLowerPriority' },
  },
  {
    name: 'a slice of endpoints',
    ref: endpointSlices,
    input: { ports: [{ port: 1 }] },
    expected: { ports: [{ name: '', port: 1, protocol: 'TCP' }] },
  },
  {
    name: 'webhooks',
    ref: validatingWebhookConfigurations,
    input: { webhooks: [{ name: 'w', clientConfig: { service: { name: 's' } }, rules: [{}] }] },
    expected: {
      webhooks: [
        {
          failurePolicy: 'Fail',
          matchPolicy: 'Equivalent',
          timeoutSeconds: 10,
          objectSelector: {},
          rules: [{ scope: '*' }],
          clientConfig: { service: { port: 443 } },
        },
      ],
    },
  },
  { name: 'a flow schema', ref: flowSchemas, input: { spec: {} }, expected: { spec: { matchingPrecedence: 1000 } } },
  {
    name: 'a priority level',
    ref: priorityLevelConfigurations,
    input: { spec: { limited: { limitResponse: { queuing: {} } } } },
    expected: {
      spec: {
        limited: {
          nominalConcurrencyShares: 30,
          limitResponse: { queuing: { queues: 64, handSize: 8, queueLengthLimit: 50 } },
        },
      },
    },
  },
  {
    name: 'a definition of resources',
    ref: customResourceDefinitions,
    input: { spec: { names: { kind: 'Widget', plural: 'widgets' } } },
    expected: { spec: { conversion: { strategy: 'None' }, names: { singular: 'widget', listKind: 'WidgetList' } } },
  },
  {
    name: 'an aggregated API',
    ref: apiServices,
    input: { spec: { service: { name: 's' } } },
    expected: { spec: { service: { port: 443 } } },
  },
  {
    name: 'a claim of devices',
    ref: resourceClaims,
    input: { spec: { devices: { requests: [{ name: 'r', exactly: { deviceClassName: 'c' } }] } } },
    expected: { spec: { devices: { requests: [{ exactly: { allocationMode: 'ExactCount', count: 1 } }] } } },
  },
])('$name', ({ ref, input, expected }) => {
  expect(stored(ref, input)).toMatchObject(expected);
});

test('defaults are set once: a second pass changes nothing', () => {
  for (const { ref } of builtinResources) {
    const once = stored(ref, { spec: {} }) as object;
    expect(stored(ref, once)).toEqual(once);
  }
});

test('defaults stand even the emptiest object', () => {
  for (const { ref } of builtinResources) {
    expect(() => getBuiltinDefaults(ref)?.({ metadata: { name: 'a' } })).not.toThrow();
  }
});
