import { expect, test } from 'vitest';
import { scheduleProblem } from './schedule.ts';

test.each([
  '* * * * *',
  '*/5 0-12 1,15 jan-mar MON',
  '0 0 ? * 7',
  '59 23 31 12 0',
  '@daily',
  '@every 1h30m',
  ' 0  0 * * * ',
])('reads %j', (schedule) => {
  expect(scheduleProblem(schedule)).toBeUndefined();
});

test.each([
  { schedule: 'error', problem: 'expected exactly 5 fields, found 1: [error]' },
  { schedule: '* * * * * *', problem: 'expected exactly 5 fields, found 6: [* * * * * *]' },
  { schedule: '60 * * * *', problem: 'end of range (60) above maximum (59): 60' },
  { schedule: '* * 0 * *', problem: 'beginning of range (0) below minimum (1): 0' },
  { schedule: '5-1 * * * *', problem: 'beginning of range (5) beyond end of range (1): 5-1' },
  { schedule: '*/0 * * * *', problem: 'failed to parse int from 0' },
  { schedule: 'a * * * *', problem: 'failed to parse int from a' },
  { schedule: '1/2/3 * * * *', problem: 'too many slashes: 1/2/3' },
  { schedule: '@never', problem: 'unrecognized descriptor: @never' },
])('refuses $schedule', ({ schedule, problem }) => {
  expect(scheduleProblem(schedule)).toBe(problem);
});
