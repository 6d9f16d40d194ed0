import type { KeyValue, RangeOptions, Write } from '../kvstore.ts';

// What the main thread and the database's thread say to each other. Bytes travel in one transferred buffer per message:
// cloning Buffers one by one would copy the whole pool that each is cut from.

/** The database thread's `workerData`. */
export interface WorkerOptions {
  path: string;
  /** The compiled addon, where better-sqlite3 cannot find its own. */
  nativeBinding?: string;
  historyLimit: number;
}

/** A key and its revisions; without a value it is the trace of a delete, with `modRevision` 0 it is nothing at all. */
export interface Item {
  key: string;
  createRevision: number;
  modRevision: number;
  value: Uint8Array | undefined;
}

export interface PackedItems {
  /** Empty where the receiver knows the keys. */
  keys: string[];
  /** Per item: create revision, modification revision, length of the value (-1: none). */
  numbers: Float64Array<ArrayBuffer>;
  values: Uint8Array<ArrayBuffer>;
}

export interface PackedWrites {
  keys: string[];
  /** Per write: length of the value (-1: a delete), expected revision (-1: any), seconds to live (0: for ever). */
  numbers: Float64Array<ArrayBuffer>;
  values: Uint8Array<ArrayBuffer>;
}

export interface PackedEvents {
  current: PackedItems;
  previous: PackedItems;
}

export type Request =
  | { id: number; type: 'get'; key: string }
  | { id: number; type: 'range'; options: RangeOptions }
  | { id: number; type: 'replay'; prefix: string; afterRevision: number }
  | { id: number; type: 'compact'; revision: number };

/** What one turn of the main thread's event loop asks for. */
export type ToWorker = { type: 'turn'; writes: PackedWrites | undefined; requests: Request[] } | { type: 'close' };

export type Answer =
  | { type: 'items'; items: PackedItems; remaining: number; revision: number }
  /** `throughRevision`: all events up to it have now been replayed. */
  | { type: 'events'; events: PackedEvents; throughRevision: number }
  | { type: 'done' }
  | { type: 'compacted'; compactedRevision: number }
  | { type: 'future'; asked: number; revision: number }
  | { type: 'error'; message: string };

export type FromWorker =
  | { type: 'ready'; revision: number; compactedRevision: number }
  /** The database could not be opened. */
  | { type: 'unusable'; message: string }
  /** The oldest unanswered writes. Per write: 1 or 0 for done or refused, then the revision; `previous` is what was found. */
  | { type: 'committed'; outcomes: Float64Array<ArrayBuffer>; previous: PackedItems; revision: number }
  /** None of so many oldest unanswered writes was done. */
  | { type: 'rejected'; count: number; message: string }
  | { type: 'expired'; events: PackedEvents; revision: number }
  | { type: 'compacted'; compactedRevision: number }
  /** Housekeeping failed and will be tried again. */
  | { type: 'trouble'; message: string }
  | { type: 'answer'; id: number; answer: Answer };

const WRITE_NUMBERS = 3;
const ITEM_NUMBERS = 3;

/** Packs writes and lists the buffers to transfer with them. */
export function packWrites(writes: readonly Write[]): { packed: PackedWrites; transfer: ArrayBuffer[] } {
  const numbers = new Float64Array(writes.length * WRITE_NUMBERS);
  const keys: string[] = [];
  const chunks: (Uint8Array | undefined)[] = [];
  for (const [index, write] of writes.entries()) {
    const value = write.type === 'put' ? write.value : undefined;
    keys.push(write.key);
    chunks.push(value);
    numbers[index * WRITE_NUMBERS] = value?.length ?? -1;
    numbers[index * WRITE_NUMBERS + 1] = write.expect?.modRevision ?? -1;
    numbers[index * WRITE_NUMBERS + 2] = (write.type === 'put' ? write.ttlSeconds : undefined) ?? 0;
  }
  const values = concat(chunks);
  return { packed: { keys, numbers, values }, transfer: [numbers.buffer, values.buffer] };
}

/** The writes as they were packed; values are views on the packed bytes. */
export function unpackWrites({ keys, numbers, values }: PackedWrites): Write[] {
  let offset = 0;
  return keys.map((key, index) => {
    const length = at(numbers, index * WRITE_NUMBERS);
    const expected = at(numbers, index * WRITE_NUMBERS + 1);
    const ttlSeconds = at(numbers, index * WRITE_NUMBERS + 2);
    const expect = expected < 0 ? {} : { expect: { modRevision: expected } };
    if (length < 0) return { type: 'delete', key, ...expect };
    const value = Buffer.from(values.buffer, values.byteOffset + offset, length);
    offset += length;
    return { type: 'put', key, value, ...expect, ...(ttlSeconds > 0 && { ttlSeconds }) };
  });
}

/** Packs items; leaves the keys out where the receiver knows them. */
export function packItems(items: readonly Item[], { withKeys }: { withKeys: boolean }): PackedItems {
  const numbers = new Float64Array(items.length * ITEM_NUMBERS);
  for (const [index, { createRevision, modRevision, value }] of items.entries()) {
    numbers[index * ITEM_NUMBERS] = createRevision;
    numbers[index * ITEM_NUMBERS + 1] = modRevision;
    numbers[index * ITEM_NUMBERS + 2] = value?.length ?? -1;
  }
  const keys = withKeys ? items.map(({ key }) => key) : [];
  return { keys, numbers, values: concat(items.map(({ value }) => value)) };
}

/** The buffers of packed items, for the transfer list. */
export function buffersOf(...packed: readonly PackedItems[]): ArrayBuffer[] {
  return packed.flatMap(({ numbers, values }) => [numbers.buffer, values.buffer]);
}

/**
 * The items as they were packed, nothing being undefined. With `copy` each value owns its bytes; without, it keeps the
 * whole message alive and is meant to be dropped soon.
 */
export function unpackItems(
  { numbers, values, keys: packedKeys }: PackedItems,
  { keys = packedKeys, copy }: { keys?: readonly string[]; copy: boolean },
): (KeyValue | undefined)[] {
  let offset = 0;
  return keys.map((key, index) => {
    const createRevision = at(numbers, index * ITEM_NUMBERS);
    const modRevision = at(numbers, index * ITEM_NUMBERS + 1);
    const length = Math.max(0, at(numbers, index * ITEM_NUMBERS + 2));
    const view = Buffer.from(values.buffer, values.byteOffset + offset, length);
    offset += length;
    if (modRevision === 0) return undefined;
    return { key, value: copy ? Buffer.from(view) : view, createRevision, modRevision };
  });
}

/** Whether the packed item at `index` is the trace of a delete. */
export function isTombstone({ numbers }: PackedItems, index: number): boolean {
  return at(numbers, index * ITEM_NUMBERS + 2) < 0;
}

/** A number that the layout says is there. */
export function at(numbers: Float64Array, index: number): number {
  const number = numbers[index];
  if (number === undefined) throw new RangeError(`Message has no number at ${index}`);
  return number;
}

function concat(chunks: readonly (Uint8Array | undefined)[]): Uint8Array<ArrayBuffer> {
  const length = chunks.reduce((sum, chunk) => sum + (chunk?.length ?? 0), 0);
  // Not from Buffer's pool, which cannot be transferred; not zeroed first, every byte is written.
  const bytes = Buffer.allocUnsafeSlow(length);
  let offset = 0;
  for (const chunk of chunks) {
    if (chunk === undefined) continue;
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
