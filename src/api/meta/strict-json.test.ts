import { describe, expect, test } from 'vitest';
import { isRawNumber } from './clone.ts';
import { describeSyntaxError } from './json-syntax.ts';
import { JsonSyntaxError, parseStrictJson } from './strict-json.ts';

describe('values', () => {
  test.each([
    ['{}'],
    ['[]'],
    ['null'],
    [' "a" '],
    ['-1.5e3'],
    ['{"a":{"b":[1,{"c":"x:y\\"{"}]}}'],
    ['{"__proto__":1,"a:":":"}'],
  ])('%s', (text) => {
    expect(parseStrictJson(text)).toEqual({ value: JSON.parse(text), duplicates: [] });
    expect(parseStrictJson(Buffer.from(text)).value).toEqual(JSON.parse(text));
  });

  test('of bytes in the middle of a buffer', () => {
    const bytes = Buffer.from('xx{"ä":1}yy');
    expect(parseStrictJson(bytes.subarray(2, -2)).value).toEqual({ ä: 1 });
  });
});

describe('numbers', () => {
  test.each([
    ['9007199254740993', true],
    ['-9223372036854775808', true],
    ['9223372036854775807', true],
    ['9223372036854775808', false],
    ['9007199254740991', false],
    ['1234567890123456', false],
    ['0.1234567890123456789', false],
    ['1e20', false],
    ['123456789012345678901234567890', false],
  ])('%s is kept as text: %s', (text, kept) => {
    const { value, duplicates } = parseStrictJson(`{"a":[${text}],"b":"00000000000000000"}`);
    const { a } = value as { a: unknown[] };
    expect(isRawNumber(a[0])).toBe(kept);
    expect(duplicates).toEqual([]);
    expect(JSON.stringify(a[0])).toBe(kept ? text : String(Number(text)));
  });

  test('fields called rawJSON are fields', () => {
    expect(parseStrictJson('{"rawJSON":"1"}')).toEqual({ value: { rawJSON: '1' }, duplicates: [] });
  });

  test('at the very end', () => expect(isRawNumber(parseStrictJson('9007199254740993').value)).toBe(true));
});

describe('duplicates', () => {
  test.each([
    ['{"a":1,"a":2}', ['a']],
    ['{"spec":{"a":1,"b":2,"a":3}}', ['spec.a']],
    ['{"l":[{"a":1},{"x":[[{"b":1, "b" : 2}]]}]}', ['l[1].x[0][0].b']],
    ['{"a":1,"\\u0061":2}', ['a']],
    ['{"a":{"b":1},"a":{"b":2}}', ['a']],
    ['{"a":1,"b":"a","c":["a","a"],"a":{"d":1,"d":2},"e":1}', ['a', 'a.d']],
    ['{"__proto__":1,"__proto__":2}', ['__proto__']],
    ['{"a":1,"a":2,"a":3}', ['a']],
  ])('%s', (text, duplicates) => {
    const result = parseStrictJson(text);
    expect(result.duplicates).toEqual(duplicates);
    expect(result.value).toEqual(JSON.parse(text));
  });

  test('a hundred are enough', () => {
    const fields = Array.from({ length: 200 }, (_, index) => `"f${index}":1`).join(',');
    expect(parseStrictJson(`{${fields},${fields}}`).duplicates).toHaveLength(100);
  });
});

describe('refuses', () => {
  test.each([
    ['', 'unexpected end of JSON input'],
    ['   ', 'unexpected end of JSON input'],
    ['x', "invalid character 'x' looking for beginning of value"],
    ['\ufeff{}', "invalid character '\\ufeff' looking for beginning of value"],
    ["{'a':1}", "invalid character '\\'' looking for beginning of object key string"],
    ['{"a":1,}', "invalid character '}' looking for beginning of object key string"],
    ['{a:1}', "invalid character 'a' looking for beginning of object key string"],
    ['{"a" 1}', "invalid character '1' after object key"],
    ['{"a":1 "b":2}', "invalid character '\"' after object key:value pair"],
    ['{"a":1', 'unexpected end of JSON input'],
    ['{"a', 'unexpected end of JSON input'],
    ['[1 2]', "invalid character '2' after array element"],
    ['[1,]', "invalid character ']' looking for beginning of value"],
    ['{} x', "invalid character 'x' after top-level value"],
    ['01', "invalid character '1' after top-level value"],
    ['-x', "invalid character 'x' in numeric literal"],
    ['1.x', "invalid character 'x' after decimal point in numeric literal"],
    ['1e+x', "invalid character 'x' in exponent of numeric literal"],
    ['trux', "invalid character 'x' in literal true (expecting 'e')"],
    ['nul', 'unexpected end of JSON input'],
    ['"a\nb"', "invalid character '\\n' in string literal"],
    ['"\\x"', "invalid character 'x' in string escape code"],
    ['"\\u00g0"', "invalid character 'g' in \\u hexadecimal character escape"],
    ['"\\', 'unexpected end of JSON input'],
    ['"\\u00', 'unexpected end of JSON input'],
    ['apiVersion: v1', "invalid character 'a' looking for beginning of value"],
  ])('%j', (text, message) => {
    const act = () => parseStrictJson(text);
    expect(act).toThrow(JsonSyntaxError);
    expect(act).toThrow(message);
  });

  test('nesting without end', () => {
    expect(() => parseStrictJson('['.repeat(100_000))).toThrow('exceeded max depth');
    expect(parseStrictJson(`${'['.repeat(1000)}${']'.repeat(1000)}`).duplicates).toEqual([]);
  });

  test('valid text has no syntax error', () => {
    expect(describeSyntaxError('{"a":[1,-0.5e-3,true,"\\u00e9\\n"],"b":{},"c":[]}')).toBe('invalid JSON');
  });
});
