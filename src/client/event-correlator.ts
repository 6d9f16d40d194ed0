import type { ObjectReference } from '#api/core/v1.ts';

export interface Report {
  readonly reference: ObjectReference;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly now: number;
}

/** One report that is to be written: as a new event when its series has no name yet. */
export interface Occurrence {
  readonly reference: ObjectReference;
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly lastMs: number;
  readonly series: EventSeries;
}

/** All reports that one event object stands for. */
export interface EventSeries {
  /** Of the event object, once it has been made. */
  name: string | undefined;
  count: number;
  readonly firstMs: number;
}

/** As upstream: so many reports of one object at once, then one in five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;
/** Reports that differ in their message only are merged from this many on within ten minutes. */
const SIMILAR_LIMIT = 10;
const SIMILAR_WINDOW_MS = 600_000;
const MAX_REMEMBERED = 4096;

interface Bucket {
  tokens: number;
  refilledMs: number;
}

interface Similar {
  readonly messages: Set<string>;
  lastMs: number;
}

/** Decides which reports are the same event again, which are merged, and which are too many. */
export class EventCorrelator {
  readonly #series = new Map<string, EventSeries>();
  readonly #similar = new Map<string, Similar>();
  readonly #buckets = new Map<string, Bucket>();

  /** Undefined when the object has had too many events. */
  observe({ reference, type, reason, message, now }: Report): Occurrence | undefined {
    const { kind, namespace, name, uid, fieldPath } = reference;
    const object = [kind, namespace, name, uid].join('/');
    const group = [object, type, reason].join('|');
    const isMerged = this.#isMerged(group, message, now);
    const text = isMerged ? `(combined from similar events): ${message}` : message;
    const key = isMerged ? group : [group, fieldPath, message].join('|');
    if (!this.#takeToken(object, now)) return undefined;
    const series = this.#series.get(key) ?? { name: undefined, count: 0, firstMs: now };
    remember(this.#series, key, series);
    series.count++;
    return { reference, type, reason, message: text, lastMs: now, series };
  }

  #isMerged(group: string, message: string, now: number): boolean {
    const known = this.#similar.get(group);
    const similar =
      known === undefined || now - known.lastMs > SIMILAR_WINDOW_MS
        ? { messages: new Set<string>(), lastMs: now }
        : known;
    similar.lastMs = now;
    remember(this.#similar, group, similar);
    if (similar.messages.size < SIMILAR_LIMIT) similar.messages.add(message);
    return similar.messages.size >= SIMILAR_LIMIT && !similar.messages.has(message);
  }

  #takeToken(object: string, now: number): boolean {
    const bucket = this.#buckets.get(object) ?? { tokens: BURST, refilledMs: now };
    remember(this.#buckets, object, bucket);
    const refill = Math.floor((now - bucket.refilledMs) / REFILL_MS);
    if (refill > 0) {
      bucket.tokens = Math.min(BURST, bucket.tokens + refill);
      bucket.refilledMs += refill * REFILL_MS;
    }
    if (bucket.tokens === 0) return false;
    bucket.tokens--;
    return true;
  }
}

/** Keeps the most recently used entries only. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_REMEMBERED) return;
  const [oldest] = map.keys();
  if (oldest !== undefined) map.delete(oldest);
}
