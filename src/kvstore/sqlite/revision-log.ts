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

/** What is known of a key without its value. */
interface Entry {
  createRevision: number;
  /** 0: the key was deleted. */
  modRevision: number;
  expiresAt: number | null;
}

/** So many changed keys are entered in the `current` table together; more would make the writes behind them wait. */
const INDEX_KEYS = 1000;

/** So much is written between checkpoints; more gains little, and the writes behind one would wait longer. */
const CHECKPOINT_BYTES = 4 * 1024 * 1024;
/** What a transaction adds to the log at least, and what a write adds to its value, roughly. */
const TRANSACTION_BYTES = 8192;
const WRITE_BYTES = 128;

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
  /** Keys changed since they were last entered in the `current` table. */
  readonly #recent = new Map<string, Entry>();
  /** Changes of the transaction under way. */
  readonly #staged = new Map<string, Entry>();
  /** Roughly, since the last checkpoint. */
  #loggedBytes = 0;
  /** Whether the scratch table shows `#recent`. */
  #isRecentCopied = true;

  constructor(db: Database.Database) {
    this.#db = db;
    this.#sql = prepareStatements(db);
    const [compacted, trimmed, indexed] = this.#sql.meta.get() ?? [0, 0, 0];
    this.#compacted = compacted;
    this.#trimmed = trimmed;
    // The newest row may have been a delete that was trimmed away; its revision must not be used again.
    this.#revision = Math.max(this.#sql.newest.get()?.[0] ?? 0, compacted);
    this.#nextExpiryAt = this.#sql.nextExpiry.get()?.[0];
    for (const [key, createRevision, revision, expiresAt, isDelete] of this.#sql.unindexed.iterate(indexed)) {
      this.#staged.set(key, { createRevision, modRevision: isDelete === 1 ? 0 : revision, expiresAt });
    }
    this.#adoptStaged();
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
    const outcomes = this.#transaction(() => writes.map((write) => this.#apply(write, now)));
    this.#adoptStaged();
    return outcomes;
  }

  get isCheckpointDue(): boolean {
    return this.#loggedBytes >= CHECKPOINT_BYTES;
  }

  /** Copies the write-ahead log back into the file, so that the log can start over. */
  checkpoint(): void {
    this.#sql.checkpoint.get();
    this.#loggedBytes = 0;
  }

  /** Whether so many keys changed that `index` is due. */
  get isIndexDue(): boolean {
    return this.#recent.size >= INDEX_KEYS;
  }

  /** Enters recent changes in the `current` table. Until then they are in memory, and found again in history at a restart. */
  index(): void {
    if (this.#recent.size === 0) return;
    this.#relaxed(() => {
      for (const [key, { createRevision, modRevision, expiresAt }] of this.#recent) {
        if (modRevision === 0) this.#sql.unindex.run(key);
        else this.#sql.index.run(key, createRevision, modRevision, expiresAt);
      }
      this.#sql.setIndexed.run(this.#revision);
    });
    this.#recent.clear();
    this.#isRecentCopied = false;
  }

  /** Deletes up to `limit` keys whose time is up, as any delete would. */
  expire(limit: number, now = Date.now()): Change[] {
    if (this.#nextExpiryAt === undefined || this.#nextExpiryAt > now) return [];
    this.index();
    const changes = this.#transaction(() =>
      this.#sql.expired.all(now, limit).flatMap(([key]) => {
        const { previous, revision } = this.#apply({ type: 'delete', key }, now);
        if (previous === undefined) return [];
        return { current: { ...previous, modRevision: revision, value: undefined }, previous };
      }),
    );
    this.#adoptStaged();
    this.index();
    this.#nextExpiryAt = this.#sql.nextExpiry.get()?.[0];
    return changes;
  }

  get(key: string): Item | undefined {
    const entry = this.#find(key);
    if (entry === undefined || entry.modRevision === 0) return undefined;
    const { createRevision, modRevision } = entry;
    return { key, createRevision, modRevision, value: this.#sql.valueAt.get(modRevision)?.[0] };
  }

  range({ prefix, start = prefix, limit, revision = this.#revision }: RangeOptions): {
    items: Item[];
    remaining: number;
    revision: number;
  } {
    this.#requireAvailable(revision);
    this.#copyRecent();
    const bounds = [start, upperBound(prefix)] as const;
    if (revision < this.#revision) return this.#rangeInHistory(bounds, revision, limit);
    const items = this.#sql.range.all(...bounds, ...bounds, limit ?? -1).map(toItem);
    const remaining = limit === undefined ? 0 : (this.#sql.count.get(...bounds, ...bounds)?.[0] ?? 0) - items.length;
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
    this.#relaxed(() => {
      for (const [revision, prevRevision, isDelete] of rows) {
        if (prevRevision > 0) this.#sql.forget.run(prevRevision);
        if (isDelete === 1) this.#sql.forget.run(revision);
      }
      this.#sql.setTrimmed.run(through);
    });
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
    const expiresAt = write.type === 'put' ? expiry(write.ttlSeconds, now) : null;
    this.#sql.append.run(revision, key, createRevision, previous?.modRevision ?? 0, expiresAt, value);
    this.#loggedBytes += WRITE_BYTES + (value?.length ?? 0);
    this.#staged.set(key, { createRevision, modRevision: write.type === 'put' ? revision : 0, expiresAt });
    this.#revision = revision;
    return { ok: true, revision, previous };
  }

  #find(key: string): Entry | undefined {
    const known = this.#staged.get(key) ?? this.#recent.get(key);
    if (known !== undefined) return known;
    const row = this.#sql.find.get(key);
    return row && { createRevision: row[0], modRevision: row[1], expiresAt: row[2] };
  }

  #adoptStaged(): void {
    for (const [key, entry] of this.#staged) {
      this.#recent.set(key, entry);
      const { expiresAt } = entry;
      if (expiresAt !== null) this.#nextExpiryAt = Math.min(expiresAt, this.#nextExpiryAt ?? expiresAt);
    }
    if (this.#staged.size > 0) this.#isRecentCopied = false;
    this.#staged.clear();
  }

  /** Not by `index`, which needs room on the disk: reading must work without. */
  #copyRecent(): void {
    if (this.#isRecentCopied) return;
    this.#sql.clearRecent.run();
    for (const [key, { createRevision, modRevision }] of this.#recent) {
      this.#sql.addRecent.run(key, createRevision, modRevision);
    }
    this.#isRecentCopied = true;
  }

  #rangeInHistory(bounds: readonly [string, string | Buffer], revision: number, limit: number | undefined) {
    const revisions = this.#sql.rangeInHistory
      .all(revision, ...bounds, ...bounds, ...bounds, revision)
      .map(([found]) => found);
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

  /** A transaction whose loss in a power cut only means doing it again, so that writers need not wait for the disk. */
  #relaxed(work: () => void): void {
    this.#db.pragma('synchronous = normal');
    try {
      this.#transaction(work);
    } finally {
      this.#db.pragma('synchronous = full');
    }
  }

  #transaction<T>(work: () => T): T {
    const revision = this.#revision;
    this.#loggedBytes += TRANSACTION_BYTES;
    try {
      this.#sql.begin.run();
      const result = work();
      this.#sql.commit.run();
      return result;
    } catch (error) {
      this.#revision = revision;
      this.#staged.clear();
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
