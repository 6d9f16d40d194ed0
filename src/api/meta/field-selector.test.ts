import { describe, expect, test } from 'vitest';
import { isBadRequest } from './errors.ts';
import { EVERY_FIELD, escapeFieldValue, fieldSelectorOf, parseFieldSelector } from './selectors.ts';

test.each([
  ['', ''],
  [',', ''],
  ['=,a=1,!=', 'a=1'],
  ['b=2,a==1', 'a=1,b=2'],
  ['a!=1', 'a!=1'],
  ['a=', 'a='],
  ['a=x\\,y\\=z\\\\', 'a=x\\,y\\=z\\\\'],
])('parse %s', (text, canonical) => expect(parseFieldSelector(text).toString()).toBe(canonical));

test.each([
  ['a', "invalid selector: 'a'; can't understand 'a'"],
  ['b=1,a', "invalid selector: 'b=1,a'; can't understand 'a'"],
  ['a=b=c', 'invalid field selector: unescaped character in value: 61'],
  ['a=\\x', 'invalid field selector: invalid escape sequence: \\x'],
  ['a=\\', 'invalid field selector: invalid escape sequence: \\'],
])('refuses %s', (text, message) => {
  let error: unknown;
  try {
    parseFieldSelector(text);
  } catch (caught) {
    error = caught;
  }
  expect(isBadRequest(error)).toBe(true);
  expect((error as Error).message).toBe(message);
});

describe('matches', () => {
  const fields: Record<string, string> = { 'metadata.name': 'web', 'status.phase': 'Running', odd: 'a,b=c' };
  test.each([
    ['', true],
    ['metadata.name=web', true],
    ['metadata.name=api', false],
    ['metadata.name!=api,status.phase==Running', true],
    ['status.phase!=Running', false],
    ['spec.nodeName=', true],
    ['spec.nodeName!=', false],
    ['odd=a\\,b\\=c', true],
  ])('%s: %s', (text, expected) => expect(parseFieldSelector(text).matches((field) => fields[field])).toBe(expected));
});

test('exactValue is what a match must have', () => {
  const selector = parseFieldSelector('metadata.name=web,status.phase!=Failed');
  expect(selector.exactValue('metadata.name')).toBe('web');
  expect(selector.exactValue('status.phase')).toBeUndefined();
  expect(EVERY_FIELD.isEmpty).toBe(true);
  expect(selector.isEmpty).toBe(false);
});

test('values survive as text', () => {
  const value = 'a,b=c\\d';
  const text = fieldSelectorOf([{ field: 'x', operator: '=', value }]).toString();
  expect(text).toBe(`x=${escapeFieldValue(value)}`);
  expect(parseFieldSelector(text).exactValue('x')).toBe(value);
});
