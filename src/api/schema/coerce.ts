import { isRawNumber } from '../meta/clone.ts';
import { isJsonObject, jsonTypeOf, setField } from '../meta/json.ts';
import { canonicalQuantity } from '../meta/quantity.ts';
import { canonicalMicroTime, canonicalTime } from '../meta/time.ts';
import type { MapSchema, ObjectSchema, ScalarSchema, Schema, SchemaRegistry } from './schema.ts';

/** A JSON value that a built-in type cannot hold; the message has the words of Go's decoder. */
export class CoercionError extends Error {
  override readonly name = 'CoercionError';
}

/**
 * Checks that an object's values have the types of a built-in kind, and puts quantities and times into the form the API
 * stores. Unknown fields are let through; a null counts as absent, in a list or a map as the zero value, as Go reads it. Modifies `value`; throws a `CoercionError` for the first misfit.
 */
export function coerceTypes(schema: Schema, value: unknown, registry: SchemaRegistry): void {
  const name = schema.type === 'ref' ? shortName(schema.name) : 'Object';
  coerce(schema, value, { registry, path: '', owner: name });
}

interface Place {
  readonly registry: SchemaRegistry;
  /** Dotted names without indexes, as Go prints them. */
  readonly path: string;
  /** Go's name of the struct that has the field. */
  readonly owner: string;
}

/** Returns the value to store in place of the given one. */
function coerce(schema: Schema, value: unknown, place: Place): unknown {
  if (value === null || value === undefined) return value;
  const resolved = schema.type === 'ref' ? place.registry.require(schema.name) : schema;
  switch (resolved.type) {
    case 'any':
      return value;
    case 'object':
      return coerceObject(resolved, value, place);
    case 'list':
      if (!Array.isArray(value)) throw misfit(schema, value, place);
      for (let i = 0; i < value.length; i++) value[i] = coerceItem(resolved.items, value[i], place);
      return value;
    case 'map':
      return coerceMap(resolved, value, place);
    default:
      return coerceScalar(resolved, value, place);
  }
}

/** What an item of a list or a map becomes: null cannot stay where code expects an object or text. */
function coerceItem(schema: Schema, value: unknown, place: Place): unknown {
  if (value !== null || schema.nullable === true) return coerce(schema, value, place);
  const resolved = schema.type === 'ref' ? place.registry.require(schema.name) : schema;
  switch (resolved.type) {
    case 'object':
    case 'map':
      return {};
    case 'list':
      return [];
    case 'integer':
    case 'number':
    case 'int-or-string':
      return 0;
    case 'boolean':
      return false;
    case 'quantity':
      return '0';
    case 'string':
    case 'bytes':
    case 'duration':
      return '';
    default:
      return value;
  }
}

function coerceObject(schema: ObjectSchema, value: unknown, place: Place): unknown {
  if (!isJsonObject(value)) throw misfit(schema, value, place);
  const owner = schema.name === undefined ? place.owner : shortName(schema.name);
  const object = value;
  for (const key of Object.keys(object)) {
    const field = Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined;
    if (field === undefined) continue;
    const before = object[key];
    // The commonest leaf needs no place.
    if (field.schema.type === 'string' && typeof before === 'string') continue;
    if (before === null && field.schema.nullable !== true && field.schema.type !== 'any') {
      delete object[key];
      continue;
    }
    const path = place.path === '' ? key : `${place.path}.${key}`;
    const after = coerce(field.schema, before, { registry: place.registry, path, owner });
    if (after !== before) object[key] = after;
  }
  return value;
}

function coerceMap(schema: MapSchema, value: unknown, place: Place): unknown {
  if (!isJsonObject(value)) throw misfit(schema, value, place);
  const map = value;
  for (const key of Object.keys(map)) {
    const before = map[key];
    const after = coerceItem(schema.values, before, place);
    if (after !== before) setField(map, key, after);
  }
  return value;
}

/** Quantities that are in canonical form for sure. */
const PLAIN_QUANTITY = /^[1-9]\d{0,2}(?:m|k|M|G)?$/;

