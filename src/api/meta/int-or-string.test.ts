import { expect, test } from 'vitest';
import { parsePercent, scaleIntOrPercent } from './int-or-string.ts';

test.each([
  [3, 10, 'up', 3],
  ['25%', 10, 'up', 3],
  ['25%', 10, 'down', 2],
  ['0%', 10, 'up', 0],
  ['100%', 7, 'down', 7],
  ['150%', 2, 'down', 3],
] as const)('%s of %d rounded %s is %d', (value, total, rounding, expected) => {
  expect(scaleIntOrPercent(value, total, rounding)).toBe(expected);
});

test.each([
  ['http', 'invalid value for IntOrString: invalid type: string is not a percentage'],
  ['5', 'invalid value for IntOrString: invalid type: string is not a percentage'],
  ['a%', 'invalid value for IntOrString: invalid value "a%": strconv.Atoi: parsing "a": invalid syntax'],
])('refuses %s', (value, message) => {
  expect(() => scaleIntOrPercent(value, 1, 'up')).toThrow(message);
});

test('parsePercent', () => {
  expect(parsePercent('25%')).toBe(25);
  expect(parsePercent('25')).toBeUndefined();
  expect(parsePercent(25)).toBeUndefined();
});
