import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createLogger } from '#base/logger.ts';
import { Compactor } from './compactor.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function setUp() {
  const compacted: number[] = [];
  let revision = 0;
  const store = {
    compactedRevision: 0,
    compact: async (to: number) => {
      compacted.push(to);
      store.compactedRevision = to;
    },
  };
  const compactor = new Compactor({ store, log: createLogger({ level: 'silent' }), revision: () => revision });
  const write = () => {
    revision++;
    compactor.touch();
  };
  return { compacted, compactor, write };
}

test('forgets what is five minutes old, then rests', async () => {
  const { compacted, write } = setUp();
  write();
  await vi.advanceTimersByTimeAsync(2 * 60_000);
  write();
  await vi.advanceTimersByTimeAsync(3 * 60_000 - 1);
  expect(compacted).toEqual([]);
  await vi.advanceTimersByTimeAsync(2 * 60_000);
  expect(compacted).toEqual([1]);
  await vi.advanceTimersByTimeAsync(60 * 60_000);
  expect(compacted).toEqual([1, 2]);
  expect(vi.getTimerCount()).toBe(0);
  write();
  await vi.advanceTimersByTimeAsync(60 * 60_000);
  expect(compacted).toEqual([1, 2, 3]);
});

test('stops for good', () => {
  const { compactor, write } = setUp();
  write();
  compactor.stop();
  write();
  expect(vi.getTimerCount()).toBe(0);
});
