import { describe, expect, test } from 'vitest';
import { isBadRequest } from './errors.ts';
import { EVERYTHING, labelSelectorFromMap, labelSelectorOf, NOTHING, parseLabelSelector } from './selectors.ts';

describe('parse', () => {
  test.each([
    { text: '', canonical: '' },
    { text: '  ', canonical: '' },
    { text: 'a', canonical: 'a' },
    { text: '!a', canonical: '!a' },
    { text: ' ! a , b ', canonical: '!a,b' },
    { text: 'b=2,a==1', canonical: 'a==1,b=2' },
    { text: 'a!=1', canonical: 'a!=1' },
    { text: 'a=', canonical: 'a=' },
    { text: 'a=,b', canonical: 'a=,b' },
    { text: 'x in (c,a,a)', canonical: 'x in (a,c)' },
    { text: 'x notin(a)', canonical: 'x notin (a)' },
    { text: 'x in ()', canonical: 'x in ()' },
    { text: 'x in (,a)', canonical: 'x in (,a)' },
    { text: 'x in (a,)', canonical: 'x in (,a)' },
    { text: 'x in (a,,b)', canonical: 'x in (,a,b)' },
    { text: 'in in (in,notin)', canonical: 'in in (in,notin)' },
    { text: 'a>5,b<3', canonical: 'a>5,b<3' },
    { text: 'example.com/a in (b), c', canonical: 'c,example.com/a in (b)' },
  ])('$text', ({ text, canonical }) => {
    const selector = parseLabelSelector(text);
    expect(selector.toString()).toBe(canonical);
    expect(parseLabelSelector(canonical).toString()).toBe(canonical);
  });

  test.each([
    { text: ',', message: "found ',', expected: !, identifier, or 'end of string'" },
    { text: 'a,', message: "found '', expected: identifier after ','" },
    { text: 'a=b=c', message: "found '=', expected: ',' or 'end of string'" },
    { text: 'a b', message: "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt" },
    { text: 'a toString (b)', message: "unable to parse requirement: found 'toString', expected: in, notin," },
    { text: '!', message: "unable to parse requirement: found '', expected: identifier" },
    { text: 'a=(', message: "unable to parse requirement: found '(', expected: identifier" },
    { text: 'a in b', message: "unable to parse requirement: found 'b' expected: '('" },
    { text: 'a in (', message: "unable to parse requirement: found '', expected: ',', ')' or identifier" },
    { text: 'a in (b', message: "unable to parse requirement: found '', expected: ',' or ')'" },
    { text: 'a in (b c)', message: "unable to parse requirement: found 'c', expected: ',' or ')'" },
    { text: 'a in (b,!)', message: "unable to parse requirement: found '!', expected: ',', or identifier" },
    { text: 'a>x', message: "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators" },
    { text: 'a>99999999999999999999', message: 'the value must be an integer' },
    { text: '@=b', message: 'unable to parse requirement: <nil>: Invalid value: "@": name part must consist of' },
    { text: 'a=@', message: 'unable to parse requirement: values[0][a]: Invalid value: "@": a valid label must be' },
  ])('refuses $text', ({ text, message }) => {
    let error: unknown;
    try {
      parseLabelSelector(text);
    } catch (caught) {
      error = caught;
    }
    expect(isBadRequest(error)).toBe(true);
    expect((error as Error).message).toContain(message);
  });
});

describe('matches', () => {
  const labels = { app: 'web', tier: 'front', n: '7', empty: '' };
  test.each([
    ['', true],
    ['app', true],
    ['!app', false],
    ['!none', true],
    ['none', false],
    ['app=web', true],
    ['app=api', false],
    ['app==web,tier=front', true],
    ['app==web,tier=back', false],
    ['app!=web', false],
    ['none!=web', true],
    ['none=', false],
    ['empty=', true],
    ['app in (api,web)', true],
    ['app in (api)', false],
    ['none in (api)', false],
    ['app notin (api)', true],
    ['app notin (web)', false],
    ['none notin (web)', true],
    ['n>6', true],
    ['n>7', false],
    ['n<8', true],
    ['app<8', false],
    ['none<8', false],
    ['toString', false],
    ['constructor!=x', true],
  ])('%s: %s', (text, expected) => {
    expect(parseLabelSelector(text).matches(labels)).toBe(expected);
  });

  test('without labels', () => {
    expect(parseLabelSelector('a').matches(undefined)).toBe(false);
    expect(parseLabelSelector('!a').matches(undefined)).toBe(true);
  });
});

describe('labelSelectorOf', () => {
  test.each([
    [{}, ''],
    [{ matchLabels: { b: '2', a: '1' } }, 'a=1,b=2'],
    [
      {
        matchLabels: { a: '1' },
        matchExpressions: [
          { key: 'b', operator: 'In', values: ['y', 'x'] },
          { key: 'c', operator: 'NotIn', values: ['z'] },
          { key: 'd', operator: 'Exists' },
          { key: 'e', operator: 'DoesNotExist' },
        ],
      },
      'a=1,b in (x,y),c notin (z),d,!e',
    ],
  ])('%j', (object, text) => expect(labelSelectorOf(object).toString()).toBe(text));

  test('absent matches nothing, empty everything', () => {
    expect(labelSelectorOf(undefined)).toBe(NOTHING);
    expect(labelSelectorOf(null).matches({ a: 'b' })).toBe(false);
    expect(String(NOTHING)).toBe('');
    expect(NOTHING.isEmpty).toBe(false);
    expect(labelSelectorOf({}).matches({ a: 'b' })).toBe(true);
    expect(EVERYTHING.isEmpty).toBe(true);
  });

  test.each([
    ['Like', undefined, '"Like" is not a valid label selector operator'],
    ['In', undefined, "values: Invalid value: []: for 'in', 'notin' operators, values set can't be empty"],
  ])('refuses %s', (operator, values, message) => {
    expect(() => labelSelectorOf({ matchExpressions: [{ key: 'a', operator, values }] })).toThrow(message);
  });
});

test('labelSelectorFromMap', () => {
  const selector = labelSelectorFromMap({ b: '2', a: '1' });
  expect(selector.toString()).toBe('a=1,b=2');
  expect(selector.matches({ a: '1', b: '2', c: '3' })).toBe(true);
  expect(labelSelectorFromMap(undefined).isEmpty).toBe(true);
});
