import { describe, expect, test } from 'vitest';
import {
  cidrContains,
  cidrsOverlap,
  formatCidr,
  formatIp,
  networkOf,
  parseCidr,
  parseIp,
  validateCanonicalIp,
  validateCidr,
  validateIp,
} from './ip.ts';
import { renderFieldErrors } from './validation.ts';

const cidr = (text: string) => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};
const ip = (text: string) => {
  const parsed = parseIp(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

describe('canonical addresses', () => {
  test.each([
    ['10.9.8.7', '10.9.8.7'],
    ['255.255.255.255', '255.255.255.255'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:102:304'],
  ])('%s', (text, canonical) => expect(formatIp(ip(text))).toBe(canonical));

  test.each([
    '',
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.4.5',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '::g',
    '::1.2.3.999',
    '1.2.3.4::',
    'fe80::1%eth0',
  ])('refuses %j', (text) => expect(parseIp(text)).toBeUndefined());
});

test.each(['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', 'x/8', '::/129'])('no range: %s', (text) => {
  expect(parseCidr(text)).toBeUndefined();
});

test('ranges', () => {
  expect(formatCidr(cidr('10.1.2.3/8'))).toBe('10.0.0.0/8');
  expect(formatIp(networkOf(cidr('2001:db8::ffff/112')))).toBe('2001:db8::');
  expect(cidrContains(cidr('10.42.0.0/16'), ip('10.42.255.1'))).toBe(true);
  expect(cidrContains(cidr('10.42.0.0/16'), ip('10.43.0.1'))).toBe(false);
  expect(cidrContains(cidr('0.0.0.0/0'), ip('::1'))).toBe(false);
  expect(cidrsOverlap(cidr('10.0.0.0/8'), cidr('10.1.0.0/16'))).toBe(true);
  expect(cidrsOverlap(cidr('10.1.0.0/16'), cidr('10.0.0.0/8'))).toBe(true);
  expect(cidrsOverlap(cidr('10.1.0.0/16'), cidr('10.2.0.0/16'))).toBe(false);
});

test.each([
  { check: validateIp, text: '10.0.0.1', error: '' },
  { check: validateIp, text: '10.0.0.01', error: 'must not have leading 0s' },
  { check: validateIp, text: '::ffff:1.2.3.4', error: 'must not be an IPv4-mapped IPv6 address' },
  { check: validateIp, text: 'x', error: 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)' },
  { check: validateCanonicalIp, text: '2001:db8::1', error: '' },
  { check: validateCanonicalIp, text: 'x', error: 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)' },
  { check: validateCanonicalIp, text: '2001:DB8::1', error: 'must be in canonical form ("2001:db8::1")' },
  { check: validateCidr, text: '10.0.0.0/8', error: '' },
  { check: validateCidr, text: '10.0.0.1/8', error: 'must not have bits set beyond the prefix length' },
  { check: validateCidr, text: '10.0.0.0/08', error: 'must not have leading 0s in IP or prefix length' },
  { check: validateCidr, text: '::ffff:1.2.3.4/128', error: 'must not have an IPv4-mapped IPv6 address' },
  { check: validateCidr, text: '10.0.0.0', error: 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)' },
])('$check.name $text', ({ check, text, error }) => {
  const expected = error === '' ? '[]' : `spec.ip: Invalid value: "${text}": ${error}`;
  expect(renderFieldErrors(check('spec.ip', text))).toBe(expected);
});
