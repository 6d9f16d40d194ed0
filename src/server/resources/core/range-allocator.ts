/** Why a value cannot be had; the words are part of the API. */
export type Unavailable = 'taken' | 'outOfRange';

export interface RangeOptions {
  /** The values handed out are 0 (inclusive) to `size` (exclusive). */
  readonly size: number;
  /** Values below this are left to those who ask for one by name, as long as others are free. */
  readonly reserved: number;
  readonly random?: () => number;
}

/**
 * Hands out numbers of a range, each once. What is allocated is known from stored objects; what a write in progress has
 * taken is held for it until it is stored or given back.
 */
export class RangeAllocator {
  readonly #options: Required<RangeOptions>;
  readonly #allocated = new Map<number, string>();
  readonly #pending = new Map<number, object>();

  constructor({ size, reserved, random = Math.random }: RangeOptions) {
    this.#options = { size, reserved: Math.min(reserved, size), random };
  }

  /** A stored object holds a value. */
  store(value: number, owner: string): void {
    this.#allocated.set(value, owner);
    this.#pending.delete(value);
  }

  /** A stored object holds a value no more. */
  free(value: number, owner: string): void {
    if (this.#allocated.get(value) === owner) this.#allocated.delete(value);
  }

  /** Takes one given value for a write; `owner` may hold it already. Undefined when that worked. */
  take(value: number, { write, owner }: { write: object; owner: string }): Unavailable | undefined {
    if (value < 0 || value >= this.#options.size) return 'outOfRange';
    const holder = this.#allocated.get(value);
    const pending = this.#pending.get(value);
    if ((holder !== undefined && holder !== owner) || (pending !== undefined && pending !== write)) return 'taken';
    if (holder === undefined) this.#pending.set(value, write);
    return undefined;
  }

  /** Takes any free value for a write; undefined when there is none. */
  takeAny(write: object): number | undefined {
    const { size, reserved } = this.#options;
    const value = this.#search(reserved, size) ?? this.#search(0, reserved);
    if (value !== undefined) this.#pending.set(value, write);
    return value;
  }

  /** Gives back what a write has taken and not stored. */
  release(write: object): void {
    for (const [value, holder] of this.#pending) if (holder === write) this.#pending.delete(value);
  }

  #search(from: number, to: number): number | undefined {
    const span = to - from;
    if (span <= 0) return undefined;
    const start = Math.floor(this.#options.random() * span);
    for (let step = 0; step < span; step++) {
      const value = from + ((start + step) % span);
      if (!this.#allocated.has(value) && !this.#pending.has(value)) return value;
    }
    return undefined;
  }
}
