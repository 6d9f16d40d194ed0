import { rawNumber } from '../meta/clone.ts';

/** The bytes are no message of the kind they claim to be. */
export class ProtobufError extends Error {
  override readonly name = 'ProtobufError';
}

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

const TWO_32 = 0x1_0000_0000;

/** Reads protobuf's wire format from a part of a buffer. Every read checks the end and throws a `ProtobufError` beyond it. */
export class WireReader {
  readonly #bytes: Buffer;
  #position: number;
  #end: number;
  /** Halves of the last varint, as unsigned 32-bit numbers. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = 0;
    this.#end = bytes.byteLength;
  }

  get done(): boolean {
    return this.#position >= this.#end;
  }

  /** Field number times 8 plus wire type. */
  tag(): number {
    this.#varint();
    if (this.#high !== 0 || this.#low < 8) throw new ProtobufError('illegal tag');
    return this.#low;
  }

  int32(): number {
    this.#varint();
    return this.#low | 0;
  }

  /** A number, or the digits of one that is too big for a JavaScript number. */
  int64(): unknown {
    this.#varint();
    const value = (this.#high | 0) * TWO_32 + this.#low;
    if (Number.isSafeInteger(value)) return value;
    return rawNumber(BigInt.asIntN(64, (BigInt(this.#high) << 32n) | BigInt(this.#low)).toString());
  }

  bool(): boolean {
    this.#varint();
    return this.#low !== 0 || this.#high !== 0;
  }

  double(): number {
    const at = this.#take(8);
    return this.#bytes.readDoubleLE(at);
  }

  string(): string {
    const length = this.#length();
    const at = this.#take(length);
    return this.#bytes.toString('utf8', at, at + length);
  }

  bytes(): Buffer {
    const length = this.#length();
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** Limits reading to the next length-delimited value; `leave` with the answer goes back. */
  enter(): number {
    const length = this.#length();
    const outer = this.#end;
    if (this.#position + length > outer) throw new ProtobufError('unexpected end of data');
    this.#end = this.#position + length;
    return outer;
  }

  leave(outer: number): void {
    this.#position = this.#end;
    this.#end = outer;
  }

  skip(wireType: number): void {
    if (wireType === VARINT) this.#varint();
    else if (wireType === FIXED64) this.#take(8);
    else if (wireType === BYTES) this.#take(this.#length());
    else if (wireType === FIXED32) this.#take(4);
    else throw new ProtobufError(`illegal wireType ${wireType}`);
  }

  #length(): number {
    this.#varint();
    if (this.#high !== 0) throw new ProtobufError('negative length found during unmarshaling');
    return this.#low;
  }

  #take(length: number): number {
    const at = this.#position;
    if (at + length > this.#end) throw new ProtobufError('unexpected end of data');
    this.#position = at + length;
    return at;
  }

  #varint(): void {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#position >= this.#end) throw new ProtobufError('unexpected end of data');
      const byte = this.#bytes[this.#position++] ?? 0;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high |= bits >> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else high |= (bits & 1) << 31;
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw new ProtobufError('integer overflow');
  }
}

/**
 * Writes protobuf's wire format from the end to the front, so that a message's length is known when its header is due.
 * Write the last field first, and a field's value before its tag.
 */
export class WireWriter {
  #bytes: Buffer;
  #start: number;

  constructor(capacity = 1024) {
    this.#bytes = Buffer.allocUnsafe(capacity);
    this.#start = capacity;
  }

  /** Bytes written so far; the difference of two answers is the length of what came between. */
  get length(): number {
    return this.#bytes.length - this.#start;
  }

  /** A copy of everything written. */
  finish(): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#start));
  }

  tag(field: number, wireType: number): void {
    this.uint32(((field << 3) | wireType) >>> 0);
  }

  uint32(value: number): void {
    let size = 1;
    for (let rest = value >>> 7; rest !== 0; rest >>>= 7) size++;
    let at = this.#reserve(size);
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.#bytes[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[at] = rest;
  }

  /** Any integer of 64 bits; negative ones take ten bytes, as protobuf has it. */
  int64(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value <= 0xffff_ffff) {
      this.uint32(value);
      return;
    }
    const digits: number[] = [];
    for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
      const more = rest > 0x7fn;
      digits.push(Number(rest & 0x7fn) | (more ? 0x80 : 0));
      if (!more) break;
    }
    const at = this.#reserve(digits.length);
    this.#bytes.set(digits, at);
  }

  double(value: number): void {
    const at = this.#reserve(8);
    this.#bytes.writeDoubleLE(value, at);
  }

  /** The bytes of a text with their length in front. */
  string(text: string): void {
    const size = Buffer.byteLength(text);
    const at = this.#reserve(size);
    this.#bytes.write(text, at, size, 'utf8');
    this.uint32(size);
  }

  /** Bytes with their length in front. */
  bytes(value: Uint8Array): void {
    this.raw(value);
    this.uint32(value.length);
  }

  /** Bytes as they are. */
  raw(value: Uint8Array): void {
    const at = this.#reserve(value.length);
    this.#bytes.set(value, at);
  }

  #reserve(size: number): number {
    if (this.#start < size) {
      const used = this.length;
      const grown = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, used + size));
      this.#bytes.copy(grown, grown.length - used, this.#start);
      this.#bytes = grown;
      this.#start = grown.length - used;
    }
    this.#start -= size;
    return this.#start;
  }
}
