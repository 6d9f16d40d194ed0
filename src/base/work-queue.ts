import { type BackoffOptions, backoffMs } from './backoff.ts';

export interface WorkQueueOptions {
  /** Called once per key at a time. Throwing retries the key with backoff; a number asks to be called again after so many ms. */
  process: (key: string, signal: AbortSignal) => Promise<number | undefined>;
  /** Keys processed at once. */
  concurrency?: number;
  backoff?: BackoffOptions;
  onError?: (key: string, error: unknown, failures: number) => void;
}

/**
 * A set of keys to work on. A key added while it waits is processed once; a key added while it is being processed is
 * processed once more afterwards. So `process` must read the state of the world, never the event.
 */
export class WorkQueue {
  readonly #options: Required<Omit<WorkQueueOptions, 'onError'>> & Pick<WorkQueueOptions, 'onError'>;
  readonly #ready = new Set<string>();
  readonly #running = new Set<string>();
  readonly #again = new Set<string>();
  readonly #timers = new Map<string, { timer: NodeJS.Timeout; at: number }>();
  readonly #failures = new Map<string, number>();
  readonly #abort = new AbortController();
  #idle: (() => void)[] = [];

  constructor(options: WorkQueueOptions) {
    this.#options = { concurrency: 1, backoff: { initialMs: 5, maxMs: 60_000 }, ...options };
  }

  add(key: string): void {
    if (this.#abort.signal.aborted) return;
    this.#clearTimer(key);
    if (this.#running.has(key)) this.#again.add(key);
    else this.#ready.add(key);
    this.#pump();
  }

  /** Adds the key after a delay, unless it is due earlier anyway. */
  addAfter(key: string, delayMs: number): void {
    if (this.#abort.signal.aborted || this.#ready.has(key)) return;
    if (delayMs <= 0) return this.add(key);
    const at = Date.now() + delayMs;
    const waiting = this.#timers.get(key);
    if (waiting !== undefined && waiting.at <= at) return;
    this.#clearTimer(key);
    // setTimeout fires at once beyond 2^31 - 1 ms.
    const timer = setTimeout(() => this.add(key), Math.min(delayMs, 2_147_483_647));
    this.#timers.set(key, { timer, at });
  }

  get size(): number {
    return this.#ready.size + this.#running.size;
  }

  /** Cancels what waits and resolves once nothing is being processed. */
  async stop(): Promise<void> {
    this.#abort.abort(new Error('Work queue stopped'));
    for (const key of [...this.#timers.keys()]) this.#clearTimer(key);
    this.#ready.clear();
    this.#again.clear();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #pump(): void {
    for (const key of this.#ready) {
      if (this.#running.size >= this.#options.concurrency) return;
      this.#ready.delete(key);
      this.#running.add(key);
      void this.#run(key);
    }
  }

  async #run(key: string): Promise<void> {
    let againAfterMs: number | undefined;
    try {
      againAfterMs = await this.#options.process(key, this.#abort.signal);
      this.#failures.delete(key);
    } catch (error) {
      const failures = (this.#failures.get(key) ?? 0) + 1;
      this.#failures.set(key, failures);
      againAfterMs = backoffMs(failures, this.#options.backoff);
      if (!this.#abort.signal.aborted) this.#options.onError?.(key, error, failures);
    }
    this.#running.delete(key);
    if (this.#again.delete(key)) this.#ready.add(key);
    else if (againAfterMs !== undefined) this.addAfter(key, againAfterMs);
    this.#pump();
    if (this.#running.size === 0) {
      for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  #clearTimer(key: string): void {
    clearTimeout(this.#timers.get(key)?.timer);
    this.#timers.delete(key);
  }
}
