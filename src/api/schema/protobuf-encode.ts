import { isRawNumber } from '../meta/clone.ts';
import { encodeOpaque } from './protobuf-opaque.ts';
import type { FieldEntry, MessageTable } from './protobuf-tables.ts';
import { BYTES, ProtobufError, VARINT, type WireWriter } from './wire.ts';

/** Writes a message field around what `body` writes. */
export function writeMessageField(writer: WireWriter, number: number, body: () => void): void {
  const before = writer.length;
  body();
  writer.uint32(writer.length - before);
  writer.tag(number, BYTES);
}

/** Writes the fields of an object; unknown ones, `null` and `undefined` are left out. */
export function encodeFields(writer: WireWriter, table: MessageTable, object: unknown): void {
  if (table.wrapper) {
    encodeWrapper(writer, object);
    return;
  }
  if (typeof object !== 'object' || object === null || Array.isArray(object)) {
    throw new ProtobufError(`cannot encode ${typeof object} as a message`);
  }
  const source = object as Record<string, unknown>;
  for (const entry of table.falling) {
    if (entry.inline !== undefined) {
      // Go writes an inlined struct always.
      const { inline } = entry;
      writeMessageField(writer, entry.number, () => encodeFields(writer, inline, source));
      continue;
    }
    const value = source[entry.field.name];
    if (value !== undefined && value !== null) encodeField(writer, entry, value);
  }
}

function encodeWrapper(writer: WireWriter, list: unknown): void {
  const items = Array.isArray(list) ? list : [];
  for (let i = items.length - 1; i >= 0; i--) {
    writer.string(String(items[i]));
    writer.tag(1, BYTES);
  }
}

function encodeField(writer: WireWriter, entry: FieldEntry, value: unknown): void {
  const { field, number } = entry;
  if (field.map) {
    const source = value as Record<string, unknown>;
    // Sorted keys, so that equal objects have equal bytes.
    for (const key of Object.keys(source).sort().reverse()) {
      writeMessageField(writer, number, () => {
        encodeValue(writer, entry, 2, source[key]);
        writer.string(key);
        writer.tag(1, BYTES);
      });
    }
  } else if (field.list) {
    const items = Array.isArray(value) ? value : [];
    for (let i = items.length - 1; i >= 0; i--) encodeValue(writer, entry, number, items[i]);
  } else encodeValue(writer, entry, number, value);
}

function encodeUnion(writer: WireWriter, table: MessageTable, union: FieldEntry['union'], value: unknown): void {
  const schema = (item: unknown, number: number) =>
    writeMessageField(writer, number, () => encodeFields(writer, table, item));
  if (typeof value === 'boolean') {
    writer.uint32(value ? 1 : 0);
    writer.tag(1, VARINT);
  } else if (Array.isArray(value)) {
    for (const item of value.toReversed()) {
      if (union === 'A') schema(item, 2);
      else {
        writer.string(String(item));
        writer.tag(2, BYTES);
      }
    }
  } else if (union === 'B') {
    schema(value, 2);
    writer.uint32(1);
    writer.tag(1, VARINT);
  } else schema(value, 1);
}

function encodeValue(writer: WireWriter, { field, message, union }: FieldEntry, number: number, value: unknown): void {
  if (message !== undefined) {
    writeMessageField(writer, number, () => {
      if (union !== undefined) encodeUnion(writer, message(), union, value);
      else encodeFields(writer, message(), value);
    });
    return;
  }
  const type = field.type as string;
  if (type === 's') {
    writer.string(String(value));
    writer.tag(number, BYTES);
  } else if (type === 'y') {
    writer.bytes(Buffer.from(String(value), 'base64'));
    writer.tag(number, BYTES);
  } else if (type === 'b') {
    writer.uint32(value === true ? 1 : 0);
    writer.tag(number, VARINT);
  } else if (type === 'i' || type === 'l') {
    writer.int64(isRawNumber(value) ? BigInt(value.rawJSON) : Math.trunc(Number(value)));
    writer.tag(number, VARINT);
  } else if (type === 'd') {
    writer.double(Number(value));
    writer.tag(number, 1);
  } else writeMessageField(writer, number, () => encodeOpaque(writer, type, value));
}
