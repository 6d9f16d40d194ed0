import type { Component } from '#base/component.ts';

/** One key as of some revision. `value` must not be modified. */
export interface KeyValue {
  readonly key: string;
  readonly value: Buffer;
  /** Revision of the write that created the key (again after a delete). */
  readonly createRevision: number;
  /** Revision of the last write. */
  readonly modRevision: number;
}

/** What a write demands of the key's present state. Absent: anything goes. */
export interface Expectation {
  /** The key's `modRevision`; 0 means that the key must not exist. */
  readonly modRevision: number;
}

export type Write =
  | {
      readonly type: 'put';
      readonly key: string;
      readonly value: Buffer;
      readonly expect?: Expectation;
      /** Above 0. The store then deletes the key by itself, with a revision and an event, never early and at most a hundredth late. */
      readonly ttlSeconds?: number;
    }
  | { readonly type: 'delete'; readonly key: string; readonly expect?: Expectation };

export type WriteResult =
  /**
   * Durable. `previous` is what a put replaced or a delete removed; a delete of an absent key succeeds with the current revision and
   * no `previous`. Its value may share memory with others of the same moment: copy it to keep it.
   */
  | { readonly ok: true; readonly revision: number; readonly previous?: KeyValue }
  /** The expectation failed and nothing was written; `current` is the key as it is. */
  | { readonly ok: false; readonly current: KeyValue | undefined };

export interface StoreEvent {
  readonly type: 'put' | 'delete';
  /** For a delete: the last value, with `modRevision` the revision of the delete itself. */
  readonly current: KeyValue;
  /** The key before this event, absent for a create. */
  readonly previous?: KeyValue;
}

/** Called with the events of one or more revisions in order, never with an empty list, never twice with the same event. */
export type StoreListener = (events: readonly StoreEvent[]) => void;

export interface RangeOptions {
  readonly prefix: string;
  /** First key to return, included; must begin with the prefix. */
  readonly start?: string;
  /** At most so many keys. */
  readonly limit?: number;
  /** State as of this revision; the newest if absent. */
  readonly revision?: number;
}

export interface RangeResult {
  /** In order of the keys' UTF-8 bytes. */
  readonly items: readonly KeyValue[];
  /** Keys in the range after the last one returned. */
  readonly remaining: number;
  /** The revision the result shows. */
  readonly revision: number;
}

/** The revision asked for has been compacted away. */
export class CompactedError extends Error {
  readonly compactedRevision: number;
  constructor(compactedRevision: number) {
    super(`The requested revision has been compacted: oldest available is ${compactedRevision + 1}`);
    this.name = 'CompactedError';
    this.compactedRevision = compactedRevision;
  }
}

/** The revision asked for lies in the future. */
export class FutureRevisionError extends Error {
  readonly asked: number;
  readonly revision: number;
  constructor(asked: number, revision: number) {
    super(`The requested revision ${asked} is newer than the current revision ${revision}`);
    this.name = 'FutureRevisionError';
    this.asked = asked;
    this.revision = revision;
  }
}

/** The store could not do its work; the message says what is wrong with the disk or the file, and the cure. */
export class StoreError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
  }
}

/**
 * A revisioned map of keys to bytes. Every successful write gets its own revision, one higher than the one before it;
 * revisions survive restarts and are never reused. All methods may be called concurrently once started.
 */
export interface KvStore extends Component {
  /** Revision of the newest event that listeners have seen. 0 only in a store that was never written. */
  readonly revision: number;
  /** Revisions up to and including this one can no longer be asked for, except the newest; a watch may start after it. */
  readonly compactedRevision: number;

  /**
   * Resolves once the write is durable, or refused. Writes made in one turn of the event loop share a transaction on
   * disk but succeed or are refused one by one, in the order of the calls. Listeners have seen the event before the promise
   * resolves. Rejects with `StoreError` when the store cannot write (disk full, read-only); then nothing was written.
   */
  write(write: Write): Promise<WriteResult>;

  get(key: string): Promise<KeyValue | undefined>;

  /** Throws `CompactedError` or `FutureRevisionError` when the asked revision is not available. */
  range(options: RangeOptions): Promise<RangeResult>;

  /**
   * Replays the events after `afterRevision` for keys with the prefix, then goes on with new ones until the returned
   * function is called. Nothing is missed or repeated in between. The listener may be called before the promise resolves.
   * Throws `CompactedError` when the replay is impossible, `FutureRevisionError` when the revision does not exist yet.
   */
  watch(options: { prefix: string; afterRevision: number }, listener: StoreListener): Promise<() => void>;

  /**
   * Forgets history up to and including `revision`; current values stay. Returns at once; the space is reclaimed in slices.
   * Forgetting what is forgotten already does nothing. Throws `FutureRevisionError`.
   */
  compact(revision: number): Promise<void>;
}
