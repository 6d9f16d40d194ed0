import { ipv4ToNumber } from '#base/ipv4.ts';

/** Record types we know by name; others pass through as numbers. */
export const TYPE = { A: 1, NS: 2, CNAME: 5, SOA: 6, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, OPT: 41, ANY: 255 } as const;
export const RCODE = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5, BADVERS: 16 } as const;

export const HEADER_BYTES = 12;
/** What a client without EDNS can take by UDP, and what we send at most with it: nothing is ever fragmented. */
const PLAIN_UDP_BYTES = 512;
const EDNS_UDP_BYTES = 1232;
const OPT_BYTES = 11;
const CLASS_IN = 1;

export interface Query {
  /** The whole message; its question is repeated in the answer as it is. */
  readonly bytes: Buffer;
  readonly questionEnd: number;
  /** Lower case, no trailing dot; the root is empty. */
  readonly name: string;
  readonly type: number;
  readonly edns: { readonly udpBytes: number; readonly version: number; readonly flags: number } | undefined;
}

export type DnsRecord = { readonly name: string; readonly ttl: number } & (
  | { readonly type: 'A'; readonly address: string }
  | { readonly type: 'AAAA'; readonly data: Buffer }
  | { readonly type: 'CNAME' | 'NS' | 'PTR'; readonly target: string }
  | { readonly type: 'SRV'; readonly port: number; readonly target: string }
  | { readonly type: 'TXT'; readonly text: string }
  | {
      readonly type: 'SOA';
      readonly primary: string;
      readonly mailbox: string;
      readonly serial: number;
      readonly minimum: number;
    }
);

/** An answer made by us, before it is bytes. */
export interface Reply {
  readonly rcode: number;
  readonly isAuthoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities?: readonly DnsRecord[];
  readonly additionals?: readonly DnsRecord[];
}

/** The query, or the code to refuse it with; undefined for what deserves no answer at all. */
export function parseQuery(bytes: Buffer): Query | { readonly refuse: number } | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const flags = bytes.readUInt16BE(2);
  if ((flags & 0x8000) !== 0) return undefined;
  if ((flags & 0x7800) !== 0) return { refuse: RCODE.NOTIMP };
  if (bytes.readUInt16BE(4) !== 1 || bytes.readUInt16BE(6) !== 0) return { refuse: RCODE.FORMERR };
  try {
    const { name, end } = readName(bytes, HEADER_BYTES);
    const questionEnd = end + 4;
    const type = bytes.readUInt16BE(end);
    if (bytes.readUInt16BE(end + 2) !== CLASS_IN) return { refuse: RCODE.REFUSED };
    let edns: Query['edns'];
    for (const record of readRecords(bytes, questionEnd)) {
      if (record.type !== TYPE.OPT) continue;
      if (edns !== undefined) return { refuse: RCODE.FORMERR };
      const [udpBytes, version] = [bytes.readUInt16BE(record.start - 8), bytes.readUInt8(record.start - 5)];
      edns = { udpBytes, version, flags: bytes.readUInt16BE(record.start - 4) };
    }
    return { bytes, questionEnd, name: name.toLowerCase(), type, edns };
  } catch (error) {
    if (error instanceof RangeError) return { refuse: RCODE.FORMERR };
    throw error;
  }
}

/** A query of our own. */
export function makeQuery(name: string, type: number): Query {
  const writer = new Writer(PLAIN_UDP_BYTES);
  writer.bytes.writeUInt16BE(0x0100, 2);
  writer.bytes.writeUInt16BE(1, 4);
  writer.name(name);
  writer.uint16(type);
  writer.uint16(CLASS_IN);
  return { bytes: writer.done(), questionEnd: writer.length, name: name.toLowerCase(), type, edns: undefined };
}

/** An answer without records that needs no understanding of the query beyond its header. */
export function encodeRefusal(query: Buffer, rcode: number): Buffer {
  const reply = Buffer.alloc(HEADER_BYTES);
  query.copy(reply, 0, 0, 2);
  reply.writeUInt16BE(0x8080 | (query.readUInt16BE(2) & 0x7900) | (rcode & 0xf), 2);
  return reply;
}

