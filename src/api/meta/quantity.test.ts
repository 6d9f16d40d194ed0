import { describe, expect, test } from 'vitest';
import {
  addQuantities,
  approximateValue,
  canonicalQuantity,
  compareQuantities,
  equalQuantities,
  formatQuantity,
  milliQuantityOf,
  milliValue,
  multiplyQuantity,
  parseQuantity,
  quantityOf,
  subtractQuantities,
  wholeValue,
  ZERO_QUANTITY,
} from './quantity.ts';

describe('canonical form', () => {
  test.each([
    ['0', '0'],
    ['0Ki', '0'],
    ['-0', '0'],
    ['Ki', '0'],
    ['.', '0'],
    ['1', '1'],
    ['+1', '+1'],
    ['1000m', '1'],
    ['1500m', '1500m'],
    ['1.5', '1500m'],
    ['0.5', '500m'],
    ['.5', '500m'],
    ['1.', '1.'],
    ['0.001', '1m'],
    ['100m', '100m'],
    ['2000', '2k'],
    ['1000000', '1M'],
    ['1024', '1024'],
    ['1024Ki', '1Mi'],
    ['1024Mi', '1Gi'],
    ['1.5Gi', '1536Mi'],
    ['0.5Mi', '512Ki'],
    ['1Ki', '1Ki'],
    ['512Ki', '512Ki'],
    ['0.5Ki', '512'],
    ['0.1Ki', '102400m'],
    ['0.00001Ki', '10240u'],
    ['1025Mi', '1025Mi'],
    ['12e6', '12e6'],
    ['12000e3', '12e6'],
    ['1E3', '1E3'],
    ['10E2', '1e3'],
    ['5E', '5E'],
    ['1e-3', '1e-3'],
    ['1e-12', '1e-9'],
    ['0.1n', '1n'],
    ['-1.5', '-1500m'],
    ['-1024Mi', '-1Gi'],
    ['16Ei', '9223372036854775807'],
    ['1000E', '1000E'],
    ['1000000E', '1000000E'],
    ['1.234', '1.234'],
    ['123456789012345678901234567890', '123456789012345678901234567890'],
  ])('%s is %s', (text, expected) => {
    expect(canonicalQuantity(text)).toBe(expected);
    expect(parseQuantity(canonicalQuantity(text)).nano).toBe(parseQuantity(text).nano);
  });

  test('of numbers', () => {
    expect(canonicalQuantity(2000)).toBe('2k');
    expect(canonicalQuantity(0.5)).toBe('500m');
  });
});

describe('bad text', () => {
  const format = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
  test.each([
    ['', format],
    ['abc', format],
    ['1.2.3', format],
    ['1 Gi', format],
    ['1Gi2x', format],
    ['1Kii', "unable to parse quantity's suffix"],
    ['--1', "unable to parse quantity's suffix"],
    ['1K', "unable to parse quantity's suffix"],
    ['1mm', "unable to parse quantity's suffix"],
    ['1e1000000000', 'unable to parse numeric part of quantity'],
    ['1'.repeat(1001), 'unable to parse numeric part of quantity'],
  ])('%s', (text, message) => {
    expect(() => parseQuantity(text)).toThrow(message);
  });

  test('tiny amounts round up without work', () => {
    expect(parseQuantity('1e-100000').nano).toBe(1n);
    expect(parseQuantity('0e-100000').nano).toBe(0n);
  });
});

test('arithmetic keeps the format of the first amount that is not zero', () => {
  const mi = parseQuantity('512Mi');
  expect(formatQuantity(addQuantities(ZERO_QUANTITY, mi))).toBe('512Mi');
  expect(formatQuantity(addQuantities(mi, parseQuantity('536870912')))).toBe('1Gi');
  expect(formatQuantity(subtractQuantities(mi, mi))).toBe('0');
  expect(formatQuantity(subtractQuantities(ZERO_QUANTITY, mi))).toBe('-512Mi');
  expect(formatQuantity(multiplyQuantity(parseQuantity('250m'), 4))).toBe('1');
  expect(formatQuantity(multiplyQuantity(parseQuantity('0.1'), 3))).toBe('300m');
});

test.each([
  { text: '1500m', milli: 1500, whole: 2, float: 1.5 },
  { text: '1u', milli: 1, whole: 1, float: 1e-6 },
  { text: '-1500m', milli: -1500, whole: -1, float: -1.5 },
  { text: '1Gi', milli: 1024 ** 3 * 1000, whole: 1024 ** 3, float: 1024 ** 3 },
])('values of $text', ({ text, milli, whole, float }) => {
  const quantity = parseQuantity(text);
  expect([milliValue(quantity), wholeValue(quantity), approximateValue(quantity)]).toEqual([milli, whole, float]);
});

test('compares amounts, not texts', () => {
  expect(compareQuantities(parseQuantity('1'), parseQuantity('1000m'))).toBe(0);
  expect(compareQuantities(parseQuantity('999m'), parseQuantity('1'))).toBe(-1);
  expect(compareQuantities(parseQuantity('1Ki'), parseQuantity('1k'))).toBe(1);
  expect(equalQuantities('1Gi', '1024Mi')).toBe(true);
  expect(equalQuantities('1Gi', '1Gi')).toBe(true);
  expect(equalQuantities('1Gi', '1G')).toBe(false);
});

test('made from numbers', () => {
  expect(formatQuantity(quantityOf(110))).toBe('110');
  expect(formatQuantity(quantityOf(8n * 1024n ** 3n, 'BinarySI'))).toBe('8Gi');
  expect(formatQuantity(milliQuantityOf(2500))).toBe('2500m');
  expect(formatQuantity(milliQuantityOf(2048000, 'BinarySI'))).toBe('2Ki');
});
