/**
 * A copy of a JSON value that shares nothing mutable with it. Numbers kept as raw text (see strict-json) are immutable
 * and stay shared. Key order is kept; `undefined` fields are dropped, as encoding would.
 */
export function deepClone<T>(value: T): T {
  return typeof value === 'object' && value !== null ? (cloneObject(value) as T) : value;
}

function cloneObject(value: object): unknown {
  if (Array.isArray(value)) {
    const length = value.length;
    const copy = new Array(length);
    for (let i = 0; i < length; i++) {
      const item = value[i];
      copy[i] = typeof item === 'object' && item !== null ? cloneObject(item) : item;
    }
    return copy;
  }
  const source = value as Record<string, unknown>;
  const copy: Record<string, unknown> = {};
  for (const key in source) {
    const item = source[key];
    if (key === 'rawJSON' && isRawNumber(value)) return value;
    if (item === undefined) continue;
    const cloned = typeof item === 'object' && item !== null ? cloneObject(item) : item;
    if (key === '__proto__') defineOwn(copy, key, cloned);
    else copy[key] = cloned;
  }
  return copy;
}

/** Sets a key as plain data, even `__proto__`, which an assignment would take for the prototype. */
export function defineOwn(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
}

/** Freezes a JSON value all the way down and returns it. Parts that are frozen already are taken as frozen throughout. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) deepFreeze(value[i]);
  } else {
    const source = value as Record<string, unknown>;
    for (const key in source) {
      const item = source[key];
      if (typeof item === 'object' && item !== null) deepFreeze(item);
    }
  }
  return Object.freeze(value);
}

/** Whether two JSON values encode to the same object: key order does not count, `undefined` counts as absent. */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!deepEqual(a[i], b[i])) return false;
    return true;
  }
  if (Array.isArray(b)) return false;
  return equalObjects(a as Record<string, unknown>, b as Record<string, unknown>);
}

function equalObjects(a: Record<string, unknown>, b: Record<string, unknown>): boolean {
  let count = 0;
  for (const key in a) {
    const left = a[key];
    if (left === undefined) continue;
    if (!Object.hasOwn(b, key) || !deepEqual(left, b[key])) return false;
    count++;
  }
  for (const key in b) if (b[key] !== undefined) count--;
  return count === 0;
}

/** A number whose text is kept because a JavaScript number cannot hold it; JSON.stringify prints the text unchanged. */
export interface RawNumber {
  readonly rawJSON: string;
}

const json = JSON as unknown as { rawJSON(text: string): RawNumber; isRawJSON(value: unknown): boolean };

/** Whether this is a number kept as text. */
export function isRawNumber(value: unknown): value is RawNumber {
  return json.isRawJSON(value);
}

/** Keeps the text of a number as it is. Throws a SyntaxError for text that is not JSON. */
export function rawNumber(text: string): RawNumber {
  return json.rawJSON(text);
}
