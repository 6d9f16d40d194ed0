import { expect, test } from 'vitest';
import { rawNumber } from '../meta/clone.ts';
import { coerceTypes } from './coerce.ts';
import { BuiltinSchemas } from './registry.ts';
import type { Schema } from './schema.ts';

const registry = new BuiltinSchemas();
const pod: Schema = { type: 'ref', name: 'io.k8s.api.core.v1.Pod' };
const container = (fields: object) => ({ spec: { containers: [fields] } });

test.each([
  {
    name: 'quantities become text',
    input: container({ resources: { limits: { cpu: 1, memory: '1024Mi' } } }),
    output: container({ resources: { limits: { cpu: '1', memory: '1Gi' } } }),
  },
  {
    name: 'fractions of a quantity become milli',
    input: container({ resources: { limits: { cpu: 0.5 } } }),
    output: container({ resources: { limits: { cpu: '500m' } } }),
  },
  {
    name: 'times become UTC seconds',
    input: { status: { startTime: '2024-05-06T09:08:09.123+02:00' } },
    output: { status: { startTime: '2024-05-06T07:08:09Z' } },
  },
  {
    name: 'a null field is as absent',
    input: { spec: { nodeName: null, containers: null } },
    output: { spec: {} },
  },
  {
    name: 'a null among others is the zero value',
    input: {
      metadata: { labels: { a: null } },
      spec: { containers: [null], volumes: [{ name: 'v', configMap: null }] },
    },
    output: { metadata: { labels: { a: '' } }, spec: { containers: [{}], volumes: [{ name: 'v' }] } },
  },
  {
    name: 'the longest numbers become the nearest that can be reckoned with',
    input: { spec: { terminationGracePeriodSeconds: rawNumber('9223372036854775807') } },
    output: { spec: { terminationGracePeriodSeconds: 2 ** 63 - 1024 } },
  },
  { name: 'unknown fields pass', input: { foo: 1 }, output: { foo: 1 } },
])('$name', ({ input, output }) => {
  coerceTypes(pod, input, registry);
  expect(input).toEqual(output);
});

test.each([
  {
    name: 'text for a list',
    input: { spec: { containers: 'a' } },
    message: 'json: cannot unmarshal string into Go struct field PodSpec.spec.containers of type []v1.Container',
  },
  {
    name: 'a long number for an object',
    input: { spec: { containers: [rawNumber('9223372036854775807')] } },
    message: 'json: cannot unmarshal number into Go struct field PodSpec.spec.containers of type v1.Container',
  },
  {
    name: 'text for a number',
    input: { spec: { priority: '1' } },
    message: 'json: cannot unmarshal string into Go struct field PodSpec.spec.priority of type int32',
  },
  {
    name: 'a fraction for a whole number',
    input: { spec: { priority: 1.5 } },
    message: 'json: cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type int32',
  },
  {
    name: 'a number beyond 32 bits',
    input: { spec: { priority: 3e9 } },
    message: 'json: cannot unmarshal number 3000000000 into Go struct field PodSpec.spec.priority of type int32',
  },
  {
    name: 'a number beyond 64 bits',
    input: { spec: { terminationGracePeriodSeconds: rawNumber('9223372036854775808') } },
    message:
      'json: cannot unmarshal number 9223372036854775808 into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64',
  },
  {
    name: 'a number for text, in a list',
    input: container({ env: [{ name: 'A', value: 1 }] }),
    message: 'json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string',
  },
  {
    name: 'a number in a map of text',
    input: { metadata: { labels: { a: 1 } } },
    message: 'json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
  },
  {
    name: 'a list for an object',
    input: { spec: [] },
    message: 'json: cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec',
  },
  {
    name: 'text for a boolean',
    input: { spec: { hostNetwork: 'yes' } },
    message: 'json: cannot unmarshal string into Go struct field PodSpec.spec.hostNetwork of type bool',
  },
  {
    name: 'no quantity',
    input: container({ resources: { limits: { cpu: 'lots' } } }),
    message: 'quantities must match the regular expression',
  },
  {
    name: 'no time',
    input: { status: { startTime: 'today' } },
    message: 'parsing time "today" as "2006-01-02T15:04:05Z07:00": cannot parse "today" as "2006"',
  },
  { name: 'a list for the whole', input: [], message: 'json: cannot unmarshal array into Go value of type v1.Pod' },
])('$name is refused', ({ input, message }) => {
  expect(() => coerceTypes(pod, input, registry)).toThrow(message);
});

test.each([
  { name: 'good', data: 'aGk=', result: 'aGk=' },
  { name: 'line breaks are skipped', data: 'aG\nk=\n', result: 'aGk=' },
  { name: 'empty', data: '', result: '' },
  { name: 'a foreign letter', data: 'a*k=', result: 'illegal base64 data at input byte 1' },
  { name: 'cut', data: 'aGk', result: 'illegal base64 data at input byte 0' },
])('base64: $name', ({ data, result }) => {
  const secret = { data: { key: data } };
  const run = () => coerceTypes({ type: 'ref', name: 'io.k8s.api.core.v1.Secret' }, secret, registry);
  if (result.startsWith('illegal')) expect(run).toThrow(result);
  else {
    run();
    expect(secret.data.key).toBe(result);
  }
});
