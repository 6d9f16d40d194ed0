import type { ApiObject } from '#api/meta/types.ts';
import type { Entry } from './entry.ts';

/** Entries in the order of their keys; all of one resource or of one of its namespaces. */
export class Bucket {
  #entries: Entry[] = [];
  /** Somebody holds the array: copy it before the next change. */
  #isShared = false;
  #objects: readonly ApiObject[] | undefined;
  #joined: WeakRef<Buffer> | undefined;

  get size(): number {
    return this.#entries.length;
  }

  /** All entries in order; a snapshot that later changes leave alone. */
  get entries(): readonly Entry[] {
    this.#isShared = true;
    return this.#entries;
  }

  /** The objects in order; a new array after every change, so it may be kept. */
  get objects(): readonly ApiObject[] {
    this.#objects ??= this.#entries.map(({ object }) => object);
    return this.#objects;
  }

  /** The JSON of a snapshot's objects, joined by commas. Kept until the next change, unless memory is short. */
  join(snapshot: readonly Entry[]): Buffer {
    if (snapshot !== this.#entries) return joinEntries(snapshot);
    const kept = this.#joined?.deref();
    if (kept !== undefined) return kept;
    const joined = joinEntries(snapshot);
    this.#joined = new WeakRef(joined);
    return joined;
  }

  put(entry: Entry): void {
    this.#willChange();
    const index = this.indexOf(entry.key);
    const replaces = this.#entries[index]?.key === entry.key;
    this.#entries.splice(index, replaces ? 1 : 0, entry);
  }

  remove(key: string): void {
    const index = this.indexOf(key);
    if (this.#entries[index]?.key !== key) return;
    this.#willChange();
    this.#entries.splice(index, 1);
  }

  /** Where the first key that is not below `key` stands. */
  indexOf(key: string): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#entries[middle]?.key ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #willChange(): void {
    if (this.#isShared) this.#entries = this.#entries.slice();
    this.#isShared = false;
    this.#objects = undefined;
    this.#joined = undefined;
  }
}

const COMMA = Buffer.from(',');

/** The JSON of some entries, joined by commas. */
export function joinEntries(entries: readonly Pick<Entry, 'bytes'>[]): Buffer {
  const parts = new Array<Buffer>(Math.max(0, entries.length * 2 - 1));
  for (let i = 0; i < entries.length; i++) {
    if (i > 0) parts[i * 2 - 1] = COMMA;
    parts[i * 2] = entries[i]?.bytes ?? COMMA;
  }
  return Buffer.concat(parts);
}
