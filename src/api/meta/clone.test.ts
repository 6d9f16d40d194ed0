import { describe, expect, test } from 'vitest';
import { deepClone, deepEqual, deepFreeze, isRawNumber, rawNumber } from './clone.ts';

describe('deepClone', () => {
  test.each([[null], [1], ['a'], [[]], [{}], [{ a: [{ b: null }, 1], c: { d: true } }]])('copies %j', (value) => {
    expect(deepClone(value)).toEqual(value);
  });

  test('shares nothing', () => {
    const value = deepFreeze({ a: [{ b: 1 }] });
    const copy = deepClone(value);
    expect(copy.a).not.toBe(value.a);
    expect(copy.a[0]).not.toBe(value.a[0]);
    expect(Object.isFrozen(copy.a[0])).toBe(false);
  });

  test('keeps __proto__ as data', () => {
    const copy = deepClone(JSON.parse('{"__proto__":{"polluted":1}}'));
    expect(Object.keys(copy)).toEqual(['__proto__']);
    expect(copy.polluted).toBeUndefined();
  });

  test('keeps raw numbers, and fields that merely share their name', () => {
    const copy = deepClone({ big: rawNumber('9007199254740993'), rawJSON: 'text' });
    expect(JSON.stringify(copy)).toBe('{"big":9007199254740993,"rawJSON":"text"}');
    expect(isRawNumber(copy.big)).toBe(true);
  });

  test('drops undefined fields', () => expect(Object.keys(deepClone({ a: undefined, b: 1 }))).toEqual(['b']));
});

test('deepFreeze freezes every level and stands frozen parts', () => {
  const value = { list: [{ a: 1 }], inner: Object.freeze({ b: 1 }) };
  expect(deepFreeze(value)).toBe(value);
  expect([value, value.list, value.list[0], value.inner].every(Object.isFrozen)).toBe(true);
  expect(deepFreeze(null)).toBeNull();
  expect(deepFreeze(1)).toBe(1);
});

describe('deepEqual', () => {
  const rows: { a: unknown; b: unknown; equal: boolean }[] = [
    { a: { x: 1, y: [1, { z: null }] }, b: { y: [1, { z: null }], x: 1 }, equal: true },
    { a: { x: 1, y: undefined }, b: { x: 1 }, equal: true },
    { a: { x: undefined }, b: { y: undefined }, equal: true },
    { a: { x: 1 }, b: { x: 1, y: 1 }, equal: false },
    { a: { x: 1, y: 1 }, b: { x: 1 }, equal: false },
    { a: { x: null }, b: {}, equal: false },
    { a: [1, 2], b: [2, 1], equal: false },
    { a: [1], b: [1, 2], equal: false },
    { a: [], b: {}, equal: false },
    { a: {}, b: [], equal: false },
    { a: null, b: {}, equal: false },
    { a: 1, b: '1', equal: false },
    { a: { toString: 1 }, b: { a: 1 }, equal: false },
    { a: { n: rawNumber('9007199254740993') }, b: { n: rawNumber('9007199254740993') }, equal: true },
    { a: { n: rawNumber('9007199254740993') }, b: { n: rawNumber('9007199254740992') }, equal: false },
  ];
  test.each(rows)('$a $b', ({ a, b, equal }) => {
    expect(deepEqual(a, b)).toBe(equal);
  });
});
