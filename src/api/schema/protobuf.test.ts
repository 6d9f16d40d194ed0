import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  decodeEnvelope,
  encodeEnvelope,
  encodeWatchFrame,
  isProtobuf,
  ProtobufCodec,
  ProtobufError,
} from './protobuf.ts';
import { BuiltinSchemas } from './registry.ts';

/** Objects that Go's own types were filled with, as Go's protobuf and JSON encoders wrote them. */
interface Fixture {
  readonly name: string;
  readonly protobuf: string;
  readonly json: unknown;
}

const fixtures = readFileSync(new URL('./testdata/protobuf.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Fixture);

const codec = new ProtobufCodec(new BuiltinSchemas());

/** The codec leaves out what Go writes as null. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, field]) => field !== null);
  return Object.fromEntries(entries.map(([key, field]) => [key, withoutNulls(field)]));
}

describe('bytes of Go', () => {
  test.each(fixtures)('$name decodes to the JSON of Go', ({ protobuf, json }) => {
    expect(codec.decode(Buffer.from(protobuf, 'base64'))).toEqual(withoutNulls(json));
  });

  test.each(fixtures)('$name survives a round trip', ({ protobuf }) => {
    const object = codec.decode(Buffer.from(protobuf, 'base64'));
    expect(codec.decode(codec.encode(object))).toEqual(object);
  });
});

describe('zero values', () => {
  const pod = (spec: object) => codec.decode(codec.encode({ apiVersion: 'v1', kind: 'Pod', spec } as object));

  test('of fields held by value vanish when JSON would leave them out', () => {
    expect(pod({ nodeName: '', hostNetwork: false })).toMatchObject({ spec: {} });
    expect(pod({ nodeName: '' })['spec']).not.toHaveProperty('nodeName');
  });

  test('of pointers stay', () => {
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: 0, paused: false } };
    expect(codec.decode(codec.encode(deployment))).toMatchObject({ spec: { replicas: 0 } });
    expect(pod({ terminationGracePeriodSeconds: 0 })).toMatchObject({ spec: { terminationGracePeriodSeconds: 0 } });
  });

  test('an empty time is no time', () => {
    // Pod { metadata: { creationTimestamp: {} } } as encoders older than omitzero write it.
    const body = encodeEnvelope('v1', 'Pod', Buffer.from([0x0a, 0x02, 0x42, 0x00]));
    expect(codec.decode(body)).toEqual({ apiVersion: 'v1', kind: 'Pod', metadata: {} });
  });
});

test('big integers keep their digits', () => {
  // Field 7 of ObjectMeta, generation.
  const raw = Buffer.from([0x0a, 0x09, 0x38, 0x81, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10]);
  expect(JSON.stringify(codec.decode(encodeEnvelope('v1', 'Pod', raw)))).toContain('"generation":9007199254740993');
});

test('keys of maps are plain data, whatever they say', () => {
  const data = JSON.parse('{"__proto__":"x","constructor":"y"}') as Record<string, string>;
  const decoded = codec.decode(codec.encode({ apiVersion: 'v1', kind: 'ConfigMap', data } as object));
  expect(Object.entries(decoded['data'] as object).toSorted()).toEqual([
    ['__proto__', 'x'],
    ['constructor', 'y'],
  ]);
});

test.each([
  { name: 'options of a delete, in the resource’s group', apiVersion: 'apps/v1', kind: 'DeleteOptions' },
  { name: 'options of a delete, in a custom group', apiVersion: 'example.com/v1', kind: 'DeleteOptions' },
  { name: 'an older eviction', apiVersion: 'policy/v1beta1', kind: 'Eviction' },
  { name: 'an older self review', apiVersion: 'authentication.k8s.io/v1beta1', kind: 'SelfSubjectReview' },
])('knows $name', ({ apiVersion, kind }) => {
  expect(codec.decode(encodeEnvelope(apiVersion, kind, Buffer.alloc(0)))).toEqual({ apiVersion, kind });
});

test('a list is made of encoded items', () => {
  const gvk = { group: '', version: 'v1', kind: 'ConfigMap' };
  const items = ['a', 'b'].map((name) => codec.encodeObject(gvk, { metadata: { name } }));
  const body = codec.encodeList({ ...gvk, kind: 'ConfigMapList' }, { resourceVersion: '7' }, items);
  expect(codec.decode(body)).toEqual({
    apiVersion: 'v1',
    kind: 'ConfigMapList',
    metadata: { resourceVersion: '7' },
    items: [{ metadata: { name: 'a' } }, { metadata: { name: 'b' } }],
  });
});

test('a watch frame is the length, then the event', () => {
  const body = codec.encode({ apiVersion: 'v1', kind: 'ConfigMap' });
  const frame = Buffer.from(encodeWatchFrame('ADDED', body));
  expect(frame.readUInt32BE()).toBe(frame.length - 4);
  expect(frame.subarray(4, 11).toString('latin1')).toBe('\n\x05ADDED');
  expect(frame.subarray(-body.length).equals(body)).toBe(true);
});

describe('broken bytes', () => {
  const wrap = (...bytes: number[]) => encodeEnvelope('v1', 'Pod', Buffer.from(bytes));
  test.each([
    { name: 'no envelope', body: Buffer.from('{"kind":"Pod"}') },
    { name: 'a cut length', body: wrap(0x0a) },
    { name: 'a length beyond the end', body: wrap(0x0a, 0x7f, 0x00) },
    { name: 'a length beyond memory', body: wrap(0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f) },
    { name: 'an endless varint', body: wrap(0x38, ...Array<number>(12).fill(0xff)) },
    { name: 'field zero', body: wrap(0x00, 0x00) },
    { name: 'a group', body: wrap(0x0b) },
    { name: 'a wrong wire type', body: wrap(0x08, 0x01) },
    { name: 'an unknown kind', body: encodeEnvelope('v1', 'Nonsense', Buffer.alloc(0)) },
  ])('$name is refused', ({ body }) => {
    expect(() => codec.decode(body)).toThrow(ProtobufError);
  });

  test('nesting has an end', () => {
    // CustomResourceDefinition schemas nest: a `not` (field 28) inside a `not`, and so on.
    let schema = Buffer.alloc(0);
    const nest = (tag: readonly number[], inner: Buffer) => {
      const length: number[] = [];
      for (let rest = inner.length; ; rest >>>= 7) {
        length.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
        if (rest <= 0x7f) break;
      }
      return Buffer.from([...tag, ...length, ...inner]);
    };
    for (let i = 0; i < 2000; i++) schema = nest([0xe2, 0x01], schema);
    const version = nest([0x22], nest([0x0a], schema));
    const body = encodeEnvelope(
      'apiextensions.k8s.io/v1',
      'CustomResourceDefinition',
      nest([0x12], nest([0x3a], version)),
    );
    expect(() => codec.decode(body)).toThrow('nesting is deeper');
  });

  test('every cut of a real body is refused or decoded, never worse', () => {
    const whole = Buffer.from(fixtures[0]?.protobuf ?? '', 'base64');
    for (let end = 0; end < Math.min(whole.length, 600); end++) {
      try {
        codec.decode(whole.subarray(0, end));
      } catch (error) {
        expect(error).toBeInstanceOf(ProtobufError);
      }
    }
  });
});

test('an envelope opens to what was put in', () => {
  const raw = Buffer.from([1, 2, 3]);
  const body = encodeEnvelope('apps/v1', 'Deployment', raw);
  expect(isProtobuf(body)).toBe(true);
  expect(decodeEnvelope(body)).toMatchObject({ apiVersion: 'apps/v1', kind: 'Deployment', contentType: '' });
  expect(Buffer.from(decodeEnvelope(body).raw)).toEqual(raw);
});
