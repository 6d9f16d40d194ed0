import { describe, expect, test } from 'vitest';
import type { ApiObject } from '#api/meta/types.ts';
import type { ResourceDefinition } from '#server/apiserver/resource.ts';
import { cells, create, requestContext, update } from '#test/support/resource-rules.ts';
import { mutatingWebhookResource } from './admissionregistration/webhooks.ts';
import { customResourceDefinitionResource } from './apiextensions/customresourcedefinition.ts';
import { apiServiceResource } from './apiregistration/apiservice.ts';
import { daemonSetResource } from './apps/daemonset.ts';
import { deploymentResource } from './apps/deployment.ts';
import { statefulSetResource } from './apps/statefulset.ts';
import { hpaResource } from './autoscaling/hpa.ts';
import { toV1, toV2 } from './autoscaling/hpa-v1.ts';
import { cronJobResource } from './batch/cronjob.ts';
import { jobResource } from './batch/job.ts';
import { csrResource } from './certificates/csr.ts';
import { configMapResource } from './core/configmap.ts';
import { endpointsResource } from './core/endpoints.ts';
import { eventResource } from './core/event.ts';
import { limitRangeResource } from './core/limitrange.ts';
import { namespaceResource } from './core/namespace.ts';
import { nodeResource } from './core/node.ts';
import { persistentVolumeResource } from './core/persistentvolume.ts';
import { persistentVolumeClaimResource } from './core/persistentvolumeclaim.ts';
import { secretResource } from './core/secret.ts';
import { endpointSliceResource } from './discovery/endpointslice.ts';
import { eventsV1EventResource } from './events/event.ts';
import { ingressResource } from './networking/ingress.ts';
import { networkPolicyResource } from './networking/networkpolicy.ts';
import { podDisruptionBudgetResource } from './policy/poddisruptionbudget.ts';
import { priorityClassResource } from './scheduling/priorityclass.ts';

/** Objects are written as clients would, so their types do not matter here. */
type Loose = Record<string, unknown>;
type Any = ResourceDefinition<never>;
const make = (definition: unknown, fields: Loose, name = 'x') =>
  create(definition as ResourceDefinition<ApiObject>, { metadata: { name, namespace: 'dev' }, ...fields } as ApiObject);
const change = (definition: unknown, before: Loose, after: Loose) => {
  const old = make(definition, before).object;
  return update(definition as ResourceDefinition<ApiObject>, {
    input: { metadata: old.metadata, ...after } as ApiObject,
    old,
  }).errors;
};
const base64 = (text: string) => Buffer.from(text).toString('base64');

const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
const selector = { matchLabels: { app: 'x' } };
const workload = { selector, template };
const jobTemplate = {
  spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } } },
};
const backend = { service: { name: 's', port: { number: 80 } } };
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };

const GOOD: readonly [string, unknown, Loose][] = [
  ['a ConfigMap', configMapResource, { data: { a: 'x', 'b.c': '' }, binaryData: { d: 'AAA=' } }],
  ['a Secret', secretResource, { data: { a: 'eA==' } }],
  ['a TLS Secret', secretResource, { type: 'kubernetes.io/tls', data: { 'tls.crt': '', 'tls.key': '' } }],
  [
    'a Docker Secret',
    secretResource,
    { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('{"auths":{}}') } },
  ],
  ['a Namespace', namespaceResource, {}],
  ['a Node', nodeResource, { spec: { podCIDRs: ['10.42.0.0/24'], taints: [{ key: 'a', effect: 'NoSchedule' }] } }],
  ['a Deployment', deploymentResource, { spec: workload }],
  ['a DaemonSet', daemonSetResource, { spec: workload }],
  ['a StatefulSet', statefulSetResource, { spec: { ...workload, serviceName: 's' } }],
  ['a Job', jobResource, { spec: jobTemplate.spec }],
  ['a CronJob', cronJobResource, { spec: { schedule: '*/5 * * * *', timeZone: 'Europe/Berlin', jobTemplate } }],
  ['a claim', persistentVolumeClaimResource, { spec: claim }],
  [
    'a volume',
    persistentVolumeResource,
    { spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' }, hostPath: { path: '/x' } } },
  ],
  [
    'an Ingress',
    ingressResource,
    { spec: { rules: [{ host: '*.example.com', http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }] } },
  ],
  [
    'a NetworkPolicy',
    networkPolicyResource,
    {
      spec: {
        podSelector: {},
        ingress: [
          { from: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['10.1.0.0/16'] } }], ports: [{ port: 80, endPort: 90 }] },
        ],
      },
    },
  ],
  ['an HPA', hpaResource, { spec: { maxReplicas: 3, scaleTargetRef: { kind: 'Deployment', name: 'd' } } }],
  ['a PDB', podDisruptionBudgetResource, { spec: { minAvailable: '50%', selector } }],
  ['a PriorityClass', priorityClassResource, { value: 1000 }],
  ['Endpoints', endpointsResource, { subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }] }],
  [
    'an EndpointSlice',
    endpointSliceResource,
    { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ name: '', port: 80, protocol: 'TCP' }] },
  ],
];

