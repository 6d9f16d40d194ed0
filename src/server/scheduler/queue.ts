import { backoffMs } from '#base/backoff.ts';

interface Entry {
  readonly key: string;
  priority: number;
  readonly since: number;
  tries: number;
  /** Not before this time. */
  readyAt: number;
  state: 'active' | 'parked';
}

const WINDOW_MS = 1000;

/**
 * Pods that wait for a node: highest priority first, then the longest waiting. A pod that fits nowhere is parked until
 * something changes that may help, and not tried again before its backoff is over.
 */
export class SchedulingQueue {
  readonly #entries = new Map<string, Entry>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** New pods are tried at once; for known ones only the priority may change. */
  add(key: string, priority: number): void {
    const known = this.#entries.get(key);
    if (known !== undefined) known.priority = priority;
    else this.#entries.set(key, { key, priority, since: this.#now(), tries: 0, readyAt: 0, state: 'active' });
  }

  remove(key: string): void {
    this.#entries.delete(key);
  }

  /** The next pod to try, which stays in the queue until it is removed or parked. */
  next(): string | undefined {
    let best: Entry | undefined;
    for (const entry of this.#entries.values()) {
      if (entry.state !== 'active' || entry.readyAt > this.#now()) continue;
      if (
        best === undefined ||
        entry.priority > best.priority ||
        (entry.priority === best.priority && entry.since < best.since)
      )
        best = entry;
    }
    return best?.key;
  }

  /** It fits nowhere just now. */
  park(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.tries++;
    const readyAt = this.#now() + backoffMs(entry.tries, { initialMs: 1000, maxMs: 10_000 });
    // Pods that were refused together are tried together, so that priorities count again.
    entry.readyAt = Math.floor(readyAt / WINDOW_MS) * WINDOW_MS;
    entry.state = 'parked';
  }

  /** The try failed by itself, not for want of a node: again after the backoff. */
  retry(key: string): void {
    this.park(key);
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.state = 'active';
  }

  /** Something changed: every parked pod deserves another try; at once where the change is rare. */
  wake({ atOnce = false } = {}): void {
    for (const entry of this.#entries.values()) {
      entry.state = 'active';
      if (atOnce) entry.readyAt = 0;
    }
  }

  /** Milliseconds until a pod that is not parked may be tried; undefined when there is none. */
  nextInMs(): number | undefined {
    const now = this.#now();
    let earliest: number | undefined;
    for (const { state, readyAt } of this.#entries.values()) {
      if (state !== 'active') continue;
      if (readyAt <= now) return 0;
      earliest = Math.min(earliest ?? readyAt, readyAt);
    }
    return earliest === undefined ? undefined : earliest - now;
  }
}