/** The answer as bytes; by UDP it is cut to what the client can take, and marked so that it asks again by TCP. */
export function encodeReply(query: Query, reply: Reply, transport: 'udp' | 'tcp'): Buffer {
  const limit = transport === 'tcp' ? 65_535 : udpLimit(query);
  const writer = new Writer(
    limit - (query.edns === undefined ? 0 : OPT_BYTES),
    query.bytes.subarray(0, query.questionEnd),
  );
  const counts = [0, 0, 0];
  let isCut = false;
  for (const [section, records = []] of [reply.answers, reply.authorities, reply.additionals].entries()) {
    for (const record of records) {
      if (isCut || !writer.record(record)) {
        // Additional records are a courtesy: leaving some out needs no second question.
        isCut ||= section < 2;
        break;
      }
      counts[section] = (counts[section] ?? 0) + 1;
    }
  }
  const { bytes } = writer;
  const [answers = 0, authorities = 0, additionals = 0] = counts;
  const asked = query.bytes.readUInt16BE(2);
  const flags =
    0x8080 | (reply.isAuthoritative ? 0x0400 : 0) | (isCut ? 0x0200 : 0) | (asked & 0x0110) | (reply.rcode & 0xf);
  bytes.writeUInt16BE(flags, 2);
  bytes.writeUInt16BE(1, 4);
  bytes.writeUInt16BE(answers, 6);
  bytes.writeUInt16BE(authorities, 8);
  bytes.writeUInt16BE(additionals + (query.edns === undefined ? 0 : 1), 10);
  if (query.edns !== undefined) writer.opt(reply.rcode, query.edns.flags & 0x8000);
  return writer.done();
}

export function udpLimit({ edns }: Query): number {
  return Math.min(
    Math.max(edns?.udpBytes ?? 0, PLAIN_UDP_BYTES),
    edns === undefined ? PLAIN_UDP_BYTES : EDNS_UDP_BYTES,
  );
}

export interface RawRecord {
  readonly name: string;
  readonly type: number;
  readonly ttl: number;
  /** Where its data begins and ends. */
  readonly start: number;
  readonly end: number;
  readonly section: 'answer' | 'authority' | 'additional';
}

/** The records of a message, without looking into their data. Throws `RangeError` on a broken message. */
export function readRecords(bytes: Buffer, offset: number): RawRecord[] {
  const records: RawRecord[] = [];
  let at = offset;
  for (const [index, section] of (['answer', 'authority', 'additional'] as const).entries()) {
    for (let left = bytes.readUInt16BE(6 + 2 * index); left > 0; left--) {
      const { name, end } = readName(bytes, at);
      const start = end + 10;
      const length = bytes.readUInt16BE(end + 8);
      if (start + length > bytes.length) throw new RangeError('record is longer than its message');
      records.push({
        name,
        type: bytes.readUInt16BE(end),
        ttl: bytes.readUInt32BE(end + 4),
        start,
        end: start + length,
        section,
      });
      at = start + length;
    }
  }
  return records;
}

/** Addresses and aliases among a message's answers, in our own form. */
export function readAddresses(bytes: Buffer, offset: number): DnsRecord[] {
  return readRecords(bytes, offset).flatMap(({ name, type, ttl, start, end, section }): DnsRecord[] => {
    if (section !== 'answer') return [];
    const data = bytes.subarray(start, end);
    if (type === TYPE.A) return [{ name, ttl, type: 'A', address: [...data].join('.') }];
    if (type === TYPE.AAAA) return [{ name, ttl, type: 'AAAA', data: Buffer.from(data) }];
    if (type === TYPE.CNAME) return [{ name, ttl, type: 'CNAME', target: readName(bytes, start).name }];
    return [];
  });
}

/** A name as text, and where the message goes on after it. Bytes that are no plain text cannot match any name of ours. */
export function readName(bytes: Buffer, offset: number): { name: string; end: number } {
  const labels: string[] = [];
  let at = offset;
  let end: number | undefined;
  let total = 0;
  for (;;) {
    const length = bytes.readUInt8(at);
    if ((length & 0xc0) === 0xc0) {
      const target = bytes.readUInt16BE(at) & 0x3fff;
      end ??= at + 2;
      // Only backwards, so that there is always an end.
      if (target >= at) throw new RangeError('name points forward');
      at = target;
      continue;
    }
    if (length > 63) throw new RangeError('label is too long');
    at += 1;
    if (length === 0) return { name: labels.join('.'), end: end ?? at };
    total += length + 1;
    if (total > 254 || at + length > bytes.length) throw new RangeError('name is too long');
    labels.push(bytes.toString('latin1', at, at + length).replaceAll('.', '\\.'));
    at += length;
  }
}

