import { expect, test } from 'vitest';
import { rawNumber } from '../meta/clone.ts';
import { findUnknown, pruneUnknown } from './prune.ts';
import { BuiltinSchemas } from './registry.ts';
import type { Schema } from './schema.ts';

const registry = new BuiltinSchemas();
const deployment: Schema = { type: 'ref', name: 'io.k8s.api.apps.v1.Deployment' };

test.each<{ name: string; input: object; unknown: string[]; output: object }>([
  { name: 'nothing unknown', input: { spec: { replicas: 1 } }, unknown: [], output: { spec: { replicas: 1 } } },
  { name: 'at the root', input: { foo: 1 }, unknown: ['foo'], output: {} },
  { name: 'inside', input: { spec: { replicass: 1 } }, unknown: ['spec.replicass'], output: { spec: {} } },
  {
    name: 'names are case-sensitive',
    input: { spec: { Replicas: 1 } },
    unknown: ['spec.Replicas'],
    output: { spec: {} },
  },
  {
    name: 'in a list',
    input: { spec: { template: { spec: { containers: [{ name: 'a' }, { imagee: 'b' }] } } } },
    unknown: ['spec.template.spec.containers[1].imagee'],
    output: { spec: { template: { spec: { containers: [{ name: 'a' }, {}] } } } },
  },
  {
    name: 'keys of maps are free',
    input: { metadata: { labels: { anything: 'x' } } },
    unknown: [],
    output: { metadata: { labels: { anything: 'x' } } },
  },
  {
    name: 'a long number is no object',
    input: { spec: { template: { spec: { containers: [rawNumber('9223372036854775807')] } } } },
    unknown: [],
    output: { spec: { template: { spec: { containers: [rawNumber('9223372036854775807')] } } } },
  },
  {
    name: 'names of built-in methods are unknown',
    input: { constructor: 1, toString: 2 },
    unknown: ['constructor', 'toString'],
    output: {},
  },
  {
    name: 'inlined fields are known',
    input: { spec: { template: { spec: { volumes: [{ name: 'a', emptyDir: {} }] } } } },
    unknown: [],
    output: { spec: { template: { spec: { volumes: [{ name: 'a', emptyDir: {} }] } } } },
  },
])('$name', ({ input, unknown, output }) => {
  expect(findUnknown(deployment, input, registry)).toEqual(unknown);
  expect(pruneUnknown(deployment, input, registry)).toEqual(unknown);
  expect(input).toEqual(output);
});

test('a schema may keep what it does not know, and still judge what it does', () => {
  const schema: Schema = {
    type: 'object',
    required: [],
    preserveUnknown: true,
    fields: { known: { schema: { type: 'object', required: [], fields: {} } }, raw: { schema: { type: 'any' } } },
  };
  const object = { free: { x: 1 }, known: { y: 1 }, raw: { z: 1 } };
  expect(pruneUnknown(schema, object, registry)).toEqual(['known.y']);
  expect(object).toEqual({ free: { x: 1 }, known: {}, raw: { z: 1 } });
});
