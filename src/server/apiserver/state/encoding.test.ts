import { expect, test } from 'vitest';
import { encodeStored, withRevision } from './encoding.ts';

test('stores without the revision and puts the next one in', () => {
  const object = {
    spec: { metadata: { resourceVersion: 'mine' } },
    metadata: { resourceVersion: '7', name: 'ä', annotations: { text: '"metadata":{' } },
    apiVersion: 'v1',
    kind: 'Thing',
  };
  const stored = encodeStored(object);
  expect(JSON.parse(stored.toString()).metadata).toEqual({ name: 'ä', annotations: { text: '"metadata":{' } });
  const text = withRevision(stored, 42).toString();
  expect(text.startsWith('{"kind":"Thing","apiVersion":"v1","metadata":{"resourceVersion":"42","name":"ä"')).toBe(true);
  expect(JSON.parse(text)).toEqual({ ...object, metadata: { ...object.metadata, resourceVersion: '42' } });
});

test('also where the metadata say nothing else', () => {
  const bytes = withRevision(Buffer.from('{"kind":"A","apiVersion":"v1","metadata":{}}'), 3);
  expect(JSON.parse(bytes.toString()).metadata).toEqual({ resourceVersion: '3' });
});
