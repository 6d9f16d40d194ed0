import { expect, test } from 'vitest';
import { BuiltinSchemas } from './registry.ts';
import type { ObjectSchema } from './schema.ts';
import { loadTexts, NO_TEXTS } from './texts.ts';

const registry = new BuiltinSchemas();

function objectOf(name: string): ObjectSchema {
  const schema = registry.require(`io.k8s.api.${name}`);
  if (schema.type !== 'object') throw new Error(`${name} is no object`);
  return schema;
}

test('every name can be built, and so can everything it refers to', () => {
  const pending = [...registry.names];
  const seen = new Set<string>();
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (seen.has(name)) continue;
    seen.add(name);
    const schema = registry.require(name);
    if (schema.type !== 'object') continue;
    for (const { schema: field } of Object.values(schema.fields)) {
      const inner = field.type === 'list' ? field.items : field.type === 'map' ? field.values : field;
      if (inner.type === 'ref') pending.push(inner.name);
    }
  }
  expect(seen.size).toBeGreaterThan(500);
});

test('an unknown name is a bug', () => {
  expect(() => registry.require('io.k8s.Nothing')).toThrow('No built-in type is named "io.k8s.Nothing"');
});

test('a name stands for one schema', () => {
  expect(registry.require('io.k8s.api.core.v1.Pod')).toBe(registry.require('io.k8s.api.core.v1.Pod'));
});

test.each([
  {
    name: 'maps of lists merge by key',
    type: 'core.v1.Container',
    field: 'ports',
    expected: {
      schema: { listType: 'map', keys: ['containerPort', 'protocol'] },
      patch: { merge: true, mergeKey: 'containerPort' },
    },
  },
  {
    name: 'merged lists may retain keys',
    type: 'core.v1.PodSpec',
    field: 'resourceClaims',
    expected: {
      schema: { listType: 'map', keys: ['name'] },
      patch: { merge: true, retainKeys: true, mergeKey: 'name' },
    },
  },
  {
    name: 'atomic maps',
    type: 'core.v1.ServiceSpec',
    field: 'selector',
    expected: { schema: { type: 'map', atomic: true } },
  },
  {
    name: 'enumerations',
    type: 'core.v1.ServiceSpec',
    field: 'type',
    expected: { schema: { enum: ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'] } },
  },
  {
    name: 'quantities',
    type: 'core.v1.ResourceRequirements',
    field: 'limits',
    expected: { schema: { type: 'map', values: { type: 'quantity' } } },
  },
  {
    name: 'retained keys',
    type: 'apps.v1.DeploymentSpec',
    field: 'strategy',
    expected: { patch: { retainKeys: true } },
  },
  {
    name: 'field numbers',
    type: 'core.v1.PodSpec',
    field: 'containers',
    expected: { proto: { number: 2, type: 'io.k8s.api.core.v1.Container' } },
  },
  {
    name: 'field numbers of inlined fields',
    type: 'core.v1.Volume',
    field: 'emptyDir',
    expected: { proto: { number: 2, path: [2, 2] } },
  },
  {
    name: 'extra values are lists',
    type: 'certificates.v1.CertificateSigningRequestSpec',
    field: 'extra',
    expected: { schema: { type: 'map', values: { type: 'list', items: { type: 'string' } } } },
  },
])('$name', ({ type, field, expected }) => {
  expect(objectOf(type).fields[field]).toMatchObject(expected);
});

test('required fields and atomic types are known', () => {
  expect(objectOf('core.v1.Container').required).toEqual(['name']);
  expect(objectOf('core.v1.ObjectReference').atomic).toBe(true);
  expect(objectOf('core.v1.Pod').atomic).toBeUndefined();
});

test.each([
  { group: 'apps', version: 'v1', kind: 'Deployment', name: 'io.k8s.api.apps.v1.Deployment' },
  { group: '', version: 'v1', kind: 'Status', name: 'io.k8s.apimachinery.pkg.apis.meta.v1.Status' },
  {
    group: 'any.example.com',
    version: 'v7',
    kind: 'DeleteOptions',
    name: 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions',
  },
  { group: 'apps', version: 'v1', kind: 'Status', name: undefined },
])('$group/$version $kind is $name', ({ name, ...gvk }) => {
  expect(registry.getKind(gvk)?.name).toBe(name);
});

test('texts are there when they are asked for', async () => {
  const texts = await loadTexts(registry);
  const container = texts('io.k8s.api.core.v1.Container');
  expect(container?.description).toMatch(/container/);
  expect(container?.fields['image']).toMatch(/image/i);
  expect(texts('io.k8s.Nothing')).toBeUndefined();
  expect(NO_TEXTS('io.k8s.api.core.v1.Container')).toBeUndefined();
});
