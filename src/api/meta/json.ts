import { defineOwn, isRawNumber } from './clone.ts';

/** A JSON object of unknown fields. */
export type JsonObject = Record<string, unknown>;

/** Whether a JSON value is an object; null, a list or a number kept as text is none. */
export function isJsonObject(value: unknown): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return (value as JsonObject)['rawJSON'] === undefined || !isRawNumber(value);
}

/** The field of an object, never something inherited. */
export function ownField(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** Sets a field, also one called `__proto__`, as plain data. */
export function setField(object: JsonObject, key: string, value: unknown): void {
  if (key === '__proto__') defineOwn(object, key, value);
  else object[key] = value;
}

/** The JSON type of a value, as messages name it. */
export function jsonTypeOf(value: unknown): 'null' | 'array' | 'object' | 'string' | 'number' | 'bool' {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  const type = typeof value;
  if (type === 'string' || type === 'number') return type;
  if (type === 'boolean') return 'bool';
  return isRawNumber(value) ? 'number' : 'object';
}
