import type { StoreEvent, StoreListener } from './kvstore.ts';

/** Who wants to hear of which keys. A listener that throws keeps nobody else from hearing. */
export class ListenerSet {
  readonly #entries = new Set<{ prefix: string; listener: StoreListener }>();
  readonly #onError: (error: unknown) => void;

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError;
  }

  /** Returns the function that removes the listener; it is not called any more from then on. */
  add(prefix: string, listener: StoreListener): () => void {
    const entry = { prefix, listener };
    this.#entries.add(entry);
    return () => void this.#entries.delete(entry);
  }

  publish(events: readonly StoreEvent[]): void {
    // A copy, since one that is added while these events go round has already seen them.
    for (const entry of [...this.#entries]) {
      if (!this.#entries.has(entry)) continue;
      const { prefix, listener } = entry;
      const wanted = prefix === '' ? events : events.filter(({ current }) => current.key.startsWith(prefix));
      if (wanted.length > 0) this.deliver(listener, wanted);
    }
  }

  /** Calls one listener. */
  deliver(listener: StoreListener, events: readonly StoreEvent[]): void {
    try {
      listener(events);
    } catch (error) {
      this.#onError(error);
    }
  }

  clear(): void {
    this.#entries.clear();
  }
}
