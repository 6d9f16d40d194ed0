import { expect, test } from 'vitest';
import { parseMountPoints } from './mount-table.ts';

test('reads mount points, with the escapes of the kernel undone', () => {
  const table = [
    '22 1 0:21 / /sys rw,nosuid shared:7 - sysfs sysfs rw',
    '30 22 0:26 / /var/a\\040b\\134c rw - tmpfs tmpfs rw,size=1k',
    '',
  ].join('\n');
  expect(parseMountPoints(table)).toEqual(['/sys', '/var/a b\\c']);
});
