import { type Query, RCODE, readRecords, TYPE } from './wire.ts';

export interface CachedAnswer {
  readonly message: Buffer;
  /** Past its time: good only while nobody can be asked. */
  readonly isStale: boolean;
}

interface Entry {
  readonly message: Buffer;
  readonly ttlOffsets: readonly number[];
  readonly storedAt: number;
  readonly ttlSeconds: number;
}

const MAX_TTL_SECONDS = 300;
const MAX_NEGATIVE_SECONDS = 30;
const STALE_SECONDS = 3600;
/** RFC 8767 advises this for answers past their time. */
const STALE_TTL_SECONDS = 30;

/** Other servers' answers, as bytes: a hit costs a copy and a few numbers. The oldest go when it is full. */
export class AnswerCache {
  readonly #entries = new Map<string, Entry>();
  readonly #capacity: number;
  readonly #now: () => number;

  constructor({ capacity = 10_000, now = Date.now }: { capacity?: number; now?: () => number } = {}) {
    this.#capacity = capacity;
    this.#now = now;
  }

  /** The stored answer with what is left of its times, ready to be sent to whoever asked this query. */
  get(query: Query): CachedAnswer | undefined {
    const entry = this.#entries.get(keyOf(query));
    if (entry === undefined) return undefined;
    const ageSeconds = Math.floor((this.#now() - entry.storedAt) / 1000);
    const isStale = ageSeconds >= entry.ttlSeconds;
    if (ageSeconds >= entry.ttlSeconds + STALE_SECONDS) {
      this.#entries.delete(keyOf(query));
      return undefined;
    }
    const message = adopt(entry.message, query);
    for (const offset of entry.ttlOffsets) {
      const left = isStale ? STALE_TTL_SECONDS : Math.max(0, entry.message.readUInt32BE(offset) - ageSeconds);
      message.writeUInt32BE(left, offset);
    }
    return { message, isStale };
  }

  /** Keeps an answer if it may be kept at all. */
  put(query: Query, message: Buffer): void {
    const times = timesOf(query, message);
    if (times === undefined || times.ttlSeconds <= 0) return;
    const key = keyOf(query);
    this.#entries.delete(key);
    this.#entries.set(key, { message, storedAt: this.#now(), ...times });
    if (this.#entries.size <= this.#capacity) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }
}

/** Queries with the same key can share an answer. */
export function keyOf({ bytes, name, type, edns }: Query): string {
  // Recursion desired, checking disabled, and what EDNS asks for all change the answer.
  return `${name} ${type} ${bytes.readUInt16BE(2) & 0x0110} ${edns === undefined ? '' : `${edns.flags} ${edns.udpBytes}`}`;
}

/** The message as an answer to this very query: its id, and its question letter by letter. */
export function adopt(message: Buffer, query: Query): Buffer {
  const copy = Buffer.from(message);
  query.bytes.copy(copy, 0, 0, 2);
  if (copy.length >= query.questionEnd && copy.readUInt16BE(4) === 1) query.bytes.copy(copy, 12, 12, query.questionEnd);
  return copy;
}

function timesOf(query: Query, message: Buffer): { ttlOffsets: number[]; ttlSeconds: number } | undefined {
  const flags = message.readUInt16BE(2);
  const rcode = flags & 0xf;
  const isTruncated = (flags & 0x0200) !== 0;
  if (isTruncated || (rcode !== RCODE.NOERROR && rcode !== RCODE.NXDOMAIN) || message.readUInt16BE(4) !== 1)
    return undefined;
  try {
    const records = readRecords(message, query.questionEnd).filter(({ type }) => type !== TYPE.OPT);
    const ttlOffsets = records.map(({ start }) => start - 6);
    const answers = records.filter(({ section }) => section === 'answer');
    if (answers.length > 0 && rcode === RCODE.NOERROR) {
      return { ttlOffsets, ttlSeconds: Math.min(MAX_TTL_SECONDS, ...records.map(({ ttl }) => ttl)) };
    }
    const soa = records.find(({ type, section }) => type === TYPE.SOA && section === 'authority');
    if (soa === undefined) return undefined;
    const minimum = message.readUInt32BE(soa.end - 4);
    return { ttlOffsets, ttlSeconds: Math.min(MAX_NEGATIVE_SECONDS, minimum, soa.ttl) };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
