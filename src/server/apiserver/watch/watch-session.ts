import { expired, resourceVersionTooLarge, type StatusError, toStatusError } from '#api/meta/errors.ts';
import { CompactedError } from '#kvstore/kvstore.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import { type Entry, leftAt, type ResourceEvent } from '../state/entry.ts';
import { eventsFromStore } from '../state/history.ts';
import type { ResourceState } from '../state/resource-state.ts';
import type { Served } from '../state/served.ts';
import { parseResourceVersion, type WatchOptions } from '../verbs/options.ts';
import type { Selection } from '../verbs/select.ts';
import type { TimerWheel } from './timer-wheel.ts';

/** One event as one watcher sees it, in the form of its version. */
export interface WatchedEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly entry: Entry;
}

/** Events to be sent together. Watchers of the same scope get equal batches from the same source. */
export interface WatchBatch {
  readonly events: readonly WatchedEvent[];
  /** Set when every event of `source` in the scope is in the batch: encode once for all. */
  readonly source?: readonly ResourceEvent[] | undefined;
  readonly scope?: string | undefined;
}

/** Where a watch's events go. None of these may throw. */
export interface WatchConsumer {
  /** What was there when the watch began; resolves once the receiver has room for more. */
  sendInitial(entries: readonly Entry[]): Promise<void>;
  send(batch: WatchBatch): void;
  bookmark(revision: number, options: { readonly initialEventsEnd: boolean }): void;
  error(error: StatusError): void;
  /** Called exactly once, last. `isSlow`: the receiver did not keep up and must be cut off. */
  end(options: { readonly isSlow: boolean }): void;
  /** Bytes, or the like, that the receiver has not taken yet. */
  readonly isOverrun: boolean;
}

export interface WatchSessionOptions {
  readonly state: ClusterState;
  readonly served: Served;
  readonly selection: Selection;
  readonly options: WatchOptions;
  readonly wheel: TimerWheel;
  readonly consumer: WatchConsumer;
  readonly signal: AbortSignal;
}

const BOOKMARK_MS = 60_000;
const FUTURE_WAIT_MS = 3000;
/** Events that may wait while the initial state is still being sent. */
const MAX_WAITING = 10_000;

/** One watch from its first to its last event. Costs nothing while nothing happens. */
export class WatchSession {
  readonly #options: WatchSessionOptions;
  readonly #resource: ResourceState;
  #stops: (() => void)[] = [];
  /** Live events that came while older ones were still being sent. */
  #waiting: (readonly ResourceEvent[])[] | undefined = [];
  #waitingCount = 0;
  #bookmarked = 0;
  #ended = false;

  constructor(options: WatchSessionOptions) {
    this.#options = options;
    const { state: resource } = options.served;
    if (resource === undefined) throw new Error('A resource without storage cannot be watched');
    this.#resource = resource;
  }

  /** Resolves once the watch is live or has ended. Throws a StatusError only for broken options. */
  async start(): Promise<void> {
    const { options, signal } = this.#options;
    const asked = parseResourceVersion(options.resourceVersion) ?? 0;
    const wantsInitial = options.sendInitialEvents ?? asked === 0;
    if (signal.aborted) return this.#end();
    try {
      if (wantsInitial && asked > 0) await this.#requireRevision(asked);
      const begin = this.#options.state.revision;
      this.#listen(wantsInitial ? 0 : asked);
      if (wantsInitial) await this.#sendInitial(begin);
      else if (asked > 0 && asked < begin) await this.#replay(asked, begin);
    } catch (error) {
      return this.#fail(toStatusError(error));
    }
    this.#goLive();
  }

  /** Ends the watch as if its time were over. */
  stop(): void {
    this.#end();
  }

