const GRANULARITY_MS = 1000;
/** Node takes longer ones for 1 ms. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Many coarse deadlines on one timer, which exists only while there is a deadline. Callbacks run up to a second late. */
export class TimerWheel {
  readonly #slots = new Map<number, Set<() => void>>();
  #timer: NodeJS.Timeout | undefined;
  #dueSlot = Number.POSITIVE_INFINITY;

  /** Runs the callback once after about `delayMs`; the returned function takes it back. */
  schedule(delayMs: number, callback: () => void): () => void {
    const slot = Math.ceil((Date.now() + delayMs) / GRANULARITY_MS);
    const callbacks = this.#slots.get(slot) ?? new Set();
    callbacks.add(callback);
    this.#slots.set(slot, callbacks);
    if (slot < this.#dueSlot) this.#arm(slot);
    return () => {
      callbacks.delete(callback);
      if (callbacks.size === 0 && this.#slots.get(slot) === callbacks) this.#slots.delete(slot);
      if (this.#slots.size === 0) this.#disarm();
    };
  }

  #arm(slot: number): void {
    clearTimeout(this.#timer);
    this.#dueSlot = slot;
    const delayMs = Math.max(0, slot * GRANULARITY_MS - Date.now());
    // A tick that comes too early finds nothing due and waits on.
    this.#timer = setTimeout(() => this.#tick(), Math.min(delayMs, MAX_TIMEOUT_MS));
    this.#timer.unref();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#dueSlot = Number.POSITIVE_INFINITY;
  }

  #tick(): void {
    const now = Math.floor(Date.now() / GRANULARITY_MS);
    this.#disarm();
    const due = [...this.#slots.keys()].filter((slot) => slot <= now).sort((a, b) => a - b);
    for (const slot of due) {
      const callbacks = this.#slots.get(slot) ?? [];
      this.#slots.delete(slot);
      for (const callback of [...callbacks]) callback();
    }
    const next = Math.min(...this.#slots.keys(), Number.POSITIVE_INFINITY);
    if (next !== Number.POSITIVE_INFINITY && next < this.#dueSlot) this.#arm(next);
  }
}
