import { describe, expect, test } from 'vitest';
import type { Container, Pod } from '#api/core/v1.ts';
import { type EnvContext, environment, envReferences } from './env.ts';

const pod: Pod = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', labels: { app: 'web' }, annotations: { note: 'hi' } },
  spec: {
    containers: [{ name: 'app', resources: { limits: { cpu: '1500m' }, requests: { memory: '100M' } } }],
    serviceAccountName: 'robot',
  },
};

const context: EnvContext = {
  pod,
  facts: {
    nodeName: 'n1',
    nodeIps: ['192.0.2.1', '2001:db8::1'],
    podIps: ['10.42.0.5'],
    allocatable: { cpu: '4', memory: '8Gi' },
  },
  configMaps: new Map([
    ['settings', { metadata: { name: 'settings' }, data: { color: 'red', 'a b': 'space', 'x=y': 'no' } }],
  ]),
  secrets: new Map([['keys', { metadata: { name: 'keys' }, data: { pass: Buffer.from('wörd').toString('base64') } }]]),
  services: new Map([['DB_SERVICE_HOST', '10.43.0.9']]),
  hostname: 'web',
};

const environmentOf = (container: Partial<Container>) => environment({ name: 'app', ...container }, context);
const valueFrom = (source: NonNullable<NonNullable<Container['env']>[number]['valueFrom']>) =>
  environmentOf({ env: [{ name: 'X', valueFrom: source }] }).get('X');

test('has the host name and the services', () => {
  expect(Object.fromEntries(environmentOf({}))).toEqual({ HOSTNAME: 'web', DB_SERVICE_HOST: '10.43.0.9' });
});

describe('values', () => {
  test('refer to what is defined before them, and to services', () => {
    const env = [
      { name: 'LATER', value: '$(FIRST)' },
      { name: 'FIRST', value: 'one' },
      { name: 'SECOND', value: '$(FIRST)-$(DB_SERVICE_HOST)-$(color)' },
    ];
    const variables = environmentOf({ env, envFrom: [{ configMapRef: { name: 'settings' } }] });
    expect(variables.get('LATER')).toBe('$(FIRST)');
    expect(variables.get('SECOND')).toBe('one-10.43.0.9-red');
  });

  test('win over envFrom and services', () => {
    const env = [
      { name: 'color', value: 'blue' },
      { name: 'DB_SERVICE_HOST', value: 'mine' },
    ];
    const variables = environmentOf({ env, envFrom: [{ configMapRef: { name: 'settings' } }] });
    expect(variables.get('color')).toBe('blue');
    expect(variables.get('DB_SERVICE_HOST')).toBe('mine');
  });

  test('may be empty', () => {
    expect(environmentOf({ env: [{ name: 'NONE' }] }).get('NONE')).toBe('');
  });
});

describe('envFrom', () => {
  test('takes all keys that can be names, with a prefix', () => {
    const variables = environmentOf({ envFrom: [{ prefix: 'P_', configMapRef: { name: 'settings' } }] });
    expect([...variables.keys()].filter((key) => key.startsWith('P_'))).toEqual(['P_color', 'P_a b']);
  });

  test('decodes secrets', () => {
    expect(environmentOf({ envFrom: [{ secretRef: { name: 'keys' } }] }).get('pass')).toBe('wörd');
  });

  test('does without what is optional', () => {
    expect(environmentOf({ envFrom: [{ configMapRef: { name: 'none', optional: true } }] }).size).toBe(2);
  });
});

test.each([
  ['metadata.name', 'web'],
  ['metadata.namespace', 'shop'],
  ['metadata.uid', 'u1'],
  ["metadata.labels['app']", 'web'],
  ["metadata.annotations['note']", 'hi'],
  ["metadata.labels['none']", ''],
  ['spec.nodeName', 'n1'],
  ['spec.serviceAccountName', 'robot'],
  ['status.podIP', '10.42.0.5'],
  ['status.podIPs', '10.42.0.5'],
  ['status.hostIP', '192.0.2.1'],
  ['status.hostIPs', '192.0.2.1,2001:db8::1'],
])('field %s is %s', (fieldPath, expected) => {
  expect(valueFrom({ fieldRef: { fieldPath } })).toBe(expected);
});

test.each([
  { resource: 'limits.cpu', divisor: undefined, expected: '2' },
  { resource: 'limits.cpu', divisor: '1m', expected: '1500' },
  { resource: 'limits.cpu', divisor: '0', expected: '2' },
  { resource: 'limits.memory', divisor: '1Gi', expected: '8' },
  { resource: 'requests.memory', divisor: '1Mi', expected: '96' },
  { resource: 'requests.cpu', divisor: undefined, expected: '0' },
])('resource $resource by $divisor is $expected', ({ resource, divisor, expected }) => {
  const container = pod.spec.containers[0]!;
  const env = [{ name: 'X', valueFrom: { resourceFieldRef: { resource, divisor } } }];
  expect(environment({ ...container, env }, context).get('X')).toBe(expected);
});

test.each([
  {
    name: 'a ConfigMap',
    source: { configMapKeyRef: { name: 'none', key: 'k' } },
    message: 'configmap "none" not found',
  },
  { name: 'a Secret', source: { secretKeyRef: { name: 'none', key: 'k' } }, message: 'secret "none" not found' },
  {
    name: 'a key',
    source: { configMapKeyRef: { name: 'settings', key: 'k' } },
    message: "couldn't find key k in ConfigMap shop/settings",
  },
  {
    name: 'a key of a Secret',
    source: { secretKeyRef: { name: 'keys', key: 'k' } },
    message: "couldn't find key k in Secret shop/keys",
  },
])('says that $name is missing', ({ source, message }) => {
  expect(() => valueFrom(source)).toThrow(expect.objectContaining({ reason: 'CreateContainerConfigError', message }));
});

test('leaves out optional keys that are missing', () => {
  expect(valueFrom({ configMapKeyRef: { name: 'settings', key: 'k', optional: true } })).toBeUndefined();
});

test('names the objects it needs, each once', () => {
  const container: Container = {
    name: 'app',
    env: [
      { name: 'A', valueFrom: { configMapKeyRef: { name: 'c', key: 'a' } } },
      { name: 'B', valueFrom: { configMapKeyRef: { name: 'c', key: 'b' } } },
      { name: 'C', valueFrom: { secretKeyRef: { name: 's', key: 'b' } } },
    ],
    envFrom: [{ configMapRef: { name: 'd' } }],
  };
  expect(envReferences(container)).toEqual({ configMaps: ['d', 'c'], secrets: ['s'] });
});
