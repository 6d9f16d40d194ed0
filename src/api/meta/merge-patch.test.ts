import { expect, test } from 'vitest';
import { deepFreeze, rawNumber } from './clone.ts';
import { applyMergePatch, withoutNulls } from './merge-patch.ts';

const rows: { document: unknown; patch: unknown; result: unknown }[] = [
  { document: { a: 'b' }, patch: { a: 'c' }, result: { a: 'c' } },
  { document: { a: 'b' }, patch: { b: 'c' }, result: { a: 'b', b: 'c' } },
  { document: { a: 'b', b: 'c' }, patch: { a: null }, result: { b: 'c' } },
  { document: { a: ['b'] }, patch: { a: 'c' }, result: { a: 'c' } },
  { document: { a: 'c' }, patch: { a: ['b'] }, result: { a: ['b'] } },
  { document: { a: { b: 'c' } }, patch: { a: { b: 'd', c: null } }, result: { a: { b: 'd' } } },
  { document: { a: [{ b: 'c' }] }, patch: { a: [1] }, result: { a: [1] } },
  { document: {}, patch: { a: { bb: { ccc: null } } }, result: { a: { bb: {} } } },
  { document: { a: 1 }, patch: { a: { b: 1, c: null } }, result: { a: { b: 1 } } },
  { document: {}, patch: { a: [null, { b: null, c: 1 }] }, result: { a: [null, { c: 1 }] } },
  { document: { e: null }, patch: { a: 1 }, result: { e: null, a: 1 } },
];
test.each(rows)('$document + $patch', ({ document, patch, result }) => {
  expect(applyMergePatch(deepFreeze(document), deepFreeze(patch))).toEqual(result);
});

test('numbers kept as text replace each other', () => {
  const result = applyMergePatch({ a: rawNumber('9007199254740993') }, { a: rawNumber('9007199254740995') });
  expect(JSON.stringify(result)).toBe('{"a":9007199254740995}');
});

test('never reaches a prototype', () => {
  const result = applyMergePatch<Record<string, unknown>>({}, JSON.parse('{"__proto__":{"polluted":1}}'));
  expect(result['polluted']).toBeUndefined();
  expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  expect(Object.keys(result)).toEqual(['__proto__']);
});

test.each([[[]], ['x'], [null]])('refuses %j', (patch) => {
  expect(() => applyMergePatch({}, patch)).toThrow('json: cannot unmarshal');
});

test('withoutNulls', () => expect(withoutNulls({ a: null, b: [null], c: { d: null } })).toEqual({ b: [null], c: {} }));
