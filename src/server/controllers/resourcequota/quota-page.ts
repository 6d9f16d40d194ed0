import type { Amounts } from '#api/core/quota/pod-quantities.ts';
import { addQuantities, type Quantity, subtractQuantities, ZERO_QUANTITY } from '#api/meta/quantity.ts';
import { sameAmounts } from './usage.ts';

/** How long an object that admission has booked may be on its way into the store. */
export const BOOKING_MS = 2_000;

/** Least time between two counts of one quota, however many objects go. */
const PAUSE_MS = 100;

interface Booking {
  readonly atMs: number;
  readonly amounts: Amounts;
}

/** What the controller remembers of one quota: what others have booked of late, and when to count again. */
export class QuotaPage {
  readonly uid: string | undefined;
  #known: Amounts = new Map();
  #bookings: Booking[] = [];
  #countedMs = Number.NEGATIVE_INFINITY;
  #dueMs = 0;

  constructor(uid: string | undefined) {
    this.uid = uid;
  }

  /**
   * Compares what the quota says now with what it said before: what has been added since then was booked. All that a
   * quota says when it is seen first may have been booked just before.
   */
  observe(used: Amounts, nowMs: number): void {
    if (sameAmounts(used, this.#known)) return;
    const risen = [...used]
      .map(([name, amount]): [string, Quantity] => [
        name,
        subtractQuantities(amount, this.#known.get(name) ?? ZERO_QUANTITY),
      ])
      .filter(([, { nano }]) => nano > 0n);
    if (risen.length > 0) this.#bookings.push({ atMs: nowMs, amounts: new Map(risen) });
    this.#known = used;
    this.mark(nowMs + BOOKING_MS);
  }

  /** What may be booked and not there yet. */
  booked(nowMs: number): Amounts {
    this.#bookings = this.#bookings.filter(({ atMs }) => atMs + BOOKING_MS > nowMs);
    const sum = new Map<string, Quantity>();
    for (const { amounts } of this.#bookings)
      for (const [name, amount] of amounts) sum.set(name, addQuantities(sum.get(name) ?? ZERO_QUANTITY, amount));
    return sum;
  }

  /** How long until the oldest of these bookings is no longer held. */
  heldForMs(nowMs: number): number {
    return (this.#bookings[0]?.atMs ?? nowMs) + BOOKING_MS - nowMs;
  }

  /** Asks for a count at that time, or sooner if one is due anyway. */
  mark(atMs: number): void {
    this.#dueMs = Math.min(this.#dueMs, Math.max(atMs, this.#countedMs + PAUSE_MS));
  }

  /** How long until the next count; not more than zero when it is due. */
  dueInMs(nowMs: number): number {
    return this.#dueMs - nowMs;
  }

  /** A count begins now; without a mark the next one comes after `nextMs`. */
  begin(nowMs: number, nextMs: number): void {
    this.#countedMs = nowMs;
    this.#dueMs = nowMs + nextMs;
  }

  /** Own words are no bookings. */
  wrote(used: Amounts): void {
    this.#known = used;
  }

  /** What was counted could not be written: the retry counts again. */
  failed(): void {
    this.#dueMs = 0;
  }
}
