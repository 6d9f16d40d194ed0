import type Database from 'better-sqlite3';
import { CompactedError, FutureRevisionError, type RangeOptions, type Write } from '../kvstore.ts';
import { prefixEnd } from './key-range.ts';
import type { Item } from './messages.ts';
import { prepareStatements, type Statements } from './statements.ts';

/** What became of one write. `previous` is the key as the write found it. */
export interface Outcome {
  ok: boolean;
  revision: number;
  previous: Item | undefined;
}

/** One change of a key; a `current` without a value is a delete. */
export interface Change {
  current: Item;
  previous: Item | undefined;
}

/**
 * The revisioned map on an open database. Everything is synchronous; methods that write use one transaction of their own, and
 * when they throw, nothing was written and the next call may succeed.
 */
export class RevisionLog {
  readonly #db: Database.Database;
  readonly #sql: Statements;
  #revision: number;
  #compacted: number;
  #trimmed: number;
  #nextExpiryAt: number | undefined;

  constructor(db: Database.Database) {
    this.#db = db;
    this.#sql = prepareStatements(db);
    const [compacted, trimmed] = this.#sql.meta.get() ?? [0, 0];
    this.#compacted = compacted;
    this.#trimmed = trimmed;
    // The newest row may have been a delete that was trimmed away; its revision must not be used again.
    this.#revision = Math.max(this.#sql.newest.get()?.[0] ?? 0, compacted);
    this.#nextExpiryAt = this.#sql.nextExpiry.get()?.[0];
  }

  get revision(): number {
    return this.#revision;
  }

  get compactedRevision(): number {
    return this.#compacted;
  }

  /** Revisions whose garbage is still there. */
  get untrimmed(): number {
    return this.#compacted - this.#trimmed;
  }

  /** When the next key expires, in ms since 1970; never late, possibly early. */
  get nextExpiryAt(): number | undefined {
    return this.#nextExpiryAt;
  }

  /** Does the writes one after the other; durable on return. */
  commit(writes: readonly Write[], now = Date.now()): Outcome[] {
    return this.#transaction(() => writes.map((write) => this.#apply(write, now)));
  }

