import { expect, test } from 'vitest';
import { opensTooDeep } from './request-body.ts';

test.each([
  { name: 'many lists in each other', text: '['.repeat(100_000), expected: true },
  { name: 'many objects in each other', text: '{"a":'.repeat(100_000), expected: true },
  { name: 'many block lists in each other', text: '- '.repeat(100_000), expected: true },
  { name: 'behind something harmless', text: `a: b\nc: ${'[ '.repeat(2000)}`, expected: true },
  { name: 'a long list of lists', text: `[${'[],'.repeat(5000)}]`, expected: false },
  { name: 'a long block list', text: '- a\n'.repeat(5000), expected: false },
  { name: 'a ruler', text: `a: ${'-'.repeat(5000)}`, expected: false },
])('$name: $expected', ({ text, expected }) => {
  expect(opensTooDeep(text)).toBe(expected);
});
