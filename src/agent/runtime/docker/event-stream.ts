import { type BackoffOptions, backoffMs, sleep } from '#base/backoff.ts';
import type { Logger } from '#base/logger.ts';
import type { RuntimeEvent } from '../container-runtime.ts';
import type { DockerApi } from './docker-api.ts';

const RECONNECT: BackoffOptions = { initialMs: 50, maxMs: 2000 };
const TYPES = ['create', 'start', 'die', 'oom', 'destroy'] as const;
/** What Docker puts among a container's labels in an event. */
const NOT_LABELS = new Set(['image', 'name', 'exitCode', 'signal', 'execID', 'execDuration']);

/**
 * One connection to Docker's events that is opened again whenever it breaks. Docker replays at most 256 missed events, so
 * nothing is replayed: after each reconnect listeners get `resync`.
 */
export class EventStream {
  readonly #api: DockerApi;
  readonly #filters: string;
  readonly #log: Logger;
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;

  constructor({ api, label, log }: { api: DockerApi; label: string; log: Logger }) {
    this.#api = api;
    this.#filters = JSON.stringify({ type: ['container'], label: [label], event: TYPES });
    this.#log = log;
  }

  listen(listener: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves once the first connection stands: what happens from then on is told. */
  async start(): Promise<void> {
    const events = await this.#connect();
    this.#running = this.#run(events);
  }

  async stop(): Promise<void> {
    this.#abort.abort(new Error('Event stream stopped'));
    await this.#running;
  }

  #connect() {
    const query = { filters: this.#filters };
    return this.#api.openMessages({ method: 'GET', path: '/events', query, signal: this.#abort.signal });
  }

  async #run(first: AsyncIterable<unknown>): Promise<void> {
    const { signal } = this.#abort;
    let events: AsyncIterable<unknown> | undefined = first;
    for (let failures = 0; !signal.aborted; ) {
      try {
        events ??= await this.#reconnect();
        failures = 0;
        for await (const message of events) this.#onMessage(message as DockerEvent);
        this.#log.warn('docker closed the event stream');
      } catch (err) {
        if (signal.aborted) return;
        if (failures === 0) this.#log.warn({ err }, 'lost the event stream of docker');
      }
      events = undefined;
      failures++;
      await sleep(backoffMs(failures, RECONNECT), signal).catch(() => {});
    }
  }

  async #reconnect(): Promise<AsyncIterable<unknown>> {
    const events = await this.#connect();
    this.#log.info('connected to docker again');
    this.#emit({ type: 'resync' });
    return events;
  }

  #onMessage(message: DockerEvent): void {
    const event = toRuntimeEvent(message);
    if (event !== undefined) this.#emit(event);
  }

  #emit(event: RuntimeEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (err) {
        this.#log.error({ err, event: event.type }, 'listener of runtime events failed');
      }
    }
  }
}

/** The part of Docker's event message that is read. */
export interface DockerEvent {
  Type?: string;
  Action?: string;
  Actor?: { ID?: string; Attributes?: Record<string, string> };
}

/** Undefined for events nobody asked for. */
export function toRuntimeEvent({ Type, Action, Actor }: DockerEvent): RuntimeEvent | undefined {
  const type = TYPES.find((known) => known === Action);
  if (Type !== 'container' || type === undefined || Actor?.ID === undefined) return undefined;
  const attributes = Actor.Attributes ?? {};
  const labels = Object.fromEntries(Object.entries(attributes).filter(([key]) => !NOT_LABELS.has(key)));
  const exitCode = type === 'die' && attributes['exitCode'] !== undefined ? Number(attributes['exitCode']) : undefined;
  return { type, id: Actor.ID, labels, ...(exitCode !== undefined && { exitCode }) };
}
