import { describe, expect, test } from 'vitest';
import type { Container, Pod, PodSpec, Volume } from '#api/core/v1.ts';
import { create, update } from '#test/support/resource-rules.ts';
import { podResource } from '../core/pod.ts';

function pod(spec: Partial<PodSpec> = {}): Pod {
  return { metadata: { name: 'p', namespace: 'dev' }, spec: { containers: [{ name: 'c', image: 'nginx' }], ...spec } };
}
const withContainer = (more: Partial<Container>) => pod({ containers: [{ name: 'c', image: 'nginx', ...more }] });
const withVolume = (volume: Volume) => pod({ volumes: [volume] });

test('a pod with little in it is good once defaults are in', () => {
  expect(create(podResource, pod()).errors).toEqual([]);
});

test('a pod with everything usual in it is good', () => {
  const rich = pod({
    initContainers: [
      { name: 'i', image: 'busybox', restartPolicy: 'Always', readinessProbe: { exec: { command: ['true'] } } },
    ],
    containers: [
      {
        name: 'c',
        image: 'nginx',
        ports: [
          { name: 'http', containerPort: 80 },
          { containerPort: 53, protocol: 'UDP' },
        ],
        env: [
          { name: 'A', value: 'x' },
          { name: 'B', valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: "metadata.labels['app']" } } },
          { name: 'C', valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '1m' } } },
        ],
        envFrom: [{ prefix: 'P_', configMapRef: { name: 'm' } }],
        resources: { requests: { cpu: '100m', 'example.com/gpu': '1' }, limits: { cpu: '1', 'example.com/gpu': '1' } },
        volumeMounts: [{ name: 'v', mountPath: '/v', subPath: 'a/b' }],
        livenessProbe: { httpGet: { path: '/', port: 'http' } },
        lifecycle: { preStop: { sleep: { seconds: 3 } } },
        securityContext: {
          runAsUser: 1000,
          allowPrivilegeEscalation: false,
          seccompProfile: { type: 'RuntimeDefault' },
        },
      },
    ],
    volumes: [
      { name: 'v', emptyDir: { sizeLimit: '1Gi' } },
      { name: 's', secret: { secretName: 's', defaultMode: 0o400, items: [{ key: 'k', path: 'd/k' }] } },
      {
        name: 'p',
        projected: {
          sources: [
            { serviceAccountToken: { path: 'token', expirationSeconds: 3607 } },
            { downwardAPI: { items: [{ path: 'ns', fieldRef: { fieldPath: 'metadata.namespace' } }] } },
          ],
        },
      },
      { name: 'h', hostPath: { path: '/var/log', type: 'Directory' } },
    ],
    tolerations: [{ operator: 'Exists' }, { key: 'a', value: 'b', effect: 'NoExecute', tolerationSeconds: 5 }],
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: 'k', operator: 'In', values: ['v'] }] }],
        },
      },
    },
    topologySpreadConstraints: [{ maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'DoNotSchedule' }],
    hostAliases: [{ ip: '10.0.0.1', hostnames: ['a.example'] }],
  });
  expect(create(podResource, rich).errors).toEqual([]);
});

