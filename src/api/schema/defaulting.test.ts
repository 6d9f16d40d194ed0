import { expect, test } from 'vitest';
import { applyDefaults } from './defaulting.ts';
import { BuiltinSchemas } from './registry.ts';
import type { Schema } from './schema.ts';

const registry = new BuiltinSchemas();
const core = (kind: string): Schema => ({ type: 'ref', name: `io.k8s.api.core.v1.${kind}` });

test.each([
  {
    name: 'structs that Go holds by value appear',
    kind: 'Namespace',
    input: { metadata: {} },
    output: { metadata: {}, spec: {}, status: {} },
  },
  {
    name: 'markers give values',
    kind: 'ContainerPort',
    input: { containerPort: 80 },
    output: { containerPort: 80, protocol: 'TCP' },
  },
  {
    name: 'what is there stays',
    kind: 'ContainerPort',
    input: { containerPort: 80, protocol: 'UDP' },
    output: { containerPort: 80, protocol: 'UDP' },
  },
  {
    name: 'null counts as absent',
    kind: 'ContainerPort',
    input: { protocol: null, name: null },
    output: { protocol: 'TCP' },
  },
  {
    name: 'items of lists are reached',
    kind: 'ServiceSpec',
    input: { ports: [{ port: 1 }] },
    output: { ports: [{ port: 1, protocol: 'TCP' }] },
  },
  {
    name: 'a status has its zeros',
    kind: 'ContainerStatus',
    input: { name: 'a' },
    output: { name: 'a', ready: false, restartCount: 0, state: {}, lastState: {} },
  },
  {
    name: 'null in a map of strings is empty text',
    kind: 'ConfigMap',
    input: { metadata: {}, data: { a: null } },
    output: { metadata: {}, data: { a: '' } },
  },
])('$name', ({ kind, input, output }) => {
  applyDefaults(core(kind), input, registry);
  expect(input).toEqual(output);
});

test('defaults of nested objects are filled on the way down', () => {
  const schema: Schema = {
    type: 'object',
    required: [],
    fields: {
      outer: {
        schema: {
          type: 'object',
          required: [],
          default: {},
          fields: { inner: { schema: { type: 'integer', default: 3 } } },
        },
      },
      list: { schema: { type: 'list', items: { type: 'string' }, default: ['a'] } },
      maybe: { schema: { type: 'string', nullable: true, default: 'x' } },
    },
  };
  const object: Record<string, unknown> = { maybe: null };
  applyDefaults(schema, object, registry);
  expect(object).toEqual({ outer: { inner: 3 }, list: ['a'], maybe: null });
});

test('a default is never shared between objects', () => {
  const schema: Schema = {
    type: 'object',
    required: [],
    fields: { list: { schema: { type: 'list', items: { type: 'string' }, default: ['a'] } } },
  };
  const [first, second]: { list?: string[] }[] = [{}, {}];
  applyDefaults(schema, first, registry);
  applyDefaults(schema, second, registry);
  first?.list?.push('b');
  expect(second?.list).toEqual(['a']);
});
