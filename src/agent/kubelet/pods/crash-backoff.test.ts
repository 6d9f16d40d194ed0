import { expect, test } from 'vitest';
import { afterRestart, crashDelayMs, retryDelayMs } from './crash-backoff.ts';

test('the delay doubles with each restart up to five minutes', () => {
  let history = afterRestart(undefined, { endedMs: 0, now: 0 });
  const delays: number[] = [];
  for (let i = 0; i < 7; i++) {
    delays.push(crashDelayMs(history, history.lastMs + 1000) / 1000);
    history = afterRestart(history, { endedMs: history.lastMs + 1000, now: history.lastMs + 2000 });
  }
  expect(delays).toEqual([10, 20, 40, 80, 160, 300, 300]);
});

test('a container that never crashed starts at once', () => {
  expect(crashDelayMs(undefined, 1000)).toBe(0);
});

test('ten minutes of running begin a new history', () => {
  const history = { count: 6, lastMs: 0 };
  expect(crashDelayMs(history, 600_001)).toBe(0);
  expect(afterRestart(history, { endedMs: 600_001, now: 600_002 })).toEqual({ count: 1, lastMs: 600_002 });
  expect(afterRestart(history, { endedMs: 599_000, now: 600_002 }).count).toBe(7);
});

test.each([
  [1, 10_000],
  [2, 20_000],
  [9, 300_000],
])('after %i failures a start is tried again in %i ms', (failures, expected) => {
  expect(retryDelayMs(failures)).toBe(expected);
});
