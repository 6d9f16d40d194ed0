import { deepEqual } from '#api/meta/clone.ts';
import type { NameRule } from '#api/meta/names.ts';
import { duplicate, type FieldError, immutable, invalidValue, notSupported, required } from '#api/meta/validation.ts';

/** The largest value of a 32-bit integer field. */
export const MAX_INT32 = 2_147_483_647;

/** Errors of every item of a list, each at its own index. */
export function each<T>(
  items: readonly T[] | undefined,
  field: string,
  check: (item: T, field: string, index: number) => FieldError[],
): FieldError[] {
  return (items ?? []).flatMap((item, index) => check(item, `${field}[${index}]`, index));
}

/** Errors of every value of a map, each at its own key. */
export function eachEntry<T>(
  map: Readonly<Record<string, T>> | undefined,
  field: string,
  check: (value: T, field: string, key: string) => FieldError[],
): FieldError[] {
  return Object.entries(map ?? {}).flatMap(([key, value]) => check(value, `${field}[${key}]`, key));
}

/** A text that must be there. */
export function requireText(value: string | undefined, field: string, detail = ''): FieldError[] {
  return value === undefined || value === '' ? [required(field, detail)] : [];
}

/** A text that must be there and follow a rule for names. */
export function requireName(value: string | undefined, field: string, rule: NameRule): FieldError[] {
  return value === undefined || value === '' ? [required(field)] : checkName(value, field, rule);
}

/** A text that must follow a rule for names where it is given. */
export function checkName(value: string | undefined, field: string, rule: NameRule): FieldError[] {
  if (value === undefined || value === '') return [];
  return rule(value).map((message) => invalidValue(field, value, message));
}

/** A number that rules such as `checkPortNumber` judge. */
export function checkNumber(
  value: number | undefined,
  field: string,
  rule: (value: number) => readonly string[],
): FieldError[] {
  if (value === undefined) return [];
  return rule(value).map((message) => invalidValue(field, value, message));
}

export function nonNegative(value: number | undefined, field: string): FieldError[] {
  return value !== undefined && value < 0 ? [invalidValue(field, value, 'must be greater than or equal to 0')] : [];
}

export function positive(value: number | undefined, field: string): FieldError[] {
  return value !== undefined && value <= 0 ? [invalidValue(field, value, 'must be greater than 0')] : [];
}

export function inRange(value: number | undefined, field: string, [min, max]: readonly [number, number]): FieldError[] {
  if (value === undefined || (value >= min && value <= max)) return [];
  return [invalidValue(field, value, `must be between ${min} and ${max}, inclusive`)];
}

/** One of the words a field knows, where it is given. */
export function oneOf(value: string | undefined, field: string, allowed: readonly string[]): FieldError[] {
  return value === undefined || value === '' || allowed.includes(value) ? [] : [notSupported(field, value, allowed)];
}

/** One of the words a field knows, and it must be given. */
export function requireOneOf(value: string | undefined, field: string, allowed: readonly string[]): FieldError[] {
  return value === undefined || value === '' ? [required(field)] : oneOf(value, field, allowed);
}

/** Which values stand for the second time. */
export function duplicates<T>(
  items: readonly T[] | undefined,
  keyOf: (item: T) => string | undefined,
  fieldOf: (index: number) => string,
): FieldError[] {
  const seen = new Set<string>();
  return (items ?? []).flatMap((item, index) => {
    const key = keyOf(item);
    if (key === undefined || key === '') return [];
    if (seen.has(key)) return [duplicate(fieldOf(index), key)];
    seen.add(key);
    return [];
  });
}

/** Fields of an object that may not change, each by its name below `field`. */
export function unchanged<T extends object>(
  object: T | undefined,
  old: T | undefined,
  { field, names }: { field: string; names: readonly (keyof T & string)[] },
): FieldError[] {
  return names
    .filter((name) => !deepEqual(object?.[name], old?.[name]))
    .map((name) => immutable(field === '' ? name : `${field}.${name}`, object?.[name] ?? null));
}

/** Text of a file path that stays below where it starts. */
export function relativePath(path: string | undefined, field: string): FieldError[] {
  if (path === undefined || path === '') return [];
  if (path.startsWith('/')) return [invalidValue(field, path, 'must be a relative path')];
  return noBacksteps(path, field);
}

export function noBacksteps(path: string | undefined, field: string): FieldError[] {
  return path?.split(/[/\\]/).includes('..') === true ? [invalidValue(field, path, "must not contain '..'")] : [];
}
