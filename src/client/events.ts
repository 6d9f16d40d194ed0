import { randomInt } from 'node:crypto';
import { type Event, events, type ObjectReference } from '#api/core/v1.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { formatTime } from '#api/meta/time.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Logger } from '#base/logger.ts';
import type { Client } from './client.ts';
import { EventCorrelator, type Occurrence } from './event-correlator.ts';

export type EventType = 'Normal' | 'Warning';

export interface EventRecorderOptions {
  readonly client: Client;
  /** Who reports: `kubelet`, `default-scheduler`, `replicaset-controller`. */
  readonly component: string;
  /** The node, where the reporter belongs to one. */
  readonly host?: string;
  readonly log: Logger;
  readonly now?: () => number;
}

/** Events wait here for the API; beyond this the oldest are lost, they are only hints. */
const MAX_WAITING = 1000;

/**
 * Tells people what happened to an object. Never waits and never fails: events are sent one after another in the
 * background. The same event again raises the count of the first; very many are merged or dropped.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #correlator: EventCorrelator;
  readonly #now: () => number;
  readonly #waiting: Occurrence[] = [];
  #sending: Promise<void> | undefined;
  #isStopped = false;
  #lastStamp = 0n;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#correlator = new EventCorrelator();
  }

  /** An object must say its kind; give a reference instead for one that does not, or for a part of it (`fieldPath`). */
  event(about: ApiObject | ObjectReference, type: EventType, reason: string, message: string): void {
    if (this.#isStopped) return;
    const reference = 'metadata' in about ? referenceTo(about) : about;
    const occurrence = this.#correlator.observe({
      reference,
      type,
      reason,
      message: message.slice(0, 1024),
      now: this.#now(),
    });
    if (occurrence === undefined) return;
    if (this.#waiting.length >= MAX_WAITING) this.#waiting.shift();
    this.#waiting.push(occurrence);
    this.#pump();
  }

  #pump(): void {
    if (this.#sending !== undefined || this.#waiting.length === 0) return;
    this.#sending = this.#send().finally(() => {
      this.#sending = undefined;
      this.#pump();
    });
  }

  /** Resolves once what was reported has been sent, or has failed. */
  async flush(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  /** What still waits is sent; nothing is accepted any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.flush();
  }

  async #send(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      try {
        await this.#write(next);
      } catch (err) {
        this.#options.log.debug({ err, reason: next.reason, name: next.reference.name }, 'cannot record event');
      }
    }
  }

  async #write(occurrence: Occurrence): Promise<void> {
    const { name, count } = occurrence.series;
    const namespace = namespaceOf(occurrence.reference);
    const time = formatTime(new Date(occurrence.lastMs));
    if (name !== undefined && count > 1) {
      try {
        const patch = { count, lastTimestamp: time, message: occurrence.message };
        await this.#options.client.patch(events, { namespace, name }, patch, { type: 'merge' });
        return;
      } catch (error) {
        // Events live for an hour: the next one starts over.
        if (!isNotFound(error)) throw error;
      }
    }
    const event = this.#newEvent(occurrence, { namespace, time, stamp: this.#stamp(occurrence.lastMs) });
    occurrence.series.name = event.metadata.name;
    await this.#options.client.create(events, event);
  }

  /** Grows with each event. kubectl keeps the order of names among events of the same second. */
  #stamp(timeMs: number): string {
    const fresh = BigInt(timeMs) * 1_000_000n + BigInt(randomInt(1_000_000));
    const sinceLast = this.#lastStamp + 1n;
    const isSameMs = fresh / 1_000_000n <= this.#lastStamp / 1_000_000n;
    this.#lastStamp = isSameMs ? sinceLast : fresh;
    return this.#lastStamp.toString(16).padStart(16, '0');
  }

  #newEvent(
    { reference, type, reason, message, series }: Occurrence,
    { namespace, time, stamp }: { namespace: string; time: string; stamp: string },
  ): Event {
    const { component, host } = this.#options;
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: `${reference.name ?? ''}.${stamp}`, namespace },
      involvedObject: { ...reference },
      reason,
      message,
      type,
      source: host === undefined ? { component } : { component, host },
      firstTimestamp: formatTime(new Date(series.firstMs)),
      lastTimestamp: time,
      count: series.count,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }
}

/** How events and other objects name an object of the API. */
export function referenceTo({ apiVersion, kind, metadata }: ApiObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = metadata;
  return {
    ...(kind === undefined ? {} : { kind }),
    ...(namespace === undefined ? {} : { namespace }),
    name,
    ...(uid === undefined ? {} : { uid }),
    ...(apiVersion === undefined ? {} : { apiVersion }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** Events about cluster-scoped objects live in `default`. */
function namespaceOf({ namespace }: ObjectReference): string {
  return namespace === undefined || namespace === '' ? 'default' : namespace;
}
