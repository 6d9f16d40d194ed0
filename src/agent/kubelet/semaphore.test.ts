import { expect, test } from 'vitest';
import { Semaphore } from './semaphore.ts';

const { signal } = new AbortController();

test('lets so many run at once, the others in order', async () => {
  const semaphore = new Semaphore(2);
  const gates = [0, 1, 2, 3].map(() => Promise.withResolvers<void>());
  const started: number[] = [];
  const runs = gates.map(({ promise }, i) =>
    semaphore.run(() => {
      started.push(i);
      return promise;
    }, signal),
  );
  await Promise.resolve();
  expect(started).toEqual([0, 1]);
  gates[1]?.resolve();
  await runs[1];
  expect(started).toEqual([0, 1, 2]);
  for (const { resolve } of gates) resolve();
  await Promise.all(runs);
  expect(started).toEqual([0, 1, 2, 3]);
});

test('one that is called off while it waits takes no place', async () => {
  const semaphore = new Semaphore(1);
  const gate = Promise.withResolvers<void>();
  const first = semaphore.run(() => gate.promise, signal);
  const abort = new AbortController();
  const second = semaphore.run(async () => {}, abort.signal);
  abort.abort(new Error('enough'));
  await expect(second).rejects.toThrow('enough');
  gate.resolve();
  await first;
  expect(await semaphore.run(async () => 'free', signal)).toBe('free');
});

test('a task that fails gives its place back', async () => {
  const semaphore = new Semaphore(1);
  await expect(semaphore.run(() => Promise.reject(new Error('no')), signal)).rejects.toThrow('no');
  expect(await semaphore.run(async () => 'free', signal)).toBe('free');
});
