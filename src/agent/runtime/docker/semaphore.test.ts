import { expect, test } from 'vitest';
import { Semaphore } from './semaphore.ts';

/** A task that runs until it is told to end. */
function task(name: string, log: string[]) {
  const gate = Promise.withResolvers<void>();
  const run = async () => {
    log.push(`${name} begins`);
    await gate.promise;
    return name;
  };
  return { run, end: gate.resolve, fail: gate.reject };
}

test('runs no more than the limit at once, the others in the order they came', async () => {
  const log: string[] = [];
  const semaphore = new Semaphore(2);
  const tasks = ['a', 'b', 'c', 'd'].map((name) => task(name, log));
  const results = tasks.map(({ run }) => semaphore.run(run));
  await Promise.resolve();
  expect(log).toEqual(['a begins', 'b begins']);
  tasks[1]?.end();
  expect(await results[1]).toBe('b');
  expect(log).toEqual(['a begins', 'b begins', 'c begins']);
  for (const { end } of tasks) end();
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
});

test('a task that fails makes room', async () => {
  const semaphore = new Semaphore(1);
  await expect(semaphore.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await semaphore.run(async () => 'next')).toBe('next');
});

test('an abort while waiting gives up the place and never runs the task', async () => {
  const log: string[] = [];
  const semaphore = new Semaphore(1);
  const [first, aborted, last] = [task('a', log), task('b', log), task('c', log)];
  const abort = new AbortController();
  const running = semaphore.run(first.run);
  const waiting = semaphore.run(aborted.run, abort.signal);
  const next = semaphore.run(last.run);
  abort.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(semaphore.run(aborted.run, abort.signal)).rejects.toThrow('enough');
  first.end();
  last.end();
  expect(await Promise.all([running, next])).toEqual(['a', 'c']);
  expect(log).toEqual(['a begins', 'c begins']);
});
