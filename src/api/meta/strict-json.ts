import { rawNumber } from './clone.ts';
import { describeSyntaxError } from './json-syntax.ts';

/** Text that is no JSON. The message is in Go's words: `invalid character 'x' looking for beginning of value`. */
export class JsonSyntaxError extends Error {
  override readonly name = 'JsonSyntaxError';
}

export interface StrictJson {
  /** The value; of a field that stands twice the last one counts. */
  readonly value: unknown;
  /** Paths of fields that stand twice, such as `spec.ports[0].name`. */
  readonly duplicates: readonly string[];
}

/** Deeper nesting is refused: it says nothing, and would end the stack of whoever walks the value. */
const MAX_DEPTH = 1000;
/** As many duplicates are reported; more help nobody. */
const MAX_DUPLICATES = 100;
/** Integers with fewer digits are exact as JavaScript numbers. */
const SAFE_DIGITS = 15;

const QUOTE = 34;
const BACKSLASH = 92;
const COLON = 58;

/**
 * Parses JSON at about the speed of `JSON.parse`. Integers beyond 2^53 that fit 64 bits are kept as `RawNumber`, an
 * object that `JSON.stringify` prints as the very digits (see `isRawNumber`). Throws JsonSyntaxError.
 */
export function parseStrictJson(input: string | Uint8Array): StrictJson {
  const text =
    typeof input === 'string' ? input : Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString();
  const { colons, depth, hasLongNumber } = survey(text);
  if (depth > MAX_DEPTH) throw new JsonSyntaxError('exceeded max depth');
  const value = parse(text, hasLongNumber);
  // As many names as fields: no name stands twice. Only else the costly search for which.
  return { value, duplicates: countFields(value) === colons ? [] : findDuplicates(text) };
}

interface Survey {
  /** Colons outside of strings, which is the number of names. */
  readonly colons: number;
  readonly depth: number;
  /** Whether a run of digits is long enough to be inexact as a number. */
  readonly hasLongNumber: boolean;
}

/** One pass over the text, which need not be valid. */
function survey(text: string): Survey {
  let colons = 0;
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  let mostDigits = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 48 && code <= 57) {
      digits++;
      continue;
    }
    if (digits > mostDigits) mostDigits = digits;
    digits = 0;
    if (code === QUOTE) {
      i = endOfString(text, i);
    } else if (code === COLON) colons++;
    else if (code === 123 || code === 91) {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (code === 125 || code === 93) depth--;
  }
  return { colons, depth: deepest, hasLongNumber: Math.max(digits, mostDigits) > SAFE_DIGITS };
}

/** Index of the quote that ends the string which begins at `start`; the text's length if none does. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === BACKSLASH) i++;
    else if (code === QUOTE) return i;
  }
  return text.length;
}

function parse(text: string, hasLongNumber: boolean): unknown {
  try {
    return hasLongNumber
      ? JSON.parse(text, exactIntegers as (key: string, value: unknown) => unknown)
      : JSON.parse(text);
  } catch (cause) {
    throw new JsonSyntaxError(describeSyntaxError(text), { cause });
  }
}

function exactIntegers(_key: string, value: unknown, { source }: { source?: string }): unknown {
  if (typeof value !== 'number' || source === undefined || Number.isSafeInteger(value)) return value;
  if (!/^-?\d{16,19}$/.test(source)) return value;
  return BigInt.asIntN(64, BigInt(source)) === BigInt(source) ? rawNumber(source) : value;
}

function countFields(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const item = value[i];
      if (typeof item === 'object' && item !== null) count += countFields(item);
    }
    return count;
  }
  const fields = value as Record<string, unknown>;
  // Numbers kept as text have no prototype and no fields of their own to speak of.
  if (fields['rawJSON'] !== undefined && Object.isFrozen(fields)) return 0;
  for (const key in fields) {
    count++;
    const field = fields[key];
    if (typeof field === 'object' && field !== null) count += countFields(field);
  }
  return count;
}

/** Walks valid JSON text again, remembering the names of every open object. */
function findDuplicates(text: string): string[] {
  const duplicates = new Set<string>();
  const open: { names: Set<string> | undefined; prefix: string; index: number }[] = [];
  let name = '';
  const pathOfValue = () => {
    const parent = open.at(-1);
    if (parent === undefined) return '';
    return parent.names === undefined ? `${parent.prefix}[${parent.index}]` : joinPath(parent.prefix, name);
  };
  for (let i = 0; i < text.length && duplicates.size < MAX_DUPLICATES; i++) {
    const char = text[i];
    const parent = open.at(-1);
    if (char === '"') {
      const end = endOfString(text, i);
      if (parent?.names !== undefined && isName(text, end)) {
        name = JSON.parse(text.slice(i, end + 1)) as string;
        if (parent.names.has(name)) duplicates.add(joinPath(parent.prefix, name));
        parent.names.add(name);
      }
      i = end;
    } else if (char === '{') open.push({ names: new Set(), prefix: pathOfValue(), index: 0 });
    else if (char === '[') open.push({ names: undefined, prefix: pathOfValue(), index: 0 });
    else if (char === '}' || char === ']') open.pop();
    else if (char === ',' && parent !== undefined) parent.index++;
  }
  return [...duplicates];
}

const joinPath = (prefix: string, name: string) => (prefix === '' ? name : `${prefix}.${name}`);

/** Whether the string that ends at `end` is followed by a colon. */
function isName(text: string, end: number): boolean {
  let next = end + 1;
  while (' \t\r\n'.includes(text.charAt(next)) && next < text.length) next++;
  return text.charCodeAt(next) === COLON;
}