  /** Deletes up to `limit` keys whose time is up, as any delete would. */
  expire(limit: number, now = Date.now()): Change[] {
    if (this.#nextExpiryAt === undefined || this.#nextExpiryAt > now) return [];
    const changes = this.#transaction(() =>
      this.#sql.expired.all(now, limit).flatMap(([key]) => {
        const { previous, revision } = this.#apply({ type: 'delete', key }, now);
        if (previous === undefined) return [];
        return { current: { ...previous, modRevision: revision, value: undefined }, previous };
      }),
    );
    this.#nextExpiryAt = this.#sql.nextExpiry.get()?.[0];
    return changes;
  }

  get(key: string): Item | undefined {
    const row = this.#sql.find.get(key);
    return row && { key, createRevision: row[0], modRevision: row[1], value: row[2] };
  }

  range({ prefix, start = prefix, limit, revision = this.#revision }: RangeOptions): {
    items: Item[];
    remaining: number;
    revision: number;
  } {
    this.#requireAvailable(revision);
    const bounds = [start, upperBound(prefix)] as const;
    if (revision < this.#revision) return this.#rangeInHistory(bounds, revision, limit);
    const items = this.#sql.range.all(...bounds, limit ?? -1).map(toItem);
    const remaining = limit === undefined ? 0 : (this.#sql.count.get(...bounds)?.[0] ?? 0) - items.length;
    return { items, remaining, revision };
  }

  /** The next changes after a revision; `throughRevision` says how far they reach. */
  replay({ prefix, afterRevision, limit }: { prefix: string; afterRevision: number; limit: number }): {
    changes: Change[];
    throughRevision: number;
  } {
    this.#requireAvailable(afterRevision, { asStart: true });
    const changes: Change[] = [];
    for (const row of this.#sql.replay.all(afterRevision, prefix, upperBound(prefix), limit)) {
      const [revision, key, createRevision, prevRevision, value, previousValue, previousCreate] = row;
      const current = { key, createRevision, modRevision: revision, value: value ?? undefined };
      const previous =
        prevRevision === 0
          ? undefined
          : { key, createRevision: previousCreate ?? 0, modRevision: prevRevision, value: previousValue ?? undefined };
      changes.push({ current, previous });
    }
    const last = changes.at(-1);
    const throughRevision = last !== undefined && changes.length === limit ? last.current.modRevision : this.#revision;
    return { changes, throughRevision };
  }

  /** Makes revisions up to this one unavailable; `trim` then frees their space. */
  compact(revision: number): void {
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    if (revision <= this.#compacted) return;
    this.#transaction(() => this.#sql.setCompacted.run(revision));
    this.#compacted = revision;
  }

  /** Frees the space of up to `limit` compacted revisions. */
  trim(limit: number): void {
    const rows = this.#sql.garbage.all(this.#trimmed, this.#compacted, limit);
    const through = rows.length < limit ? this.#compacted : (rows.at(-1)?.[0] ?? this.#compacted);
    // Losing this in a power cut only means doing it again, so writers need not wait for the disk.
    this.#db.pragma('synchronous = normal');
    try {
      this.#transaction(() => {
        for (const [revision, prevRevision, isDelete] of rows) {
          if (prevRevision > 0) this.#sql.forget.run(prevRevision);
          if (isDelete === 1) this.#sql.forget.run(revision);
        }
        this.#sql.setTrimmed.run(through);
      });
    } finally {
      this.#db.pragma('synchronous = full');
    }
    this.#trimmed = through;
  }

  #apply(write: Write, now: number): Outcome {
    const { key, expect } = write;
    const previous = this.get(key);
    if (expect !== undefined && expect.modRevision !== (previous?.modRevision ?? 0)) {
      return { ok: false, revision: this.#revision, previous };
    }
    if (write.type === 'delete' && previous === undefined) return { ok: true, revision: this.#revision, previous };
    const revision = this.#revision + 1;
    const createRevision = previous?.createRevision ?? revision;
    const value = write.type === 'put' ? write.value : null;
    this.#sql.append.run(revision, key, createRevision, previous?.modRevision ?? 0, value);
    if (write.type === 'delete') {
      this.#sql.remove.run(key);
    } else {
      const expiresAt = expiry(write.ttlSeconds, now);
      if (previous === undefined) this.#sql.insert.run(key, revision, revision, expiresAt);
      else this.#sql.update.run(revision, expiresAt, key);
      if (expiresAt !== null) this.#nextExpiryAt = Math.min(expiresAt, this.#nextExpiryAt ?? expiresAt);
    }
    this.#revision = revision;
    return { ok: true, revision, previous };
  }

  #rangeInHistory(bounds: readonly [string, string | Buffer], revision: number, limit: number | undefined) {
    const revisions = this.#sql.rangeInHistory.all(revision, ...bounds, ...bounds, revision).map(([found]) => found);
    const wanted = limit === undefined ? revisions : revisions.slice(0, limit);
    const items = wanted.flatMap((found) => this.#sql.version.all(found).map(toItem));
    return { items, remaining: revisions.length - wanted.length, revision };
  }

  /** A range shows the state at a revision, so that of the compacted one is gone; a replay may still start after it. */
  #requireAvailable(revision: number, { asStart = false } = {}): void {
    if (revision > this.#revision) throw new FutureRevisionError(revision, this.#revision);
    const oldest = asStart ? this.#compacted : this.#compacted + 1;
    // The newest state is always there, even if everything up to it was compacted.
    if (revision < oldest && revision !== this.#revision) throw new CompactedError(this.#compacted);
  }

  #transaction<T>(work: () => T): T {
    const revision = this.#revision;
    try {
      this.#sql.begin.run();
      const result = work();
      this.#sql.commit.run();
      return result;
    } catch (error) {
      this.#revision = revision;
      // Some failures, a full disk among them, have already rolled back.
      if (this.#db.inTransaction) this.#sql.rollback.run();
      throw error;
    }
  }
}

/**
 * Keys written at nearly the same time expire together, in one transaction: the moment is rounded up to a hundredth of the time to
 * live, at most a minute.
 */
function expiry(ttlSeconds: number | undefined, now: number): number | null {
  if (ttlSeconds === undefined) return null;
  const grainMs = Math.max(1, Math.min(60_000, Math.ceil(ttlSeconds * 10)));
  return Math.ceil((now + ttlSeconds * 1000) / grainMs) * grainMs;
}

/** SQLite orders every blob after every text. */
function upperBound(prefix: string): string | Buffer {
  return prefixEnd(prefix) ?? Buffer.alloc(0);
}

function toItem([key, createRevision, modRevision, value]: [string, number, number, Buffer]): Item {
  return { key, createRevision, modRevision, value };
}
