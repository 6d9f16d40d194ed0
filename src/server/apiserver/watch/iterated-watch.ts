import type { StatusError } from '#api/meta/errors.ts';
import { apiVersionOf, type ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject, WatchEvent } from '#api/meta/types.ts';
import type { Entry } from '../state/entry.ts';
import type { WatchBatch, WatchConsumer } from './watch-session.ts';

const MAX_QUEUED = 10_000;

/** A watch within the process: events are the shared objects, waiting to be iterated. */
export class IteratedWatch implements WatchConsumer {
  readonly #ref: ResourceRef;
  #queue: WatchEvent<ApiObject>[] = [];
  #error: StatusError | undefined;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(ref: ResourceRef) {
    this.#ref = ref;
  }

  get isOverrun(): boolean {
    return this.#queue.length > MAX_QUEUED;
  }

  sendInitial(entries: readonly Entry[]): Promise<void> {
    for (const { object } of entries) this.#queue.push({ type: 'ADDED', object });
    this.#notify();
    return Promise.resolve();
  }

  send({ events }: WatchBatch): void {
    for (const { type, entry } of events) this.#queue.push({ type, object: entry.object });
    this.#notify();
  }

  bookmark(revision: number, { initialEventsEnd }: { readonly initialEventsEnd: boolean }): void {
    const { kind } = this.#ref;
    const annotations = initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {};
    const metadata = { resourceVersion: String(revision), ...annotations } as unknown as ApiObject['metadata'];
    this.#queue.push({ type: 'BOOKMARK', object: { kind, apiVersion: apiVersionOf(this.#ref), metadata } });
    this.#notify();
  }

  error(error: StatusError): void {
    this.#error = error;
  }

  end(): void {
    this.#ended = true;
    this.#notify();
  }

  /** Events until the watch ends; throws its error. `stop` runs when the iteration is left. */
  async *iterate(stop: () => void): AsyncGenerator<WatchEvent<ApiObject>> {
    try {
      for (;;) {
        const events = this.#queue;
        this.#queue = [];
        yield* events;
        if (this.#queue.length > 0) continue;
        if (this.#ended) break;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
      if (this.#error !== undefined) throw this.#error;
    } finally {
      stop();
    }
  }

  #notify(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
