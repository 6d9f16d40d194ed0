import {
  CompactedError,
  FutureRevisionError,
  type KeyValue,
  type KvStore,
  type RangeOptions,
  type RangeResult,
  StoreError,
  type StoreEvent,
  type StoreListener,
  type Write,
  type WriteResult,
} from '#kvstore/kvstore.ts';
import { ListenerSet } from '#kvstore/listener-set.ts';

/** A store that keeps everything in memory and forgets it with the process; passes the store contract. */
export class MemoryKvStore implements KvStore {
  readonly name = 'kvstore';
  readonly #listeners = new ListenerSet((error) => queueMicrotask(() => Promise.reject(error)));
  readonly #current = new Map<string, KeyValue>();
  readonly #expiries = new Map<string, NodeJS.Timeout>();
  #history: StoreEvent[] = [];
  #queue: (() => void)[] = [];
  #isRunning = false;
  #revision = 0;
  #compacted = 0;

  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compacted;
  }

  async start(): Promise<void> {
    this.#isRunning = true;
  }

  async stop(): Promise<void> {
    this.#drain();
    this.#isRunning = false;
    for (const timer of this.#expiries.values()) clearTimeout(timer);
    this.#listeners.clear();
  }

  write(write: Write): Promise<WriteResult> {
    return this.#later(() => this.#apply(write));
  }

  get(key: string): Promise<KeyValue | undefined> {
    return this.#later(() => this.#current.get(key));
  }

  range({ prefix, start = prefix, limit, revision }: RangeOptions): Promise<RangeResult> {
    return this.#later(() => {
      if (!start.startsWith(prefix)) throw new RangeError(`The start "${start}" lacks the prefix "${prefix}"`);
      const state = this.#stateAt(revision ?? this.#revision);
      const inRange = ({ key }: KeyValue) => key.startsWith(prefix) && compareKeys(key, start) >= 0;
      const found = [...state.values()].filter(inRange).sort((a, b) => compareKeys(a.key, b.key));
      const items = found.slice(0, limit ?? found.length);
      return {
        items,
        remaining: limit === undefined ? 0 : found.length - items.length,
        revision: revision ?? this.#revision,
      };
    });
  }

  watch({ prefix, afterRevision }: { prefix: string; afterRevision: number }, listener: StoreListener) {
    return this.#later(() => {
      this.#requireAvailable(afterRevision, this.#compacted);
      const missed = this.#history.filter(
        ({ current }) => current.modRevision > afterRevision && current.key.startsWith(prefix),
      );
      if (missed.length > 0) this.#listeners.deliver(listener, missed);
      return this.#listeners.add(prefix, listener);
    });
  }

  compact(revision: number): Promise<void> {
    return this.#later(() => {
      this.#requireAvailable(revision, 0);
      if (revision <= this.#compacted) return;
      this.#compacted = revision;
      this.#history = this.#history.filter(({ current }) => current.modRevision > revision);
    });
  }

  #apply(write: Write): WriteResult {
    const previous = this.#current.get(write.key);
    if (write.expect !== undefined && write.expect.modRevision !== (previous?.modRevision ?? 0)) {
      return { ok: false, current: previous };
    }
    if (write.type === 'delete' && previous === undefined) return { ok: true, revision: this.#revision };
    const revision = ++this.#revision;
    const { key } = write;
    const createRevision = previous?.createRevision ?? revision;
    const value = write.type === 'put' ? write.value : (previous?.value ?? Buffer.alloc(0));
    const current = { key, value, createRevision, modRevision: revision };
    clearTimeout(this.#expiries.get(key));
    this.#expiries.delete(key);
    if (write.type === 'delete') {
      this.#current.delete(key);
    } else {
      this.#current.set(key, current);
      if (write.ttlSeconds !== undefined) this.#expireAfter(key, write.ttlSeconds * 1000);
    }
    const event: StoreEvent = { type: write.type, current, ...(previous && { previous }) };
    this.#history.push(event);
    this.#listeners.publish([event]);
    return { ok: true, revision, ...(previous && { previous }) };
  }

  #expireAfter(key: string, delayMs: number): void {
    this.#expiries.set(
      key,
      setTimeout(() => this.#apply({ type: 'delete', key }), delayMs),
    );
  }

  /** The present state with every later event taken back, newest first. */
  #stateAt(revision: number): Map<string, KeyValue> {
    if (revision === this.#revision) return this.#current;
    this.#requireAvailable(revision, this.#compacted + 1);
    const state = new Map(this.#current);
    for (const { current, previous } of this.#history.toReversed()) {
      if (current.modRevision <= revision) break;
      if (previous === undefined) state.delete(current.key);
      else state.set(current.key, previous);
    }
    return state;
  }

  #requireAvailable(revision: number, oldest: number): void {
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision < oldest) throw new CompactedError(this.#compacted);
  }

  /** Answers in a later turn, in the order of the calls, as a real store would. */
  #later<T>(work: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      if (!this.#isRunning) throw new StoreError('The store is not running');
      if (this.#queue.length === 0) setImmediate(() => this.#drain());
      this.#queue.push(() => {
        try {
          resolve(work());
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  #drain(): void {
    for (const work of this.#queue.splice(0)) work();
  }
}

function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
