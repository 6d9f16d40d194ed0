/** DER, as much of it as certificates and signing requests need. */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** One value with its tag and length in front. */
export function der(tag: number, content: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([tag]), encodeLength(content.length), content]);
}

export function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(TAG.sequence, Buffer.concat(parts));
}

export function set(...parts: readonly Uint8Array[]): Buffer {
  return der(TAG.set, Buffer.concat(parts));
}

/** An unsigned integer of any size. */
export function integer(value: number | Uint8Array): Buffer {
  const bytes = typeof value === 'number' ? numberBytes(value) : Buffer.from(value);
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const trimmed = bytes.subarray(start);
  const negative = ((trimmed[0] ?? 0) & 0x80) !== 0;
  return der(TAG.integer, negative ? Buffer.concat([Buffer.from([0]), trimmed]) : trimmed);
}

export function boolean(value: boolean): Buffer {
  return der(TAG.boolean, Buffer.from([value ? 0xff : 0]));
}

export function octetString(content: Uint8Array): Buffer {
  return der(TAG.octetString, content);
}

export function bitString(content: Uint8Array, unusedBits = 0): Buffer {
  return der(TAG.bitString, Buffer.concat([Buffer.from([unusedBits]), content]));
}

export function utf8String(text: string): Buffer {
  return der(TAG.utf8String, Buffer.from(text));
}

/** Dotted text to an object identifier. */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return der(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** A context-specific tag around other values (explicit), or around bare bytes (implicit). */
export function context(number: number, content: Uint8Array, { constructed }: { constructed: boolean }): Buffer {
  return der((constructed ? 0xa0 : 0x80) | number, content);
}

/** A point in time the way certificates want it: two-digit years up to 2049, four digits beyond. */
export function time(date: Date): Buffer {
  const digits = `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`;
  const year = date.getUTCFullYear();
  return year >= 1950 && year < 2050
    ? der(TAG.utcTime, Buffer.from(digits.slice(2)))
    : der(TAG.generalizedTime, Buffer.from(digits));
}

/** One decoded value. `content` and `raw` are views into the input. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
  /** With tag and length. */
  readonly raw: Buffer;
}

/** Reads exactly one value; throws when the bytes are not DER or when something follows. */
export function parseDer(bytes: Uint8Array): DerValue {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const value = readValue(buffer, 0);
  if (value.raw.length !== buffer.length) throw new Error('Cannot parse DER: trailing data');
  return value;
}

/** The values inside a constructed one. */
export function parseChildren({ content }: Pick<DerValue, 'content'>): DerValue[] {
  const children: DerValue[] = [];
  for (let offset = 0; offset < content.length; ) {
    const child = readValue(content, offset);
    children.push(child);
    offset += child.raw.length;
  }
  return children;
}

/** The values inside a sequence; throws when it is none. */
export function parseSequence(value: DerValue | undefined): DerValue[] {
  if (value?.tag !== TAG.sequence) throw new Error('Cannot parse DER: expected a sequence');
  return parseChildren(value);
}

/** The dotted form of an object identifier; throws when the value is none. */
export function parseOid(value: DerValue | undefined): string {
  if (value?.tag !== TAG.oid) throw new Error('Cannot parse DER: expected an object identifier');
  const parts: number[] = [];
  let current = 0;
  for (const byte of value.content) {
    current = current * 128 + (byte & 0x7f);
    if ((byte & 0x80) !== 0) continue;
    parts.push(current);
    current = 0;
  }
  const [first = 0, ...rest] = parts;
  const root = Math.min(2, Math.floor(first / 40));
  return [root, first - root * 40, ...rest].join('.');
}

/** The bytes of a bit string that is whole bytes long; throws otherwise. */
export function parseBitString(value: DerValue | undefined): Buffer {
  if (value?.tag !== TAG.bitString || value.content[0] !== 0)
    throw new Error('Cannot parse DER: expected a bit string');
  return value.content.subarray(1);
}

/** Wraps DER in a PEM block. */
export function toPem(label: string, content: Uint8Array): string {
  const base64 = Buffer.from(content).toString('base64');
  const lines = base64.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The first block of a PEM text that has one of these labels; undefined when there is none. */
export function fromPem(text: string, ...labels: readonly string[]): Buffer | undefined {
  const pattern = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----/g;
  for (const [, label = '', body = ''] of text.matchAll(pattern)) {
    if (labels.includes(label)) return Buffer.from(body, 'base64');
  }
  return undefined;
}

function readValue(buffer: Buffer, offset: number): DerValue {
  const tag = buffer[offset];
  const first = buffer[offset + 1];
  if (tag === undefined || first === undefined) throw new Error('Cannot parse DER: unexpected end');
  let start = offset + 2;
  let length = first;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4 || start + count > buffer.length) throw new Error('Cannot parse DER: bad length');
    length = buffer.readUIntBE(start, count);
    start += count;
  }
  const end = start + length;
  if (end > buffer.length) throw new Error('Cannot parse DER: unexpected end');
  return { tag, content: buffer.subarray(start, end), raw: buffer.subarray(offset, end) };
}

function encodeLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes = numberBytes(length);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

function numberBytes(value: number): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

function base128(value: number): number[] {
  const bytes = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) bytes.unshift((rest & 0x7f) | 0x80);
  return bytes;
}
