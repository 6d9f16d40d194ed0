import { expect, test } from 'vitest';
import { expand } from './expand.ts';

const variables = new Map([
  ['A', '1'],
  ['B', '$(A)'],
  ['EMPTY', ''],
]);

test.each([
  ['$(A)', '1'],
  ['x$(A)y$(A)', 'x1y1'],
  ['$(B)', '$(A)'],
  ['$(EMPTY)', ''],
  ['$(NONE)', '$(NONE)'],
  ['$$(A)', '$(A)'],
  ['$$$(A)', '$1'],
  ['$$$$(A)', '$$(A)'],
  ['$A {A} $', '$A {A} $'],
  ['$(A', '$(A'],
  ['$()', '$()'],
])('%s becomes %s', (text, expected) => {
  expect(expand(text, variables)).toBe(expected);
});