/** Writes a message; names that were written before are referred to. */
class Writer {
  readonly bytes: Buffer;
  length: number;
  readonly #limit: number;
  readonly #known = new Map<string, number>();

  constructor(limit: number, start: Buffer = Buffer.alloc(HEADER_BYTES)) {
    this.#limit = limit;
    this.bytes = Buffer.alloc(limit + OPT_BYTES);
    start.copy(this.bytes);
    this.length = start.length;
    if (start.length > HEADER_BYTES) this.#remember(readName(start, HEADER_BYTES).name, HEADER_BYTES);
  }

  done(): Buffer {
    return this.bytes.subarray(0, this.length);
  }

  uint16(value: number): void {
    this.length = this.bytes.writeUInt16BE(value, this.length);
  }

  uint32(value: number): void {
    this.length = this.bytes.writeUInt32BE(value >>> 0, this.length);
  }

  /** False if the record does not fit; the message is then as it was. */
  record(record: DnsRecord): boolean {
    const before = this.length;
    try {
      this.name(record.name);
      this.uint16(TYPE[record.type]);
      this.uint16(CLASS_IN);
      this.uint32(record.ttl);
      const lengthAt = this.length;
      this.uint16(0);
      this.#data(record);
      this.bytes.writeUInt16BE(this.length - lengthAt - 2, lengthAt);
      if (this.length > this.#limit) throw new RangeError('message is full');
      return true;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.length = before;
      for (const [name, offset] of this.#known) if (offset >= before) this.#known.delete(name);
      return false;
    }
  }

  opt(rcode: number, flags: number): void {
    this.length = this.bytes.writeUInt8(0, this.length);
    this.uint16(TYPE.OPT);
    this.uint16(EDNS_UDP_BYTES);
    this.uint16((rcode >> 4) << 8);
    this.uint16(flags);
    this.uint16(0);
  }

  name(name: string, { isCompressed = true }: { isCompressed?: boolean } = {}): void {
    const labels = name === '' ? [] : name.split('.');
    const start = this.length;
    for (let index = 0; index < labels.length; index++) {
      const known = isCompressed ? this.#known.get(labels.slice(index).join('.').toLowerCase()) : undefined;
      if (known !== undefined) {
        this.uint16(0xc000 | known);
        this.#remember(labels.slice(0, index).join('.'), start, labels.slice(index).join('.'));
        return;
      }
      const label = Buffer.from(labels[index] ?? '', 'latin1');
      this.length = this.bytes.writeUInt8(label.length, this.length);
      if (this.length + label.length > this.bytes.length) throw new RangeError('message is full');
      label.copy(this.bytes, this.length);
      this.length += label.length;
    }
    this.length = this.bytes.writeUInt8(0, this.length);
    this.#remember(name, start);
  }

  #data(record: DnsRecord): void {
    switch (record.type) {
      case 'A':
        return this.uint32(ipv4ToNumber(record.address) ?? 0);
      case 'AAAA':
        return this.#raw(record.data);
      case 'CNAME':
      case 'NS':
      case 'PTR':
        return this.name(record.target);
      case 'SRV':
        this.uint16(0);
        this.uint16(100);
        this.uint16(record.port);
        // RFC 2782: no compression here.
        return this.name(record.target, { isCompressed: false });
      case 'TXT': {
        const text = Buffer.from(record.text).subarray(0, 255);
        return this.#raw(Buffer.concat([Buffer.of(text.length), text]));
      }
      case 'SOA':
        this.name(record.primary);
        this.name(record.mailbox);
        for (const value of [record.serial, 7200, 1800, 86_400, record.minimum]) this.uint32(value);
    }
  }

  #raw(data: Buffer): void {
    if (this.length + data.length > this.bytes.length) throw new RangeError('message is full');
    data.copy(this.bytes, this.length);
    this.length += data.length;
  }

  /** Notes where every tail of a name stands that was written out at `offset`. */
  #remember(name: string, offset: number, rest = ''): void {
    const labels = name === '' ? [] : name.split('.');
    let at = offset;
    for (let index = 0; index < labels.length && at < 0x4000; index++) {
      const tail = [...labels.slice(index), ...(rest === '' ? [] : [rest])].join('.').toLowerCase();
      if (!this.#known.has(tail)) this.#known.set(tail, at);
      at += (labels[index] ?? '').replaceAll('\\.', '.').length + 1;
    }
  }
}
