export interface BackoffOptions {
  /** Delay after the first failure. */
  initialMs: number;
  /** Longest delay. */
  maxMs: number;
  /** Growth per failure. */
  factor?: number;
}

/** Delay before try number `failures + 1`, after `failures` failures in a row (0 gives 0). */
export function backoffMs(failures: number, { initialMs, maxMs, factor = 2 }: BackoffOptions): number {
  if (failures <= 0) return 0;
  return Math.min(maxMs, initialMs * factor ** Math.min(failures - 1, 60));
}

/** Resolves after `ms`, or rejects with the signal's reason as soon as it aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
