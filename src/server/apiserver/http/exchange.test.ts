import { expect, test } from 'vitest';
import { warningHeaders } from './exchange.ts';

test.each([
  { name: 'quotes a warning', warnings: ['unknown field "spec.x"'], expected: ['299 - "unknown field \\"spec.x\\""'] },
  {
    name: 'sends other letters as UTF-8',
    warnings: ['d\u00fc \ufffd'],
    expected: [Buffer.from('299 - "d\u00fc \ufffd"').toString('latin1')],
  },
  { name: 'escapes line breaks', warnings: ['a\r\nx: y'], expected: ['299 - "a\\r\\nx: y"'] },
  {
    name: 'cuts each short when together they are too long',
    warnings: ['a'.repeat(4000), 'b'.repeat(4000)],
    expected: [`299 - "${'a'.repeat(256)}"`, `299 - "${'b'.repeat(256)}"`],
  },
])('$name', ({ warnings, expected }) => {
  expect(warningHeaders(warnings)).toEqual(expected);
});

test('leaves out what no client would read', () => {
  const headers = warningHeaders(Array.from({ length: 5000 }, (_, index) => `unknown field "x${index}"`));
  expect(headers.length).toBeGreaterThan(100);
  expect(headers.join('').length).toBeLessThanOrEqual(8192);
});
