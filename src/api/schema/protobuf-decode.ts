import { defineOwn } from '../meta/clone.ts';
import { decodeOpaque, type NestedDecoder } from './protobuf-opaque.ts';
import type { FieldEntry, MessageTable } from './protobuf-tables.ts';
import { BYTES, ProtobufError, type WireReader } from './wire.ts';

/** No honest object is deeper; a hostile one must not end the stack. */
const MAX_DEPTH = 256;

interface Context {
  readonly nested: NestedDecoder;
  readonly depth: number;
}

/** Reads a message up to the reader's end into `target`, as JSON would have it. */
export function decodeMessage(
  reader: WireReader,
  table: MessageTable,
  target: Record<string, unknown>,
  context: Context,
): void {
  if (context.depth > MAX_DEPTH) throw new ProtobufError(`nesting is deeper than ${MAX_DEPTH} messages`);
  while (!reader.done) {
    const tag = reader.tag();
    const wireType = tag & 7;
    const entry = table.byNumber.get(tag >>> 3);
    if (entry === undefined) reader.skip(wireType);
    else if (entry.inline !== undefined) {
      expectWireType(wireType, BYTES, entry.number);
      const outer = reader.enter();
      decodeMessage(reader, entry.inline, target, { ...context, depth: context.depth + 1 });
      reader.leave(outer);
    } else decodeField(reader, entry, wireType, target, context);
  }
}

function decodeField(
  reader: WireReader,
  entry: FieldEntry,
  wireType: number,
  target: Record<string, unknown>,
  context: Context,
): void {
  const { field } = entry;
  if (field.list) {
    target[field.name] ??= [];
    const list = target[field.name] as unknown[];
    if (wireType === BYTES && entry.wireType !== BYTES) {
      const outer = reader.enter();
      while (!reader.done) list.push(decodeValue(reader, entry, context));
      reader.leave(outer);
      return;
    }
    expectWireType(wireType, entry.wireType, entry.number);
    list.push(decodeValue(reader, entry, context));
    return;
  }
  expectWireType(wireType, entry.wireType, entry.number);
  if (field.map) {
    target[field.name] ??= {};
    decodeMapEntry(reader, entry, target[field.name] as Record<string, unknown>, context);
    return;
  }
  const value = decodeValue(reader, entry, context);
  if (isKept(entry, value)) target[field.name] = value;
  else delete target[field.name];
}

/** Go writes every field it holds by value; those that its JSON leaves out must not appear. */
function isKept({ field, message }: FieldEntry, value: unknown): boolean {
  if (value === undefined) return false;
  if (field.pointer) return true;
  if (message !== undefined) return !(field.omitZero && isEmpty(value));
  return !(field.omitEmpty && (value === '' || value === 0 || value === false)) || field.type === 'x';
}

function isEmpty(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

function decodeMapEntry(reader: WireReader, entry: FieldEntry, into: Record<string, unknown>, context: Context): void {
  const outer = reader.enter();
  let key = '';
  let value: unknown;
  let hasValue = false;
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | BYTES)) key = reader.string();
    else if (tag >>> 3 === 2) {
      value = decodeValue(reader, entry, context);
      hasValue = true;
    } else reader.skip(tag & 7);
  }
  reader.leave(outer);
  if (!hasValue) value = zeroOf(entry);
  if (value === undefined) return;
  if (key === '__proto__') defineOwn(into, key, value);
  else into[key] = value;
}

function zeroOf({ field, message }: FieldEntry): unknown {
  if (message !== undefined) return message().wrapper ? [] : {};
  return field.type === 's' || field.type === 'y' ? '' : field.type === 'b' ? false : field.type === 'q' ? '0' : 0;
}

function decodeValue(reader: WireReader, entry: FieldEntry, context: Context): unknown {
  const { message } = entry;
  if (message === undefined) return decodeScalar(reader, entry.field.type as string, context.nested);
  const table = message();
  const inner = { ...context, depth: context.depth + 1 };
  if (entry.union !== undefined) return decodeUnion(reader, table, inner, entry.union);
  const object = decodeNested(reader, table, inner);
  return table.wrapper ? (object[''] ?? []) : object;
}

function decodeNested(reader: WireReader, table: MessageTable, context: Context): Record<string, unknown> {
  const outer = reader.enter();
  const object: Record<string, unknown> = {};
  decodeMessage(reader, table, object, context);
  reader.leave(outer);
  return object;
}

/** JSONSchemaPropsOrArray `{1: schema, 2: schemas}`, OrBool `{1: bool, 2: schema}`, OrStringArray `{1: schema, 2: strings}`. */
function decodeUnion(reader: WireReader, table: MessageTable, context: Context, union: FieldEntry['union']): unknown {
  const outer = reader.enter();
  let single: unknown;
  const many: unknown[] = [];
  while (!reader.done) {
    const tag = reader.tag();
    const number = tag >>> 3;
    if (number > 2) reader.skip(tag & 7);
    else if (union === 'B' && number === 1) single ??= reader.bool();
    else if (union === 'B') single = decodeNested(reader, table, context);
    else if (number === 1) single = decodeNested(reader, table, context);
    else many.push(union === 'S' ? reader.string() : decodeNested(reader, table, context));
  }
  reader.leave(outer);
  return many.length > 0 ? many : single;
}

function decodeScalar(reader: WireReader, type: string, nested: NestedDecoder): unknown {
  switch (type) {
    case 's':
      return reader.string();
    case 'i':
      return reader.int32();
    case 'l':
      return reader.int64();
    case 'b':
      return reader.bool();
    case 'd':
      return reader.double();
    case 'y':
      return reader.bytes().toString('base64');
    default:
      return decodeOpaque(reader, type, nested);
  }
}

function expectWireType(actual: number, expected: number, number: number): void {
  if (actual !== expected) throw new ProtobufError(`wrong wireType = ${actual} for field ${number}`);
}