test.each([
  { name: 'no containers', input: pod({ containers: [] }), error: 'spec.containers: Required value' },
  { name: 'no image', input: pod({ containers: [{ name: 'c' }] }), error: 'spec.containers[0].image: Required value' },
  {
    name: 'an image with blanks around',
    input: pod({ containers: [{ name: 'c', image: ' nginx' }] }),
    error: 'spec.containers[0].image: Invalid value: " nginx": must not have leading or trailing whitespace',
  },
  {
    name: 'two containers of one name',
    input: pod({
      containers: [
        { name: 'c', image: 'a' },
        { name: 'c', image: 'b' },
      ],
    }),
    error: 'spec.containers[1].name: Duplicate value: "c"',
  },
  {
    name: 'an init container with a taken name',
    input: pod({ initContainers: [{ name: 'c', image: 'a' }] }),
    error: 'spec.initContainers[0].name: Duplicate value: "c"',
  },
  {
    name: 'an unknown pull policy',
    input: withContainer({ imagePullPolicy: 'Sometimes' }),
    error:
      'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"',
  },
  {
    name: 'an unknown restart policy',
    input: pod({ restartPolicy: 'Maybe' }),
    error: 'spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "Never", "OnFailure"',
  },
  {
    name: 'a port out of range',
    input: withContainer({ ports: [{ containerPort: 70000 }] }),
    error: 'spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
  },
  {
    name: 'no port',
    input: withContainer({ ports: [{ containerPort: 0 }] }),
    error: 'spec.containers[0].ports[0].containerPort: Required value',
  },
  {
    name: 'a host port taken twice',
    input: withContainer({
      ports: [
        { containerPort: 80, hostPort: 80 },
        { containerPort: 81, hostPort: 80 },
      ],
    }),
    error: 'spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"',
  },
  {
    name: 'two sources of one variable',
    input: withContainer({ env: [{ name: 'A', value: 'x', valueFrom: { secretKeyRef: { name: 's', key: 'k' } } }] }),
    error: 'spec.containers[0].env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty',
  },
  {
    name: 'a field no variable can show',
    input: withContainer({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.hostname' } } }] }),
    error:
      'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.hostname": error converting fieldPath: field label not supported: spec.hostname',
  },
  {
    name: 'a mount of nothing',
    input: withContainer({ volumeMounts: [{ name: 'v', mountPath: '/v' }] }),
    error: 'spec.containers[0].volumeMounts[0].name: Not found: "v"',
  },
  {
    name: 'a request above its limit',
    input: withContainer({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
    error: 'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
  },
  {
    name: 'a negative amount',
    input: withContainer({ resources: { requests: { cpu: '-1' } } }),
    error: 'spec.containers[0].resources.requests[cpu]: Invalid value: "-1": must be greater than or equal to 0',
  },
  {
    name: 'half a device',
    input: withContainer({ resources: { limits: { 'example.com/gpu': '500m' } } }),
    error: 'spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "500m": must be an integer',
  },
  {
    name: 'an unknown plain resource',
    input: withContainer({ resources: { limits: { gpu: '1' } } }),
    error:
      'spec.containers[0].resources.limits[gpu]: Invalid value: "gpu": must be a standard resource type or fully qualified',
  },
  {
    name: 'a probe that does nothing',
    input: withContainer({ livenessProbe: {} }),
    error: 'spec.containers[0].livenessProbe: Required value: must specify a handler type',
  },
  {
    name: 'a liveness probe to succeed twice',
    input: withContainer({ livenessProbe: { exec: { command: ['x'] }, successThreshold: 2 } }),
    error: 'spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1',
  },
  {
    name: 'a probe of an init container',
    input: pod({ initContainers: [{ name: 'i', image: 'a', readinessProbe: { exec: { command: ['x'] } } }] }),
    error:
      'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
  },
  {
    name: 'privilege without escalation',
    input: withContainer({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
    error: 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true',
  },
  {
    name: 'a volume of two kinds',
    input: withVolume({ name: 'v', emptyDir: {}, hostPath: { path: '/' } }),
    error: 'Forbidden: may not specify more than 1 volume type',
  },
  {
    name: 'a path that climbs',
    input: withVolume({ name: 'v', hostPath: { path: '/a/../b' } }),
    error: 'spec.volumes[0].hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
  },
  {
    name: 'a mode that is none',
    input: withVolume({ name: 'v', secret: { secretName: 's', defaultMode: 0o1000 } }),
    error:
      'spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive',
  },
  {
    name: 'a token for a moment',
    input: withVolume({
      name: 'v',
      projected: { sources: [{ serviceAccountToken: { path: 't', expirationSeconds: 60 } }] },
    }),
    error:
      'spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes',
  },
  {
    name: 'a toleration of everything by value',
    input: pod({ tolerations: [{ value: 'x' }] }),
    error: 'spec.tolerations[0].operator: Invalid value: "": operator must be Exists when `key` is empty',
  },
  {
    name: 'affinity without terms',
    input: pod({
      affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } } },
    }),
    error: 'nodeSelectorTerms: Required value: must have at least one node selector term',
  },
  {
    name: 'pod affinity without topology',
    input: pod({
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: '' }] } },
    }),
    error:
      'spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: Required value: can not be empty',
  },
  {
    name: 'no name servers without a policy',
    input: pod({ dnsPolicy: 'None' }),
    error: 'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
  },
  {
    name: 'a deadline of nothing',
    input: pod({ activeDeadlineSeconds: 0 }),
    error: 'spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive',
  },
  {
    name: 'a strange sysctl',
    input: pod({ securityContext: { sysctls: [{ name: 'A B', value: '1' }] } }),
    error:
      'spec.securityContext.sysctls[0].name: Invalid value: "A B": must have at most 253 characters and match regex',
  },
])('refuses $name', ({ input, error }) => {
  expect(create(podResource, input).errors.join('\n')).toContain(error);
});

