import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WorkQueue } from './work-queue.ts';

test('processes a key that waits only once', async () => {
  const seen: string[] = [];
  const queue = new WorkQueue({
    process: async (key) => {
      await sleep(1);
      seen.push(key);
      return undefined;
    },
  });
  queue.add('a');
  queue.add('b');
  queue.add('b');
  await sleep(30);
  expect(seen).toEqual(['a', 'b']);
  await queue.stop();
});

test('processes a key again when it was added meanwhile', async () => {
  let runs = 0;
  const queue = new WorkQueue({
    process: async () => {
      runs++;
      if (runs === 1) queue.add('a');
      return undefined;
    },
  });
  queue.add('a');
  await sleep(10);
  expect(runs).toBe(2);
  await queue.stop();
});

test('retries a failing key with backoff and tells how often it failed', async () => {
  const failures: number[] = [];
  const queue = new WorkQueue({
    process: async () => {
      if (failures.length < 2) throw new Error('not yet');
      return undefined;
    },
    backoff: { initialMs: 1, maxMs: 5 },
    onError: (_key, _error, count) => failures.push(count),
  });
  queue.add('a');
  await sleep(50);
  expect(failures).toEqual([1, 2]);
  await queue.stop();
});

test('calls again after the asked time, and never more at once than allowed', async () => {
  let running = 0;
  let most = 0;
  const times = new Map<string, number>();
  const queue = new WorkQueue({
    concurrency: 2,
    process: async (key) => {
      most = Math.max(most, ++running);
      await sleep(2);
      running--;
      const count = (times.get(key) ?? 0) + 1;
      times.set(key, count);
      return count < 2 ? 5 : undefined;
    },
  });
  for (const key of ['a', 'b', 'c']) queue.add(key);
  await sleep(60);
  expect([...times.values()]).toEqual([2, 2, 2]);
  expect(most).toBe(2);
  await queue.stop();
});

test('stop waits for what runs and starts nothing more', async () => {
  let done = false;
  const queue = new WorkQueue({
    process: async () => {
      await sleep(10);
      done = true;
      return 1;
    },
  });
  queue.add('a');
  queue.add('b');
  await queue.stop();
  expect(done).toBe(true);
  queue.add('c');
  expect(queue.size).toBe(0);
});
