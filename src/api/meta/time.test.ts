import { describe, expect, test } from 'vitest';
import {
  ageOf,
  canonicalMicroTime,
  canonicalTime,
  formatDuration,
  formatMicroTime,
  formatTime,
  humanDuration,
  parseDuration,
  parseTime,
} from './time.ts';

test('formats times', () => {
  const date = new Date('2026-03-04T05:06:07.089Z');
  expect(formatTime(date)).toBe('2026-03-04T05:06:07Z');
  expect(formatMicroTime(date)).toBe('2026-03-04T05:06:07.089000Z');
  expect(formatMicroTime(date, 42)).toBe('2026-03-04T05:06:07.089042Z');
});

describe('parseTime', () => {
  test.each([
    ['2026-03-04T05:06:07Z', '2026-03-04T05:06:07Z', '2026-03-04T05:06:07.000000Z'],
    ['2026-03-04T05:06:07.1234567Z', '2026-03-04T05:06:07Z', '2026-03-04T05:06:07.123456Z'],
    ['2026-03-04T05:06:07+02:00', '2026-03-04T03:06:07Z', '2026-03-04T03:06:07.000000Z'],
    ['2026-03-04T05:06:07-00:30', '2026-03-04T05:36:07Z', '2026-03-04T05:36:07.000000Z'],
    ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000000Z'],
  ])('%s', (text, seconds, micro) => {
    expect(canonicalTime(text)).toBe(seconds);
    expect(canonicalMicroTime(text)).toBe(micro);
    expect(formatTime(new Date(parseTime(text) ?? 0))).toBe(seconds);
  });

  test.each([
    '',
    'now',
    '2026-03-04',
    '2026-02-30T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-03-04T24:00:00Z',
    '2026-03-04T00:60:00Z',
    '2026-03-04T00:00:00',
    '2026-03-04 00:00:00Z',
  ])('refuses %j', (text) => {
    expect(parseTime(text)).toBeUndefined();
    expect(canonicalTime(text)).toBeUndefined();
    expect(canonicalMicroTime(text)).toBeUndefined();
  });
});

const S = 1000;
const M = 60 * S;
const H = 60 * M;
const D = 24 * H;
const Y = 365 * D;

test.each([
  [-3 * S, '<invalid>'],
  [-1500, '0s'],
  [0, '0s'],
  [119 * S, '119s'],
  [2 * M, '2m'],
  [9 * M + 59 * S, '9m59s'],
  [10 * M + 30 * S, '10m'],
  [179 * M, '179m'],
  [3 * H, '3h'],
  [7 * H + 59 * M, '7h59m'],
  [8 * H + 10 * M, '8h'],
  [47 * H, '47h'],
  [2 * D, '2d'],
  [7 * D + 23 * H, '7d23h'],
  [8 * D + 5 * H, '8d'],
  [2 * Y - H, '729d'],
  [2 * Y, '2y'],
  [7 * Y + 364 * D, '7y364d'],
  [8 * Y + D, '8y'],
])('humanDuration of %d ms is %s', (ms, text) => expect(humanDuration(ms)).toBe(text));

test('ageOf', () => {
  const now = new Date('2026-01-01T00:01:30Z');
  expect(ageOf('2026-01-01T00:00:00Z', now)).toBe('90s');
  expect(ageOf(undefined, now)).toBe('<unknown>');
  expect(ageOf(null, now)).toBe('<unknown>');
  expect(ageOf('yesterday', now)).toBe('<unknown>');
});

test.each([
  ['0', 0],
  ['1h30m', 90 * M],
  ['-1.5s', -1500],
  ['+5s', 5000],
  ['1h0m0.5s', H + 500],
  ['.5m', 30 * S],
  ['1us', 0.001],
  ['100ms', 100],
])('parseDuration %s', (text, ms) => expect(parseDuration(text)).toBe(ms));

test.each([
  ['', 'time: invalid duration ""'],
  ['-', 'time: invalid duration "-"'],
  ['h', 'time: invalid duration "h"'],
  ['5', 'time: missing unit in duration "5"'],
  ['5d', 'time: unknown unit "d" in duration "5d"'],
  ['1s.', 'time: invalid duration "1s."'],
  ['5toString', 'time: unknown unit "toString" in duration "5toString"'],
  ['99999999999999h', 'time: invalid duration "99999999999999h"'],
])('parseDuration refuses %j', (text, message) => {
  expect(() => parseDuration(text)).toThrow(message);
});

test.each([
  [0, '0s'],
  [90 * M, '1h30m0s'],
  [-1500, '-1.5s'],
  [65 * S, '1m5s'],
  [200, '200ms'],
  [0.0015, '1.5µs'],
  [0.000002, '2ns'],
])('formatDuration %d', (ms, text) => expect(formatDuration(ms)).toBe(text));
