import { setTimeout as sleep } from 'node:timers/promises';

/** Repeats an assertion until it passes; after `withinMs` it fails with the assertion's own last error. */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  { withinMs = 10_000, everyMs = 50 }: { withinMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
    }
    await sleep(everyMs);
  }
}
