import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TimerWheel } from './timer-wheel.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('one timer for many deadlines, none for none', () => {
  const wheel = new TimerWheel();
  const fired: string[] = [];
  wheel.schedule(5000, () => fired.push('b'));
  const cancel = wheel.schedule(1000, () => fired.push('never'));
  wheel.schedule(2000, () => fired.push('a'));
  expect(vi.getTimerCount()).toBe(1);
  cancel();
  vi.advanceTimersByTime(3001);
  expect(fired).toEqual(['a']);
  vi.advanceTimersByTime(3001);
  expect(fired).toEqual(['a', 'b']);
  expect(vi.getTimerCount()).toBe(0);
});

test('a callback may schedule again', () => {
  const wheel = new TimerWheel();
  let count = 0;
  const again = () => {
    if (++count < 3) wheel.schedule(1000, again);
  };
  wheel.schedule(1000, again);
  vi.advanceTimersByTime(10_000);
  expect(count).toBe(3);
});

test('cancelling the last deadline ends the timer, twice is harmless', () => {
  const wheel = new TimerWheel();
  const cancel = wheel.schedule(1000, () => {});
  cancel();
  cancel();
  expect(vi.getTimerCount()).toBe(0);
});

test('a deadline beyond what one timer can wait is not due at once', () => {
  const wheel = new TimerWheel();
  let fired = false;
  wheel.schedule(60 * 24 * 3600 * 1000, () => {
    fired = true;
  });
  vi.advanceTimersToNextTimer();
  expect([fired, vi.getTimerCount()]).toEqual([false, 1]);
  vi.advanceTimersByTime(59 * 24 * 3600 * 1000);
  expect(fired).toBe(true);
});
