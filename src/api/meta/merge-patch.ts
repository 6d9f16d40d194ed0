import { deepClone } from './clone.ts';
import { badRequest } from './errors.ts';
import { isJsonObject, type JsonObject, jsonTypeOf, ownField, setField } from './json.ts';

/**
 * Applies an RFC 7386 patch to a copy of `document`: objects merge, null deletes, everything else replaces. Nulls inside
 * what is added are dropped, as upstream does. Throws BadRequest for a patch that is no object.
 */
export function applyMergePatch<T>(document: T, patch: unknown): T {
  if (!isJsonObject(patch)) {
    throw badRequest(`json: cannot unmarshal ${jsonTypeOf(patch)} into Go value of type map[string]interface {}`);
  }
  return merge(deepClone(document), patch) as T;
}

function merge(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch) || !isJsonObject(target)) return withoutNulls(patch);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete target[key];
    else setField(target, key, merge(ownField(target, key), value));
  }
  return target;
}

/** A copy whose objects have no null fields; lists keep their length. */
export function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const copy: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    if (item !== null) setField(copy, key, withoutNulls(item));
  }
  return copy;
}
