import { describe, expect, test } from 'vitest';
import { halves, ipv4ToNumber, ipv4ToText, parseIpv4Range, rangeContains } from './ipv4.ts';

describe('addresses', () => {
  test.each(['0.0.0.0', '10.42.1.254', '127.0.0.1', '255.255.255.255'])('%s survives the round trip', (text) => {
    expect(ipv4ToText(ipv4ToNumber(text) ?? -1)).toBe(text);
  });

  test.each(['', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.x', '::1', ' 1.2.3.4'])(
    '%j is no address',
    (text) => {
      expect(ipv4ToNumber(text)).toBeUndefined();
    },
  );
});

describe('ranges', () => {
  test('knows its bounds', () => {
    const range = parseIpv4Range('10.42.1.0/24');
    const inside = ['10.42.0.255', '10.42.1.0', '10.42.1.255', '10.42.2.0'].map((ip) =>
      rangeContains(range, ipv4ToNumber(ip) ?? -1),
    );
    expect(inside).toEqual([false, true, true, false]);
  });

  test.each(['10.42.1.0', '10.42.1.1/24', '10.42.1.0/33', '10.42.1.0/', '10.42.1.0/24/1', 'x/8', ''])(
    '%j is refused',
    (text) => {
      expect(() => parseIpv4Range(text)).toThrow(RangeError);
    },
  );

  test.each([
    { range: '10.43.0.0/16', expected: ['10.43.0.0/17', '10.43.128.0/17'] },
    { range: '0.0.0.0/0', expected: ['0.0.0.0/1', '128.0.0.0/1'] },
    { range: '10.0.0.1/32', expected: ['10.0.0.1/32'] },
  ])('$range has the halves $expected', ({ range, expected }) => {
    expect(halves(parseIpv4Range(range))).toEqual(expected);
  });
});