test.each(GOOD)('%s is good', (_name, definition, fields) => {
  expect(make(definition, fields).errors).toEqual([]);
});

const BAD: readonly [string, unknown, Loose, string][] = [
  [
    'a ConfigMap key with a slash',
    configMapResource,
    { data: { 'a/b': '' } },
    'data[a/b]: Invalid value: "a/b": a valid config key must consist of',
  ],
  [
    'a ConfigMap key as text and bytes',
    configMapResource,
    { data: { a: '' }, binaryData: { a: '' } },
    'duplicate of key present in binaryData',
  ],
  [
    'a ConfigMap above a mebibyte',
    configMapResource,
    { data: { a: 'x'.repeat(1024 * 1024 + 1) } },
    '[]: Too long: may not be more than 1048576 bytes',
  ],
  [
    'a Secret above a mebibyte',
    secretResource,
    { data: { a: base64('x'.repeat(1024 * 1024 + 1)) } },
    'data: Too long: may not be more than 1048576 bytes',
  ],
  [
    'a TLS Secret without its key',
    secretResource,
    { type: 'kubernetes.io/tls', data: { 'tls.crt': '' } },
    'data[tls.key]: Required value',
  ],
  [
    'a Docker Secret that is no JSON',
    secretResource,
    { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64('secret') } },
    'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>"',
  ],
  [
    'an ssh Secret without key',
    secretResource,
    { type: 'kubernetes.io/ssh-auth', data: {} },
    'data[ssh-privatekey]: Required value',
  ],
  [
    'a token Secret of nobody',
    secretResource,
    { type: 'kubernetes.io/service-account-token' },
    'metadata.annotations[kubernetes.io/service-account.name]: Required value',
  ],
  ['a Deployment without selector', deploymentResource, { spec: { template } }, 'spec.selector: Required value'],
  [
    'a Deployment that selects others',
    deploymentResource,
    { spec: { selector: { matchLabels: { app: 'y' } }, template } },
    'spec.template.metadata.labels: Invalid value: {"app":"x"}: `selector` does not match template `labels`',
  ],
  [
    'a Deployment that selects everything',
    deploymentResource,
    { spec: { selector: {}, template } },
    'spec.selector: Invalid value: {}: empty selector is invalid for deployment',
  ],
  [
    'negative replicas',
    deploymentResource,
    { spec: { ...workload, replicas: -1 } },
    'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'a Deployment of pods that end',
    deploymentResource,
    { spec: { selector, template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } } },
    'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  [
    'a roll-out that cannot move',
    deploymentResource,
    { spec: { ...workload, strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } } },
    'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0',
  ],
  [
    'rolling fields of a Recreate',
    deploymentResource,
    { spec: { ...workload, strategy: { type: 'Recreate', rollingUpdate: {} } } },
    "may not be specified when strategy `type` is 'Recreate'",
  ],
  [
    'more than the whole',
    deploymentResource,
    { spec: { ...workload, strategy: { rollingUpdate: { maxUnavailable: '101%' } } } },
    'must not be greater than 100%',
  ],
  [
    'a Job that restarts for ever',
    jobResource,
    { spec: { template: { spec: { restartPolicy: 'Always', containers: [{ name: 'c', image: 'i' }] } } } },
    'spec.template.spec.restartPolicy: Unsupported value: "Always": supported values: "OnFailure", "Never"',
  ],
  [
    'an indexed Job without completions',
    jobResource,
    { spec: { ...jobTemplate.spec, parallelism: 2, completionMode: 'Indexed' } },
    'spec.completions: Required value: when completion mode is Indexed',
  ],
  [
    'a CronJob at no time',
    cronJobResource,
    { spec: { schedule: 'never', jobTemplate } },
    'spec.schedule: Invalid value: "never": expected exactly 5 fields, found 1: [never]',
  ],
  [
    'a CronJob in no zone',
    cronJobResource,
    { spec: { schedule: '* * * * *', timeZone: 'Mars/Base', jobTemplate } },
    'spec.timeZone: Invalid value: "Mars/Base": unknown time zone Mars/Base',
  ],
  [
    'a claim of nothing',
    persistentVolumeClaimResource,
    { spec: { accessModes: [] } },
    'spec.resources[storage]: Required value',
  ],
  [
    'a volume of no kind',
    persistentVolumeResource,
    { spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '1Gi' } } },
    'spec: Required value: must specify a volume type',
  ],
  [
    'an Ingress to nowhere',
    ingressResource,
    { spec: {} },
    'spec: Invalid value: []: either `defaultBackend` or `rules` must be specified',
  ],
  [
    'an Ingress path without type',
    ingressResource,
    { spec: { rules: [{ http: { paths: [{ path: '/', backend }] } }] } },
    'spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified',
  ],
  [
    'an Ingress path that is none',
    ingressResource,
    { spec: { rules: [{ http: { paths: [{ path: 'a', pathType: 'Prefix', backend }] } }] } },
    'spec.rules[0].http.paths[0].path: Invalid value: "a": must be an absolute path',
  ],
  [
    'an Ingress to two backends',
    ingressResource,
    { spec: { defaultBackend: { ...backend, resource: { kind: 'K', name: 'n' } } } },
    'cannot set both resource and service backends',
  ],
  [
    'a policy peer that is nobody',
    networkPolicyResource,
    { spec: { podSelector: {}, ingress: [{ from: [{}] }] } },
    'spec.ingress[0].from[0]: Required value: must specify a peer',
  ],
  [
    'an exception outside its block',
    networkPolicyResource,
    { spec: { podSelector: {}, egress: [{ to: [{ ipBlock: { cidr: '10.0.0.0/8', except: ['11.0.0.0/16'] } }] }] } },
    'must be a strict subset of `cidr`',
  ],
  [
    'an HPA of less than its least',
    hpaResource,
    { spec: { minReplicas: 5, maxReplicas: 3, scaleTargetRef: { kind: 'D', name: 'd' } } },
    'spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`',
  ],
  [
    'a PDB of both',
    podDisruptionBudgetResource,
    { spec: { minAvailable: 1, maxUnavailable: 1 } },
    'minAvailable and maxUnavailable cannot be both set',
  ],
  [
    'a PDB of an odd share',
    podDisruptionBudgetResource,
    { spec: { minAvailable: 'half' } },
    'a valid percent string must be a numeric string followed by an ending',
  ],
  [
    'a priority above all',
    priorityClassResource,
    { value: 2_000_000_000 },
    'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
  ],
  [
    'a priority above all without a name',
    priorityClassResource,
    { metadata: {}, value: 2_000_000_000 },
    'value: Forbidden: maximum allowed value of a user defined priority is 1000000000',
  ],
  [
    'a node taint of no effect',
    nodeResource,
    { spec: { taints: [{ key: 'a', effect: 'Nothing' }] } },
    'spec.taints[0].effect: Unsupported value: "Nothing": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"',
  ],
  [
    'an address that is none',
    endpointsResource,
    { subsets: [{ addresses: [{ ip: 'a' }], ports: [{ port: 80 }] }] },
    'subsets[0].addresses[0].ip: Invalid value: "a": must be a valid IP address',
  ],
  [
    'an address of another family',
    endpointSliceResource,
    { addressType: 'IPv6', endpoints: [{ addresses: ['10.0.0.1'] }] },
    'endpoints[0].addresses[0]: Invalid value: "10.0.0.1": must be an IPv6 address',
  ],
  [
    'an event of another namespace',
    eventResource,
    { involvedObject: { namespace: 'prod' } },
    'involvedObject.namespace: Invalid value: "prod": does not match event.namespace',
  ],
  [
    'limits the wrong way round',
    limitRangeResource,
    { spec: { limits: [{ type: 'Container', min: { cpu: '2' }, max: { cpu: '1' } }] } },
    'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
  ],
  [
    'a definition with another name',
    customResourceDefinitionResource,
    {
      spec: {
        group: 'e.com',
        scope: 'Namespaced',
        names: { plural: 'as', kind: 'A' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    },
    'metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group',
  ],
  [
    'a definition that stores nothing',
    customResourceDefinitionResource,
    { spec: { group: 'e.com', scope: 'Namespaced', names: { plural: 'as', kind: 'A' }, versions: [] } },
    'must have exactly one version marked as storage version',
  ],
  [
    'a webhook with a short name',
    mutatingWebhookResource,
    {
      webhooks: [
        { name: 'a.b', sideEffects: 'None', admissionReviewVersions: ['v1'], clientConfig: { url: 'https://x/' } },
      ],
    },
    'should be a domain with at least three segments separated by dots',
  ],
  [
    'a webhook with side effects',
    mutatingWebhookResource,
    {
      webhooks: [
        { name: 'a.b.c', sideEffects: 'Some', admissionReviewVersions: ['v1'], clientConfig: { url: 'https://x/' } },
      ],
    },
    'sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"',
  ],
  [
    'an APIService with another name',
    apiServiceResource,
    { spec: { group: 'g.io', version: 'v1', groupPriorityMinimum: 100, versionPriority: 10 } },
    'metadata.name: Invalid value: "x"',
  ],
];

test.each(BAD)('refuses %s', (_name, definition, fields, error) => {
  expect(make(definition, fields).errors.join('\n')).toContain(error);
});

const UPDATES: readonly [string, unknown, Loose, Loose, string | undefined][] = [
  ['data of a ConfigMap', configMapResource, { data: { a: '1' } }, { data: { a: '2' } }, undefined],
  [
    'data of an immutable ConfigMap',
    configMapResource,
    { immutable: true, data: { a: '1' } },
    { immutable: true, data: { a: '2' } },
    'data: Forbidden: field is immutable when `immutable` is set',
  ],
  [
    'immutable back',
    configMapResource,
    { immutable: true },
    {},
    'immutable: Forbidden: field is immutable when `immutable` is set',
  ],
  [
    'the type of a Secret',
    secretResource,
    { type: 'Opaque' },
    { type: 'a.b/c' },
    'type: Invalid value: "a.b/c": field is immutable',
  ],
  [
    'replicas of a Deployment',
    deploymentResource,
    { spec: workload },
    { spec: { ...workload, replicas: 5 } },
    undefined,
  ],
  [
    'the selector of a Deployment',
    deploymentResource,
    { spec: workload },
    {
      spec: { selector: { matchLabels: { app: 'y' } }, template: { ...template, metadata: { labels: { app: 'y' } } } },
    },
    'spec.selector: Invalid value: {"matchLabels":{"app":"y"}}: field is immutable',
  ],
  [
    'the service of a StatefulSet',
    statefulSetResource,
    { spec: { ...workload, serviceName: 'a' } },
    { spec: { ...workload, serviceName: 'b' } },
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
  ],
  [
    'replicas of a StatefulSet',
    statefulSetResource,
    { spec: workload },
    { spec: { ...workload, replicas: 3 } },
    undefined,
  ],
  [
    'the size of an unbound claim',
    persistentVolumeClaimResource,
    { spec: claim },
    { spec: { ...claim, resources: { requests: { storage: '2Gi' } } } },
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
  ],
  [
    'the volume of an unbound claim',
    persistentVolumeClaimResource,
    { spec: claim },
    { spec: { ...claim, volumeName: 'v' } },
    undefined,
  ],
  [
    'the value of a PriorityClass',
    priorityClassResource,
    { value: 1 },
    { value: 2 },
    'value: Forbidden: may not be changed in an update.',
  ],
  [
    'taints of a Node',
    nodeResource,
    { spec: { podCIDRs: ['10.42.0.0/24'] } },
    { spec: { podCIDRs: ['10.42.0.0/24'], taints: [{ key: 'a', effect: 'NoSchedule' }] } },
    undefined,
  ],
  ['the first range of a Node', nodeResource, { spec: {} }, { spec: { podCIDRs: ['10.42.0.0/24'] } }, undefined],
  [
    'the range of a Node',
    nodeResource,
    { spec: { podCIDRs: ['10.42.0.0/24'] } },
    { spec: { podCIDRs: ['10.42.1.0/24'] } },
    'spec: Forbidden: node updates may only change labels, taints, or capacity',
  ],
];

test.each(UPDATES)('changing %s', (_name, definition, before, after, error) => {
  const errors = change(definition, before, after);
  if (error === undefined) expect(errors).toEqual([]);
  else expect(errors.join('\n')).toContain(error);
});

describe('what the server fills in', () => {
  test('text of a Secret becomes data', () => {
    expect(make(secretResource, { data: { a: 'eA==' }, stringData: { b: 'hello' } }).object).toEqual({
      metadata: { name: 'x', namespace: 'dev' },
      type: 'Opaque',
      data: { a: 'eA==', b: base64('hello') },
    });
  });

  test('a Namespace is held by its finalizer and named by its label', () => {
    const { object } = make(namespaceResource, {}, 'team');
    expect(object).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'team' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
    expect((namespaceResource as Any).mayRemove?.(object as never)).toBe(false);
  });

  test('a Job selects its own pods', () => {
    const { object } = create(
      jobResource as unknown as ResourceDefinition<ApiObject>,
      { metadata: { name: 'j', namespace: 'dev', uid: 'u-1' }, ...jobTemplate } as ApiObject,
    );
    expect(object).toMatchObject({
      spec: {
        selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': 'u-1' } },
        template: {
          metadata: { labels: { 'batch.kubernetes.io/job-name': 'j', 'job-name': 'j', 'controller-uid': 'u-1' } },
        },
      },
    });
  });

  test('a CustomResourceDefinition waits for its objects', () => {
    expect(make(customResourceDefinitionResource, { spec: {} }).object.metadata.finalizers).toEqual([
      'customresourcecleanup.apiextensions.k8s.io',
    ]);
  });

  test('a signing request says who asked, whatever it claims', () => {
    const user = { username: 'jane', uid: '7', groups: ['dev'], extra: { k: ['v'] } };
    const { object } = create(
      csrResource as unknown as ResourceDefinition<ApiObject>,
      { metadata: { name: 'x' }, spec: { username: 'root', groups: ['system:masters'] } } as unknown as ApiObject,
      requestContext({ user }),
    );
    expect(object).toMatchObject({ spec: { username: 'jane', uid: '7', groups: ['dev'], extra: { k: ['v'] } } });
  });
});

describe('signing requests', () => {
  const request = base64('-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n');
  const spec = { request, signerName: 'example.com/x', usages: ['client auth'] };
  const csr = (status: Loose = {}) => ({ metadata: { name: 'x' }, spec, status }) as never;
  const approval = csrResource.subresources.find(({ name }) => name === 'approval')?.update;
  const status = csrResource.subresources.find(({ name }) => name === 'status')?.update;
  const approved = { type: 'Approved', status: 'True', reason: 'r', message: '' };

  test.each([
    { name: 'no request', change: { request: base64('x') }, error: 'spec.request: Invalid value' },
    { name: 'no usages', change: { usages: [] }, error: 'spec.usages: Required value' },
    { name: 'an unknown usage', change: { usages: ['flying'] }, error: 'spec.usages[0]: Unsupported value: "flying"' },
    {
      name: 'a plain signer',
      change: { signerName: 'x' },
      error: 'spec.signerName: Invalid value: "x": must be a fully qualified domain and path',
    },
    {
      name: 'a short life',
      change: { expirationSeconds: 60 },
      error: 'may not specify a duration less than 600 seconds (10 minutes)',
    },
  ])('with $name are refused', ({ change: changed, error }) => {
    expect(make(csrResource, { spec: { ...spec, ...changed } }).errors.join('\n')).toContain(error);
  });

  test('are approved through approval, with the time', () => {
    const merged = approval?.merge(csr({ conditions: [approved], certificate: 'stolen' }), csr(), requestContext());
    expect(merged?.status).toEqual({
      conditions: [{ ...approved, lastUpdateTime: '2026-06-01T12:00:00Z', lastTransitionTime: '2026-06-01T12:00:00Z' }],
    });
  });

  test('are neither approved through status nor both approved and denied', () => {
    const text = (errors: readonly { detail: string }[] | undefined) => errors?.map(({ detail }) => detail).join();
    expect(text(status?.validate?.(csr({ conditions: [approved] }), csr(), requestContext()))).toBe(
      'updates may not add a condition of type "Approved"',
    );
    const both = csr({ conditions: [approved, { ...approved, type: 'Denied' }] });
    expect(text(approval?.validate?.(both, csr(), requestContext()))).toBe(
      'Approved and Denied conditions are mutually exclusive',
    );
    expect(text(approval?.validate?.(csr(), csr({ conditions: [approved] }), requestContext()))).toBe(
      'updates may not remove a condition of type "Approved"',
    );
    expect(text(status?.validate?.(csr({ certificate: 'b' }), csr({ certificate: 'a' }), requestContext()))).toBe(
      'field is immutable',
    );
  });
});

describe('one object in two shapes', () => {
  const v2 = {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'h' },
    spec: {
      maxReplicas: 3,
      scaleTargetRef: { kind: 'Deployment', name: 'd' },
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        { type: 'Resource', resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } } },
      ],
      behavior: { scaleDown: { stabilizationWindowSeconds: 5 } },
    },
    status: {
      currentReplicas: 1,
      desiredReplicas: 2,
      conditions: [{ type: 'AbleToScale', status: 'True' }],
      currentMetrics: [
        { type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 12, averageValue: '1m' } } },
      ],
    },
  };

  test('autoscalers show cpu in v1 and carry the rest', () => {
    const v1 = toV1(v2);
    expect(v1).toMatchObject({
      apiVersion: 'autoscaling/v1',
      spec: { maxReplicas: 3, targetCPUUtilizationPercentage: 50 },
      status: { currentCPUUtilizationPercentage: 12 },
    });
    expect(Object.keys(v1.spec ?? {})).not.toContain('metrics');
    const back = toV2(v1);
    expect(back.spec).toEqual(v2.spec);
    expect(back.metadata).toEqual(v2.metadata);
    expect(back.status?.conditions).toEqual(v2.status.conditions);
  });

  test('annotations that cannot be read are no metrics', () => {
    const broken = toV2({
      metadata: { name: 'h', annotations: { 'autoscaling.alpha.kubernetes.io/metrics': '{' } },
      spec: { maxReplicas: 1, scaleTargetRef: { kind: 'D', name: 'd' } },
    });
    expect(broken.spec).toEqual({ maxReplicas: 1, scaleTargetRef: { kind: 'D', name: 'd' } });
  });

  test('events have other words in their newer group', () => {
    const core = {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', name: 'p' },
      message: 'm',
      source: { component: 'c' },
      count: 2,
      reportingComponent: 'r',
      type: 'Normal',
    };
    const { storedAs } = eventsV1EventResource;
    const newer = storedAs?.fromStored(core);
    expect(newer).toEqual({
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'e' },
      regarding: { kind: 'Pod', name: 'p' },
      note: 'm',
      deprecatedSource: { component: 'c' },
      deprecatedCount: 2,
      reportingController: 'r',
      type: 'Normal',
    });
    expect(newer && storedAs?.toStored(newer)).toEqual(core);
  });
});

