import { describe, expect, test } from 'vitest';
import { deepFreeze } from './clone.ts';
import { StatusError } from './errors.ts';
import { applyJsonPatch, MAX_JSON_PATCH_OPERATIONS } from './json-patch.ts';

function failure(action: () => unknown): StatusError {
  try {
    action();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('applies', () => {
  const rows: { name: string; document: unknown; patch: unknown[]; result: unknown }[] = [
    { name: 'add a field', document: {}, patch: [{ op: 'add', path: '/a', value: 1 }], result: { a: 1 } },
    {
      name: 'add replaces a field',
      document: { a: 1 },
      patch: [{ op: 'add', path: '/a', value: 2 }],
      result: { a: 2 },
    },
    {
      name: 'add inserts',
      document: { a: [1, 3] },
      patch: [{ op: 'add', path: '/a/1', value: 2 }],
      result: { a: [1, 2, 3] },
    },
    {
      name: 'add appends',
      document: { a: [1] },
      patch: [{ op: 'add', path: '/a/-', value: 2 }],
      result: { a: [1, 2] },
    },
    {
      name: 'add at the end',
      document: { a: [1] },
      patch: [{ op: 'add', path: '/a/1', value: 2 }],
      result: { a: [1, 2] },
    },
    {
      name: 'add from the end',
      document: { a: [1] },
      patch: [{ op: 'add', path: '/a/-1', value: 2 }],
      result: { a: [1, 2] },
    },
    { name: 'a value left out is null', document: {}, patch: [{ op: 'add', path: '/a' }], result: { a: null } },
    { name: 'remove a field', document: { a: 1, b: 2 }, patch: [{ op: 'remove', path: '/a' }], result: { b: 2 } },
    { name: 'remove an item', document: { a: [1, 2] }, patch: [{ op: 'remove', path: '/a/0' }], result: { a: [2] } },
    {
      name: 'remove from the end',
      document: { a: [1, 2] },
      patch: [{ op: 'remove', path: '/a/-1' }],
      result: { a: [1] },
    },
    {
      name: 'replace',
      document: { a: { b: 1 } },
      patch: [{ op: 'replace', path: '/a/b', value: [] }],
      result: { a: { b: [] } },
    },
    {
      name: 'replace an item',
      document: { a: [1] },
      patch: [{ op: 'replace', path: '/a/0', value: 2 }],
      result: { a: [2] },
    },
    {
      name: 'replace creates a field',
      document: {},
      patch: [{ op: 'replace', path: '/a', value: 1 }],
      result: { a: 1 },
    },
    {
      name: 'move',
      document: { a: { b: 1 }, c: {} },
      patch: [{ op: 'move', from: '/a/b', path: '/c/d' }],
      result: { a: {}, c: { d: 1 } },
    },
    {
      name: 'copy',
      document: { a: { b: 1 } },
      patch: [{ op: 'copy', from: '/a', path: '/c' }],
      result: { a: { b: 1 }, c: { b: 1 } },
    },
    {
      name: 'test',
      document: { a: { b: 1, c: [2] } },
      patch: [{ op: 'test', path: '/a', value: { c: [2], b: 1 } }],
      result: { a: { b: 1, c: [2] } },
    },
    {
      name: 'test a missing field for null',
      document: {},
      patch: [{ op: 'test', path: '/a', value: null }],
      result: {},
    },
    {
      name: 'escapes',
      document: { 'a/b~c': 1 },
      patch: [{ op: 'replace', path: '/a~1b~0c', value: 2 }],
      result: { 'a/b~c': 2 },
    },
    { name: 'the empty key', document: { '': { a: 1 } }, patch: [{ op: 'remove', path: '//a' }], result: { '': {} } },
  ];
  test.each(rows)('$name', ({ document, patch, result }) => {
    deepFreeze(document);
    deepFreeze(patch);
    expect(applyJsonPatch(document, patch)).toEqual(result);
  });

  test('copies share nothing', () => {
    const result = applyJsonPatch<Record<string, unknown>>({ a: { b: 1 } }, [
      { op: 'copy', from: '/a', path: '/c' },
      { op: 'replace', path: '/c/b', value: 2 },
    ]);
    expect(result).toEqual({ a: { b: 1 }, c: { b: 2 } });
  });

  test('never reaches a prototype', () => {
    const result = applyJsonPatch<Record<string, unknown>>({}, [
      { op: 'add', path: '/__proto__', value: { polluted: true } },
    ]);
    expect(result['polluted']).toBeUndefined();
    expect(Object.keys(result)).toEqual(['__proto__']);
    expect(failure(() => applyJsonPatch({}, [{ op: 'add', path: '/constructor/prototype/x', value: 1 }])).code).toBe(
      422,
    );
  });
});

describe('does not apply', () => {
  const rows: { name: string; document: unknown; patch: unknown[]; cause: string }[] = [
    {
      name: 'missing parent',
      document: {},
      patch: [{ op: 'add', path: '/a/b', value: 1 }],
      cause: 'doc is missing path: "/a/b"',
    },
    {
      name: 'scalar parent',
      document: { a: 1 },
      patch: [{ op: 'add', path: '/a/b/c', value: 1 }],
      cause: 'doc is missing path: "/a/b/c"',
    },
    {
      name: 'whole document',
      document: {},
      patch: [{ op: 'replace', path: '', value: 1 }],
      cause: 'doc is missing path: ""',
    },
    {
      name: 'no leading slash',
      document: { a: 1 },
      patch: [{ op: 'remove', path: 'a' }],
      cause: 'doc is missing path: "a"',
    },
    {
      name: 'remove what is not there',
      document: {},
      patch: [{ op: 'remove', path: '/a' }],
      cause: 'Unable to remove nonexistent key: /a',
    },
    {
      name: 'index too large',
      document: { a: [] },
      patch: [{ op: 'remove', path: '/a/0' }],
      cause: 'Unable to access invalid index: 0',
    },
    {
      name: 'index too small',
      document: { a: [1] },
      patch: [{ op: 'remove', path: '/a/-2' }],
      cause: 'Unable to access invalid index: -2',
    },
    {
      name: 'no index',
      document: { a: [1] },
      patch: [{ op: 'replace', path: '/a/x', value: 1 }],
      cause: "value was not a proper array index: 'x'",
    },
    {
      name: 'failed test',
      document: { a: 1 },
      patch: [{ op: 'test', path: '/a', value: 2 }],
      cause: 'testing value /a failed',
    },
    { name: 'unknown operation', document: {}, patch: [{ op: 'jump', path: '/a' }], cause: 'Unexpected kind: jump' },
    { name: 'no operation', document: {}, patch: [{ path: '/a' }], cause: 'Unexpected kind: unknown' },
    { name: 'no path', document: {}, patch: [{ op: 'remove' }], cause: 'operation failed to decode path' },
    { name: 'no from', document: {}, patch: [{ op: 'move', path: '/a' }], cause: 'operation failed to decode from' },
  ];
  test.each(rows)('$name', ({ document, patch, cause }) => {
    const error = failure(() => applyJsonPatch(document, patch));
    expect([error.code, error.reason, error.message]).toEqual([
      422,
      'Invalid',
      'the server rejected our request due to an error in our request',
    ]);
    expect((error.cause as Error).message).toBe(cause);
  });

  test.each([
    [{ a: 1 }, 'json: cannot unmarshal object into Go value of type jsonpatch.Patch'],
    [null, 'json: cannot unmarshal null into Go value of type jsonpatch.Patch'],
    [['x'], 'json: cannot unmarshal string into Go value of type jsonpatch.Operation'],
  ])('refuses %j', (patch, message) => {
    const error = failure(() => applyJsonPatch({}, patch));
    expect([error.code, error.message]).toEqual([400, message]);
  });

  test('too many operations', () => {
    const patch = new Array(MAX_JSON_PATCH_OPERATIONS + 1).fill({ op: 'test', path: '/a', value: null });
    const error = failure(() => applyJsonPatch({}, patch));
    expect([error.code, error.message]).toEqual([
      413,
      'Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001',
    ]);
    expect(applyJsonPatch({}, patch.slice(1))).toEqual({});
  });

  test('copies that blow up', () => {
    const patch = new Array(40).fill({ op: 'copy', from: '/a', path: '/a/-' });
    expect(failure(() => applyJsonPatch({ a: ['x'] }, patch)).code).toBe(413);
  });
});