function coerceScalar(schema: ScalarSchema, value: unknown, place: Place): unknown {
  switch (schema.type) {
    case 'string':
    case 'duration':
      if (typeof value === 'string') return value;
      break;
    case 'boolean':
      if (typeof value === 'boolean') return value;
      break;
    case 'integer':
      if (isInteger(value, schema.format)) return isRawNumber(value) ? nearestInteger(value.rawJSON) : value;
      break;
    case 'number':
      if (typeof value === 'number' || isRawNumber(value)) return value;
      break;
    case 'int-or-string':
      if (typeof value === 'string' || isInteger(value, 'int32')) return value;
      break;
    case 'quantity':
      return coerceQuantity(value);
    case 'time':
    case 'micro-time':
      return coerceTime(schema.type, value, place);
    case 'bytes':
      if (typeof value === 'string') return coerceBytes(value);
      break;
  }
  throw misfit(schema, value, place);
}

function isInteger(value: unknown, format: string | undefined): boolean {
  if (typeof value === 'number') {
    if (!Number.isInteger(value)) return false;
    return format === 'int32' ? value >= -2_147_483_648 && value <= 2_147_483_647 : Math.abs(value) < 2 ** 63;
  }
  if (!isRawNumber(value) || format === 'int32' || !/^-?\d+$/.test(value.rawJSON)) return false;
  const big = BigInt(value.rawJSON);
  return BigInt.asIntN(64, big) === big;
}

/** The largest number of 64 bits that is one of ours too. */
const MAX_INT64_NUMBER = 2 ** 63 - 1024;

/** Whoever reckons with a field expects a number; what is beyond 2^53 loses its last digits, but stays within 64 bits. */
function nearestInteger(text: string): number {
  return Math.min(Math.max(Number(text), -(2 ** 63)), MAX_INT64_NUMBER);
}

function coerceQuantity(value: unknown): string {
  if (typeof value === 'string' && PLAIN_QUANTITY.test(value)) return value;
  const text = isRawNumber(value) ? value.rawJSON : value;
  try {
    return canonicalQuantity(typeof text === 'string' || typeof text === 'number' ? text : JSON.stringify(text));
  } catch (cause) {
    throw new CoercionError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function coerceTime(type: 'time' | 'micro-time', value: unknown, place: Place): string {
  if (typeof value !== 'string') throw misfit({ type: 'string' }, value, place);
  const canonical = type === 'time' ? canonicalTime(value) : canonicalMicroTime(value);
  if (canonical !== undefined) return canonical;
  const layout = type === 'time' ? '2006-01-02T15:04:05Z07:00' : '2006-01-02T15:04:05.000000Z07:00';
  const quoted = JSON.stringify(value);
  throw new CoercionError(`parsing time ${quoted} as "${layout}": cannot parse ${quoted} as "2006"`);
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function coerceBytes(value: string): string {
  // Go's decoder skips line breaks, which YAML's block scalars bring along.
  const text = /[\r\n]/.test(value) ? value.replace(/[\r\n]/g, '') : value;
  if (BASE64.test(text)) return text;
  const wrong = /[^A-Za-z0-9+/]/.exec(text);
  throw new CoercionError(
    `illegal base64 data at input byte ${wrong?.index ?? Math.max(0, text.length - (text.length % 4))}`,
  );
}

function misfit(schema: Schema, value: unknown, { owner, path }: Place): CoercionError {
  const isNumber = typeof value === 'number' || isRawNumber(value);
  const shown = isNumber
    ? `number${goType(schema).startsWith('int') ? ` ${JSON.stringify(value)}` : ''}`
    : jsonTypeOf(value);
  const target =
    path === '' ? `Go value of type v1.${owner}` : `Go struct field ${owner}.${path} of type ${goType(schema)}`;
  return new CoercionError(`json: cannot unmarshal ${shown} into ${target}`);
}

const GO_TYPES: Partial<Record<Schema['type'], string>> = {
  boolean: 'bool',
  number: 'float64',
  bytes: '[]uint8',
  quantity: 'resource.Quantity',
  'int-or-string': 'intstr.IntOrString',
};

function goType(schema: Schema): string {
  if (schema.type === 'list') return `[]${goType(schema.items)}`;
  if (schema.type === 'map') return `map[string]${goType(schema.values)}`;
  if (schema.type === 'integer') return schema.format ?? 'int64';
  const named = schema.type === 'ref' || schema.type === 'object' ? schema.name : undefined;
  if (named !== undefined) return `${named.split('.').at(-2) ?? 'v1'}.${shortName(named)}`;
  return GO_TYPES[schema.type] ?? schema.type;
}

function shortName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