const ROWS: readonly [string, unknown, Loose, Loose][] = [
  [
    'a Deployment',
    deploymentResource,
    { spec: { ...workload, replicas: 3 }, status: { readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 } },
    { Ready: '2/3', 'Up-to-date': 1, Available: 2, Containers: 'c', Images: 'i', Selector: 'app=x' },
  ],
  [
    'a suspended Job',
    jobResource,
    { spec: { completions: 3 }, status: { succeeded: 1, conditions: [{ type: 'Suspended', status: 'True' }] } },
    { Status: 'Suspended', Completions: '1/3', Duration: '' },
  ],
  [
    'a finished Job',
    jobResource,
    {
      spec: { parallelism: 2 },
      status: {
        succeeded: 1,
        startTime: '2026-06-01T11:00:00Z',
        completionTime: '2026-06-01T11:00:30Z',
        conditions: [{ type: 'Complete', status: 'True' }],
      },
    },
    { Status: 'Complete', Completions: '1/1 of 2', Duration: '30s' },
  ],
  [
    'a CronJob',
    cronJobResource,
    { spec: { schedule: '@daily', suspend: false }, status: { lastScheduleTime: '2026-06-01T11:59:00Z' } },
    { Schedule: '@daily', Timezone: '<none>', Suspend: 'False', Active: 0, 'Last Schedule': '60s' },
  ],
  [
    'a ready Node',
    nodeResource,
    {
      metadata: {
        name: 'n',
        labels: { 'node-role.kubernetes.io/worker': '', 'node-role.kubernetes.io/control-plane': '' },
      },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
        nodeInfo: { kubeletVersion: 'v1', kernelVersion: '6.1', architecture: 'amd64' },
      },
    },
    {
      Status: 'Ready,SchedulingDisabled',
      Roles: 'control-plane,worker',
      Version: 'v1',
      'Internal-IP': '10.0.0.1',
      'External-IP': '<none>',
      'Kernel-Version': '6.1 (amd64)',
    },
  ],
  [
    'a silent Node',
    nodeResource,
    { status: { conditions: [{ type: 'Ready', status: 'Unknown' }] } },
    { Status: 'NotReady', Roles: '<none>' },
  ],
  [
    'a bound claim',
    persistentVolumeClaimResource,
    {
      spec: { volumeName: 'v', storageClassName: 's', volumeMode: 'Filesystem' },
      status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce', 'ReadOnlyMany'] },
    },
    {
      Status: 'Bound',
      Volume: 'v',
      Capacity: '1Gi',
      'Access Modes': 'RWO,ROX',
      StorageClass: 's',
      VolumeAttributesClass: '<unset>',
    },
  ],
  [
    'an HPA',
    hpaResource,
    {
      spec: {
        maxReplicas: 3,
        scaleTargetRef: { kind: 'Deployment', name: 'd' },
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
        ],
      },
    },
    { Reference: 'Deployment/d', Targets: 'cpu: <unknown>/50%', MinPods: '<unset>', MaxPods: 3 },
  ],
  [
    'a PDB',
    podDisruptionBudgetResource,
    { spec: { minAvailable: 1 }, status: { disruptionsAllowed: 2 } },
    { 'Min Available': '1', 'Max Unavailable': 'N/A', 'Allowed Disruptions': 2 },
  ],
  [
    'an Ingress',
    ingressResource,
    { spec: { tls: [{}], rules: ['a', 'b', 'c', 'd'].map((host) => ({ host })) } },
    { Class: '<none>', Hosts: 'a,b,c + 1 more...', Ports: '80, 443', Address: '' },
  ],
  [
    'an issued request',
    csrResource,
    {
      spec: { signerName: 's', username: 'jane', expirationSeconds: 3600 },
      status: { certificate: 'x', conditions: [{ type: 'Approved', status: 'True' }] },
    },
    { SignerName: 's', Requestor: 'jane', RequestedDuration: '60m', Condition: 'Approved,Issued' },
  ],
  [
    'an event',
    eventResource,
    {
      involvedObject: { kind: 'Pod', name: 'p' },
      type: 'Warning',
      reason: 'BackOff',
      message: ' m\n',
      source: { component: 'kubelet', host: 'n' },
      lastTimestamp: '2026-06-01T11:59:30Z',
    },
    { 'Last Seen': '30s', Object: 'pod/p', Message: 'm', Source: 'kubelet, n', Count: 1 },
  ],
  [
    'Endpoints',
    endpointsResource,
    { subsets: [{ addresses: ['1', '2', '3', '4'].map((n) => ({ ip: `10.0.0.${n}` })), ports: [{ port: 80 }] }] },
    { Endpoints: '10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...' },
  ],
];

test.each(ROWS)('the row of %s', (_name, definition, fields, row) => {
  expect(
    cells(definition as ResourceDefinition<ApiObject>, { metadata: { name: 'x' }, ...fields } as ApiObject),
  ).toMatchObject(row);
});
