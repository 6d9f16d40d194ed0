import { isRawNumber } from '../meta/clone.ts';
import { BYTES, ProtobufError, VARINT, type WireReader, type WireWriter } from './wire.ts';

/** Messages whose JSON is no object of their fields, by the generator's letter: times, quantities, raw JSON. */

/** Decodes a body in an envelope that stands inside another object. */
export type NestedDecoder = (body: Uint8Array) => unknown;

const MAX_SECONDS = 253_402_300_799;

/** Reads one opaque message. `undefined` where Go's JSON would say null. */
export function decodeOpaque(reader: WireReader, code: string, nested: NestedDecoder): unknown {
  const outer = reader.enter();
  const value = decodeBody(reader, code, nested);
  reader.leave(outer);
  return value;
}

function decodeBody(reader: WireReader, code: string, nested: NestedDecoder): unknown {
  switch (code) {
    case 't':
    case 'u':
      return decodeTime(reader, code === 'u');
    case 'q':
      return decodeQuantity(reader);
    case 'x':
      return decodeIntOrString(reader);
    case 'F':
    case 'J':
    case 'R':
      return decodeRaw(reader, nested);
    default:
      throw new ProtobufError(`no decoder for the opaque type "${code}"`);
  }
}

function decodeTime(reader: WireReader, micro: boolean): string | undefined {
  if (reader.done) return undefined;
  let seconds = 0;
  let nanos = 0;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | VARINT)) seconds = Number(reader.int64());
    else if (tag === ((2 << 3) | VARINT)) nanos = reader.int32();
    else reader.skip(tag & 7);
  }
  if (!(Math.abs(seconds) <= MAX_SECONDS)) throw new ProtobufError('time is outside of the years 0 to 9999');
  const text = new Date(seconds * 1000).toISOString().slice(0, -5);
  return micro ? `${text}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${text}Z`;
}

function decodeQuantity(reader: WireReader): string {
  let text = '';
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | BYTES)) text = reader.string();
    else reader.skip(tag & 7);
  }
  return text === '' ? '0' : text;
}

function decodeIntOrString(reader: WireReader): number | string {
  let isText = false;
  let int = 0;
  let text = '';
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | VARINT)) isText = reader.int32() !== 0;
    else if (tag === ((2 << 3) | VARINT)) int = reader.int32();
    else if (tag === ((3 << 3) | BYTES)) text = reader.string();
    else reader.skip(tag & 7);
  }
  return isText ? text : int;
}

const ENVELOPE = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

function decodeRaw(reader: WireReader, nested: NestedDecoder): unknown {
  let raw = Buffer.alloc(0);
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | BYTES)) raw = reader.bytes() as typeof raw;
    else reader.skip(tag & 7);
  }
  if (raw.length === 0) return undefined;
  if (raw.subarray(0, 4).equals(ENVELOPE)) return nested(raw);
  try {
    return JSON.parse(raw.toString('utf8')) as unknown;
  } catch (cause) {
    throw new ProtobufError('Cannot decode the JSON inside a protobuf message', { cause });
  }
}

/** Writes the body of one opaque message, without length and tag. */
export function encodeOpaque(writer: WireWriter, code: string, value: unknown): void {
  switch (code) {
    case 't':
    case 'u':
      return encodeTime(writer, String(value));
    case 'q':
      writer.string(isRawNumber(value) ? value.rawJSON : String(value));
      return writer.tag(1, BYTES);
    case 'x':
      return encodeIntOrString(writer, value);
    case 'F':
    case 'J':
    case 'R':
      writer.string(JSON.stringify(value));
      return writer.tag(1, BYTES);
    default:
      throw new ProtobufError(`no encoder for the opaque type "${code}"`);
  }
}

function encodeTime(writer: WireWriter, text: string): void {
  const milliseconds = Date.parse(text);
  if (Number.isNaN(milliseconds)) throw new ProtobufError(`"${text}" is no time`);
  const fraction = /\.(\d{1,9})/.exec(text)?.[1] ?? '';
  const nanos = Number(fraction.padEnd(9, '0'));
  // Nanos are written even when zero, as Go does: an empty message means no time at all.
  writer.int64(nanos);
  writer.tag(2, VARINT);
  writer.int64(Math.floor(milliseconds / 1000));
  writer.tag(1, VARINT);
}

function encodeIntOrString(writer: WireWriter, value: unknown): void {
  const isText = typeof value === 'string';
  writer.string(isText ? value : '');
  writer.tag(3, BYTES);
  writer.int64(isText ? 0 : Number(value));
  writer.tag(2, VARINT);
  writer.uint32(isText ? 1 : 0);
  writer.tag(1, VARINT);
}
