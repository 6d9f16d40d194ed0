import { describe, expect, test } from 'vitest';
import { escapeHtml, goJson, goQuote, goValue } from './go-text.ts';

describe('goQuote', () => {
  test.each([
    { name: 'plain text', text: 'web-1', expected: '"web-1"' },
    { name: 'quotes and backslashes', text: 'a"b\\c', expected: '"a\\"b\\\\c"' },
    { name: 'named control characters', text: '\n\t\r\v\f\b\u0007', expected: '"\\n\\t\\r\\v\\f\\b\\a"' },
    { name: 'other control characters', text: '\u0001\u007f', expected: '"\\x01\\x7f"' },
    { name: 'letters of any script stay', text: 'käse日', expected: '"käse日"' },
    { name: 'unusual spaces and unprintables', text: '\u00a0\u200b', expected: '"\\u00a0\\u200b"' },
    { name: 'beyond the basic plane', text: '😀\u{e0001}', expected: '"😀\\U000e0001"' },
  ])('$name', ({ text, expected }) => expect(goQuote(text)).toBe(expected));
});

test('goJson escapes what HTML minds', () => {
  expect(goJson({ a: '<&>' })).toBe('{"a":"\\u003c\\u0026\\u003e"}');
  expect(goJson(undefined)).toBe('null');
});

test('goValue prints like %v', () => {
  expect(goValue({ b: [1, 'x'], a: null, c: { d: true } })).toBe('map[a:<nil> b:[1 x] c:map[d:true]]');
});

test('escapeHtml', () => expect(escapeHtml('a<b>&c')).toBe('a&lt;b&gt;&amp;c'));
