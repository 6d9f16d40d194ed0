import { expect, test } from 'vitest';
import { renderFieldErrors } from '../meta/validation.ts';
import { BuiltinSchemas } from './registry.ts';
import type { Schema } from './schema.ts';
import { validateSchema } from './validate.ts';

const registry = new BuiltinSchemas();
const ref = (name: string): Schema => ({ type: 'ref', name: `io.k8s.api.${name}` });

test.each([
  {
    name: 'missing text',
    schema: ref('core.v1.Pod'),
    input: { spec: { containers: [{ image: 'a' }] } },
    errors: ['spec.containers[0].name: Required value'],
  },
  {
    name: 'a missing struct',
    schema: ref('apps.v1.DeploymentSpec'),
    input: { template: {} },
    errors: ['selector: Required value'],
  },
  {
    name: 'a value outside of the enumeration',
    schema: ref('core.v1.Pod'),
    input: { spec: { containers: [], restartPolicy: 'Sometimes' } },
    errors: ['spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"'],
  },
  {
    name: 'nothing of a status',
    schema: ref('core.v1.Pod'),
    input: { spec: { containers: [] }, status: { phase: 'Odd', conditions: [{}], containerStatuses: [{}] } },
    errors: [],
  },
  {
    name: 'no missing numbers and lists: they are zero',
    schema: ref('scheduling.v1.PriorityClass'),
    input: { metadata: {} },
    errors: [],
  },
])('built-in kinds report $name', ({ schema, input, errors }) => {
  expect(validateSchema(schema, input, registry).map((error) => renderFieldErrors([error]))).toEqual(errors);
});

const custom: Schema = {
  type: 'object',
  required: ['size'],
  fields: {
    size: { schema: { type: 'integer' } },
    ports: { schema: { type: 'map', values: { type: 'int-or-string' } } },
    mode: { schema: { type: 'string', enum: ['a', 'b'] } },
  },
};

test.each([
  { name: 'a missing number', input: {}, errors: ['size: Required value'] },
  {
    name: 'a wrong type',
    input: { size: 'big' },
    errors: ['size: Invalid value: "string": size in body must be of type integer: "string"'],
  },
  {
    name: 'a wrong type in a map',
    input: { size: 1, ports: { a: true } },
    errors: ['ports[a]: Invalid value: "boolean": ports[a] in body must be of type string: "boolean"'],
  },
  {
    name: 'a value outside of the enumeration',
    input: { size: 1, mode: 'c' },
    errors: ['mode: Unsupported value: "c": supported values: "a", "b"'],
  },
  { name: 'nothing', input: { size: 1, mode: 'a', ports: { a: 1, b: '2' } }, errors: [] },
])('custom resources report $name', ({ input, errors }) => {
  expect(validateSchema(custom, input, registry).map((error) => renderFieldErrors([error]))).toEqual(errors);
});
