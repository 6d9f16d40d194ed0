import { expect, test } from 'vitest';
import { rawNumber } from './clone.ts';
import { isJsonObject, jsonTypeOf, ownField, setField } from './json.ts';

const rows: { value: unknown; object: boolean; type: string }[] = [
  { value: {}, object: true, type: 'object' },
  { value: { rawJSON: '1' }, object: true, type: 'object' },
  { value: rawNumber('1'), object: false, type: 'number' },
  { value: [], object: false, type: 'array' },
  { value: null, object: false, type: 'null' },
  { value: undefined, object: false, type: 'null' },
  { value: 'a', object: false, type: 'string' },
  { value: 1, object: false, type: 'number' },
  { value: true, object: false, type: 'bool' },
];
test.each(rows)('$type $value', ({ value, object, type }) => {
  expect(isJsonObject(value)).toBe(object);
  expect(jsonTypeOf(value)).toBe(type);
});

test('fields are own', () => {
  const target = {};
  expect(ownField(target, 'toString')).toBeUndefined();
  setField(target, '__proto__', 1);
  setField(target, 'a', 2);
  expect(JSON.stringify(target)).toBe('{"__proto__":1,"a":2}');
  expect(ownField(target, '__proto__')).toBe(1);
});
