import type { ResourceEvent } from './entry.ts';

export interface EventRingLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

const DEFAULT_LIMITS: EventRingLimits = { maxEvents: 1024, maxBytes: 2 * 1024 * 1024 };

/** The newest events of one resource, so that a watch that was cut can go on without asking the store. */
export class EventRing {
  readonly #limits: EventRingLimits;
  #events: ResourceEvent[] = [];
  /** Index of the oldest event still kept; what lies before it is cut off in bulk. */
  #first = 0;
  #bytes = 0;
  #startRevision: number;

  /** `startRevision`: the state's revision before the first event to come. */
  constructor(startRevision: number, limits = DEFAULT_LIMITS) {
    this.#startRevision = startRevision;
    this.#limits = limits;
  }

  push(event: ResourceEvent): void {
    this.#events.push(event);
    this.#bytes += event.entry.bytes.length;
    while (this.#bytes > this.#limits.maxBytes || this.#events.length - this.#first > this.#limits.maxEvents) {
      this.#drop();
    }
  }

  /** All events after the revision; undefined when some of them are no longer here. */
  after(revision: number): readonly ResourceEvent[] | undefined {
    if (revision < this.#startRevision) return undefined;
    let low = this.#first;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#events[middle]?.revision ?? 0) <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#events.slice(low);
  }

  #drop(): void {
    const dropped = this.#events[this.#first];
    if (dropped === undefined) return;
    this.#startRevision = dropped.revision;
    this.#bytes -= dropped.entry.bytes.length;
    this.#first++;
    if (this.#first > 256 && this.#first * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#first);
      this.#first = 0;
    }
  }
}
