import { expect, test } from 'vitest';
import { toDockerTime } from './streams.ts';

test.each([
  { time: '1700000000', expected: '1700000000' },
  { time: '1700000000.5', expected: '1700000000.5' },
  { time: '2023-11-14T22:13:20Z', expected: '1700000000.000000000' },
  { time: '2023-11-14T22:13:20.123456789Z', expected: '1700000000.123456789' },
  { time: '2023-11-14T23:13:20.5+01:00', expected: '1700000000.500000000' },
])('$time', ({ time, expected }) => {
  expect(toDockerTime(time)).toBe(expected);
});

test('what is no time is refused', () => {
  expect(() => toDockerTime('yesterday')).toThrow('"yesterday" is not a time');
});