describe('updates', () => {
  const old = create(
    podResource,
    pod({ nodeName: 'n', activeDeadlineSeconds: 100, tolerations: [{ key: 'a', operator: 'Exists' }] }),
  ).object;
  const change = (modify: (spec: PodSpec) => void) => {
    const input = structuredClone(old);
    modify(input.spec);
    return update(podResource, { input, old }).errors;
  };

  test.each([
    { name: 'another image', modify: (spec: PodSpec) => Object.assign(spec.containers[0] ?? {}, { image: 'nginx:2' }) },
    { name: 'an earlier deadline', modify: (spec: PodSpec) => Object.assign(spec, { activeDeadlineSeconds: 50 }) },
    {
      name: 'one more toleration',
      modify: (spec: PodSpec) => spec.tolerations?.push({ key: 'b', operator: 'Exists' }),
    },
    {
      name: 'a longer toleration',
      modify: (spec: PodSpec) => Object.assign(spec.tolerations?.[0] ?? {}, { tolerationSeconds: 5 }),
    },
  ])('may bring $name', ({ modify }) => {
    const errors = change(modify);
    expect(errors.filter((error) => !error.includes('effect must be'))).toEqual([]);
  });

  test.each([
    {
      name: 'another command',
      modify: (spec: PodSpec) => Object.assign(spec.containers[0] ?? {}, { command: ['x'] }),
      error:
        'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n+ containers[0].command: ["x"]',
    },
    {
      name: 'another node',
      modify: (spec: PodSpec) => Object.assign(spec, { nodeName: 'm' }),
      error: '- nodeName: "n"\n+ nodeName: "m"',
    },
    {
      name: 'one more container',
      modify: (spec: PodSpec) => spec.containers.push({ name: 'd', image: 'x' }),
      error: 'spec.containers: Forbidden: pod updates may not add or remove containers',
    },
    {
      name: 'a later deadline',
      modify: (spec: PodSpec) => Object.assign(spec, { activeDeadlineSeconds: 500 }),
      error: 'spec.activeDeadlineSeconds: Invalid value: 500: must be less than or equal to previous value',
    },
    {
      name: 'no deadline',
      modify: (spec: PodSpec) => delete spec.activeDeadlineSeconds,
      error: 'must not update from a positive integer to nil value',
    },
    {
      name: 'fewer tolerations',
      modify: (spec: PodSpec) => delete spec.tolerations,
      error: 'spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds',
    },
    {
      name: 'a new gate',
      modify: (spec: PodSpec) => Object.assign(spec, { schedulingGates: [{ name: 'g' }] }),
      error: "only deletion is allowed, but found new scheduling gate 'g'",
    },
  ])('may not bring $name', ({ modify, error }) => {
    expect(change(modify).join('\n')).toContain(error);
  });
});

test.each([
  {
    name: 'as long as the pod says',
    pod: pod({ nodeName: 'n', terminationGracePeriodSeconds: 7 }),
    phase: 'Running',
    asked: undefined,
    seconds: 7,
  },
  { name: 'as long as asked', pod: pod({ nodeName: 'n' }), phase: 'Running', asked: 3, seconds: 3 },
  { name: 'a second for a negative time', pod: pod({ nodeName: 'n' }), phase: 'Running', asked: -5, seconds: 1 },
  { name: 'nothing without a node', pod: pod(), phase: 'Pending', asked: 30, seconds: 0 },
  { name: 'nothing after the end', pod: pod({ nodeName: 'n' }), phase: 'Succeeded', asked: undefined, seconds: 0 },
])('a pod is given $name to end', ({ pod: input, phase, asked, seconds }) => {
  expect(podResource.gracePeriodSeconds?.({ ...input, status: { phase } }, asked)).toBe(seconds);
});