  async #requireRevision(revision: number): Promise<void> {
    const { state, signal } = this.#options;
    if (await state.waitFor(revision, { timeoutMs: FUTURE_WAIT_MS, signal })) return;
    throw resourceVersionTooLarge(revision, state.revision);
  }

  #listen(after: number): void {
    const { signal, served, wheel, options } = this.#options;
    const onAbort = () => this.#end();
    signal.addEventListener('abort', onAbort, { once: true });
    // Zero is as none.
    const seconds = options.timeoutSeconds || 1800 + Math.random() * 1800;
    this.#stops.push(
      // Events up to a revision that lies ahead stay unseen.
      this.#resource.listen((events) => {
        const last = events.at(-1)?.revision ?? 0;
        if (last > after)
          this.#onEvents(
            (events[0]?.revision ?? 0) > after ? events : events.filter((event) => event.revision > after),
          );
      }),
      served.onRemove(onAbort),
      wheel.schedule(seconds * 1000, onAbort),
      () => signal.removeEventListener('abort', onAbort),
    );
  }

  async #sendInitial(begin: number): Promise<void> {
    const { served, selection, options, consumer } = this.#options;
    await consumer.sendInitial(selectEntries(served, selection));
    if (options.sendInitialEvents === true && options.allowWatchBookmarks && !this.#ended) {
      consumer.bookmark(begin, { initialEventsEnd: true });
      this.#bookmarked = begin;
    }
  }

  async #replay(after: number, through: number): Promise<void> {
    const kept = this.#resource.eventsAfter(after);
    if (kept !== undefined) return this.#deliver(kept.filter(({ revision }) => revision <= through));
    try {
      const { state } = this.#options;
      const events = await eventsFromStore(state.history, { prefix: this.#resource.prefix, after, through });
      this.#deliver(events);
    } catch (error) {
      if (!(error instanceof CompactedError)) throw error;
      throw expired(`too old resource version: ${after} (${error.compactedRevision})`);
    }
  }

  #goLive(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const events of waiting) this.#deliver(events);
    if (this.#options.options.allowWatchBookmarks && !this.#ended) this.#scheduleBookmark();
  }

  #onEvents(events: readonly ResourceEvent[]): void {
    if (this.#waiting === undefined) return this.#deliver(events);
    this.#waiting.push(events);
    this.#waitingCount += events.length;
    if (this.#waitingCount > MAX_WAITING) this.#end({ isSlow: true });
  }

  #deliver(events: readonly ResourceEvent[]): void {
    if (this.#ended || events.length === 0) return;
    const { selection, served, consumer } = this.#options;
    const { namespace, isEverything } = selection;
    const selected: WatchedEvent[] = [];
    for (const event of events) {
      if (namespace !== undefined && event.entry.object.metadata.namespace !== namespace) continue;
      const seen = isEverything ? event : transition(event, served, selection);
      if (seen !== undefined) selected.push({ type: seen.type, entry: served.show(seen.entry) });
    }
    if (selected.length === 0) return;
    const shared = isEverything ? { source: events, scope: namespace ?? '' } : {};
    consumer.send({ events: selected, ...shared });
    if (consumer.isOverrun) this.#end({ isSlow: true });
  }

  #scheduleBookmark(): void {
    const { wheel, state, consumer } = this.#options;
    // Spread, so that many watches do not all wake at once.
    const cancel = wheel.schedule(BOOKMARK_MS * (0.9 + Math.random() * 0.2), () => {
      this.#stops = this.#stops.filter((stop) => stop !== cancel);
      const { revision } = state;
      if (revision > this.#bookmarked) consumer.bookmark(revision, { initialEventsEnd: false });
      this.#bookmarked = revision;
      this.#scheduleBookmark();
    });
    this.#stops.push(cancel);
  }

  #fail(error: StatusError): void {
    if (!this.#ended) this.#options.consumer.error(error);
    this.#end();
  }

  #end({ isSlow = false } = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#waiting = undefined;
    for (const stop of this.#stops.splice(0)) stop();
    this.#options.consumer.end({ isSlow });
  }
}

/** The objects of a selection as they are now, in the form of the version. */
export function selectEntries(served: Served, selection: Selection): readonly Entry[] {
  const { state } = served;
  if (state === undefined) return [];
  const { namespace, name, isEverything } = selection;
  if (name !== undefined) {
    const key = served.definition.ref.namespaced ? namespace && `${namespace}/${name}` : name;
    if (key !== undefined) {
      const entry = state.get(key);
      if (entry === undefined) return [];
      const shown = served.show(entry);
      return selection.matches(shown.object) ? [shown] : [];
    }
  }
  const { entries } = state.bucket(namespace);
  const all = served.isStoredForm ? entries : entries.map((entry) => served.show(entry));
  return isEverything ? all : all.filter(({ object }) => selection.matches(object));
}

/** How a change looks through a selection: entering it is ADDED, leaving it DELETED. */
function transition(event: ResourceEvent, served: Served, selection: Selection): WatchedEvent | undefined {
  const { entry, previous, revision } = event;
  const matches = (candidate: Entry) => selection.matches(served.show(candidate).object);
  const wasIn = previous !== undefined && matches(previous);
  const isIn = event.type !== 'DELETED' && matches(entry);
  if (isIn) return { type: wasIn ? 'MODIFIED' : 'ADDED', entry };
  if (!wasIn) return undefined;
  return { type: 'DELETED', entry: event.type === 'DELETED' ? entry : leftAt(previous, revision) };
}
