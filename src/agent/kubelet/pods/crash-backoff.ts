import { backoffMs } from '#base/backoff.ts';
import type { RestartHistory } from './pod-view.ts';

const FIRST_MS = 10_000;
const LONGEST_MS = 300_000;
/** A container that ran, or stayed ended, this long starts with a clean slate. */
const FORGIVEN_AFTER_MS = 600_000;

/** How long after its end a container may start again: the first restart at once, then 10 s, 20 s ... 300 s. */
export function crashDelayMs(history: RestartHistory | undefined, endedMs: number): number {
  if (history === undefined || endedMs - history.lastMs > FORGIVEN_AFTER_MS) return 0;
  return backoffMs(history.count, { initialMs: FIRST_MS, maxMs: LONGEST_MS });
}

/** The history after a restart at `now` of a container that had ended at `endedMs`. */
export function afterRestart(
  history: RestartHistory | undefined,
  { endedMs, now }: { endedMs: number; now: number },
): RestartHistory {
  const isFresh = history === undefined || endedMs - history.lastMs > FORGIVEN_AFTER_MS;
  return { count: isFresh ? 1 : history.count + 1, lastMs: now };
}

/** Delay before an image, or a container that could not be created, is tried again. */
export function retryDelayMs(failures: number): number {
  return backoffMs(failures, { initialMs: FIRST_MS, maxMs: LONGEST_MS });
}
