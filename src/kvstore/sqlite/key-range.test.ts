import { expect, test } from 'vitest';
import { prefixEnd } from './key-range.ts';

test.each([
  { name: 'the last character is raised', prefix: 'a/', end: 'a0' },
  { name: 'everything has no end', prefix: '', end: undefined },
  { name: 'the surrogates are no characters', prefix: 'a\ud7ff', end: 'a\ue000' },
  { name: 'a character of two units is one', prefix: '😀', end: '😁' },
  { name: 'the last character of all is carried', prefix: 'a\u{10ffff}\u{10ffff}', end: 'b' },
  { name: 'nothing comes after the last characters', prefix: '\u{10ffff}\u{10ffff}', end: undefined },
])('$name', ({ prefix, end }) => {
  expect(prefixEnd(prefix)).toBe(end);
});
