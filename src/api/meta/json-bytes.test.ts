import { expect, test } from 'vitest';
import { rawNumber } from './clone.ts';
import { encodeObject, headLength, withoutManagedFields, withResourceVersion } from './json-bytes.ts';

test.each([
  {
    name: 'puts kind, apiVersion and metadata first, without resourceVersion',
    object: { spec: { a: 1 }, metadata: { name: 'a', resourceVersion: '4' }, apiVersion: 'v1', kind: 'Pod' },
    encoded: '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"},"spec":{"a":1}}',
    revised: '{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"7","name":"a"},"spec":{"a":1}}',
  },
  {
    name: 'stands empty metadata',
    object: { kind: 'Pod', apiVersion: 'v1', metadata: {} },
    encoded: '{"kind":"Pod","apiVersion":"v1","metadata":{}}',
    revised: '{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"7"}}',
  },
  {
    name: 'and none',
    object: { kind: 'Pod', apiVersion: 'v1' },
    encoded: '{"kind":"Pod","apiVersion":"v1","metadata":{}}',
    revised: '{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"7"}}',
  },
  {
    name: 'is not misled by other metadata, and keeps letters and numbers',
    object: {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'ä' },
      n: rawNumber('9007199254740993'),
      t: { metadata: { x: 1 } },
    },
    encoded: '{"kind":"Pod","apiVersion":"v1","metadata":{"name":"ä"},"n":9007199254740993,"t":{"metadata":{"x":1}}}',
    revised:
      '{"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"7","name":"ä"},"n":9007199254740993,"t":{"metadata":{"x":1}}}',
  },
])('$name', ({ object, encoded, revised }) => {
  const bytes = encodeObject(object);
  expect(bytes.toString()).toBe(encoded);
  expect(withResourceVersion(bytes, 7).toString()).toBe(revised);
  expect(withResourceVersion(bytes, '7', headLength(bytes)).toString()).toBe(revised);
});

test('other bytes are a bug', () => {
  expect(() => headLength(Buffer.from('{}'))).toThrow('Cannot find the metadata in an encoded object');
});

test('withoutManagedFields', () => {
  const plain = { metadata: { name: 'a' }, spec: {} };
  expect(withoutManagedFields(plain)).toBe(plain);
  expect(withoutManagedFields({ spec: {} })).toEqual({ spec: {} });
  expect(withoutManagedFields({ ...plain, metadata: { name: 'a', managedFields: [{}] } })).toEqual(plain);
});
