import { type FieldSchema, resolveSchema, type Schema, type SchemaRegistry } from '../schema/schema.ts';
import { deepClone } from './clone.ts';
import { badRequest } from './errors.ts';
import { goValue } from './go-text.ts';
import { isJsonObject, type JsonObject, jsonTypeOf, ownField, setField } from './json.ts';
import { mergeOrders } from './strategic-merge-order.ts';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const SET_ORDER = '$setElementOrder/';
const DELETE_FROM_LIST = '$deleteFromPrimitiveList/';

export interface StrategicMergeContext {
  /** Schema of the document. */
  readonly schema: Schema;
  readonly registry: SchemaRegistry;
}

/** How one field merges: the strategy, and the schema one level below (of the items, for a list). */
interface FieldRule {
  readonly merge: boolean;
  readonly replace: boolean;
  readonly mergeKey: string;
  readonly schema: Schema;
}

const ANY: Schema = { type: 'any' };
const PLAIN_RULE: FieldRule = { merge: false, replace: false, mergeKey: '', schema: ANY };

/**
 * Applies a strategic merge patch to a copy of `document`: lists merge by the keys the schema names, and the directives
 * `$patch`, `$retainKeys`, `$setElementOrder/x` and `$deleteFromPrimitiveList/x` are obeyed. Throws BadRequest.
 */
export function applyStrategicMergePatch<T>(document: T, patch: unknown, context: StrategicMergeContext): T {
  if (!isJsonObject(patch)) {
    throw badRequest(`json: cannot unmarshal ${jsonTypeOf(patch)} into Go value of type map[string]interface {}`);
  }
  const original = deepClone(document);
  if (!isJsonObject(original)) throw badRequest('invalid JSON document');
  const merged = new Merger(context.registry).mergeMap(original, deepClone(patch), context.schema);
  return merged as T;
}

class Merger {
  readonly #registry: SchemaRegistry;

  constructor(registry: SchemaRegistry) {
    this.#registry = registry;
  }

  /** Merges into `original`, consuming `patch`. */
  mergeMap(original: JsonObject, patch: JsonObject, schema: Schema): JsonObject {
    if (Object.hasOwn(patch, DIRECTIVE)) return obeyDirective(patch);
    retainKeys(original, patch);
    this.#setElementOrders(original, patch, schema);
    for (const [key, value] of Object.entries(patch)) {
      if (key.startsWith(DELETE_FROM_LIST)) deleteFromList(original, key.slice(DELETE_FROM_LIST.length), value);
      else if (value === null) delete original[key];
      else this.#mergeField(original, key, value, schema);
    }
    return original;
  }

  #mergeField(original: JsonObject, key: string, value: unknown, schema: Schema): void {
    const current = ownField(original, key);
    if (isJsonObject(current) && isJsonObject(value)) {
      const rule = this.#rule(schema, key);
      setField(original, key, rule.replace ? value : this.mergeMap(current, value, rule.schema));
    } else if (Array.isArray(current) && Array.isArray(value)) {
      const rule = this.#rule(schema, key);
      setField(original, key, rule.merge ? this.#mergeList(current, value, rule) : value);
    } else {
      const added = withoutDirectives(value);
      if (added === undefined) delete original[key];
      else setField(original, key, added);
    }
  }

  /** Obeys every `$setElementOrder/x` and takes it, and the list it orders, out of the patch. */
  #setElementOrders(original: JsonObject, patch: JsonObject, schema: Schema): void {
    for (const [directive, order] of Object.entries(patch)) {
      if (!directive.startsWith(SET_ORDER)) continue;
      delete patch[directive];
      const key = directive.slice(SET_ORDER.length);
      const current = listField(original, key);
      const patched = listField(patch, key);
      if (!Array.isArray(order)) throw badListType(order);
      const rule = this.#rule(schema, key);
      checkOrder(patched ?? [], order, rule.mergeKey);
      delete patch[key];
      const merged = this.#mergeLists(current, patched, rule);
      if (merged === undefined) continue;
      setField(original, key, mergeOrders(merged, order, current ?? [], keyReader(rule.mergeKey)));
    }
  }

  #mergeLists(current: unknown[] | undefined, patched: unknown[] | undefined, rule: FieldRule): unknown[] | undefined {
    if (patched === undefined) return current;
    if (current === undefined) return withoutDirectives(patched) as unknown[];
    return rule.merge ? this.#mergeList(current, patched, rule) : patched;
  }

  #mergeList(current: unknown[], patch: unknown[], rule: FieldRule): unknown[] {
    const [first] = [...current, ...patch];
    if (first === undefined) return current;
    if (Array.isArray(first)) throw badRequest('lists of lists are not supported');
    if (!isJsonObject(first)) {
      const merged = [...new Set([...current, ...patch])];
      return mergeOrders(merged, patch, current, (item) => item);
    }
    if (rule.mergeKey === '') throw badRequest('cannot merge lists without merge key');
    return this.#mergeListOfMaps(current, patch, rule);
  }

  #mergeListOfMaps(current: unknown[], patch: unknown[], { mergeKey, schema }: FieldRule): unknown[] {
    const { kept, changes, replaced } = obeyItemDirectives(current, patch, mergeKey);
    if (replaced) return changes.map(withoutDirectives);
    const merged = [...kept];
    const indexes = new Map<unknown, number>();
    // Backwards, so that the first of several items with the same key is the one that merges.
    for (let i = kept.length - 1; i >= 0; i--) indexes.set(ownField(requireMap(kept[i]), mergeKey), i);
    for (const change of changes) {
      const key = requireKey(change, mergeKey);
      const index = indexes.get(key);
      if (index === undefined) {
        indexes.set(key, merged.length);
        merged.push(withoutDirectives(change));
      } else {
        merged[index] = this.mergeMap(requireMap(merged[index]), change, schema);
      }
    }
    return mergeOrders(merged, changes, current, keyReader(mergeKey));
  }

  /** The rule for a field. A map's values and what the schema leaves open merge plainly. */
  #rule(schema: Schema, key: string): FieldRule {
    const resolved = resolveSchema(schema, this.#registry);
    if (resolved.type === 'map') return this.#ruleOf({ schema: resolved.values });
    if (resolved.type !== 'object') return PLAIN_RULE;
    const field = Object.hasOwn(resolved.fields, key) ? resolved.fields[key] : undefined;
    return field === undefined ? PLAIN_RULE : this.#ruleOf(field);
  }

  #ruleOf({ schema, patch = {} }: FieldSchema): FieldRule {
    const resolved = resolveSchema(schema, this.#registry);
    return {
      merge: patch.merge ?? false,
      replace: patch.replace ?? false,
      mergeKey: patch.mergeKey ?? '',
      schema: resolved.type === 'list' ? resolved.items : resolved,
    };
  }
}

function obeyDirective(patch: JsonObject): JsonObject {
  const directive = patch[DIRECTIVE];
  if (directive === 'delete') return {};
  if (directive !== 'replace') throw unknownDirective(directive, patch);
  delete patch[DIRECTIVE];
  return patch;
}

const unknownDirective = (directive: unknown, patch: JsonObject) =>
  badRequest(`unknown patch type: ${goValue(directive)} in map: ${goValue(patch)}`);

function retainKeys(original: JsonObject, patch: JsonObject): void {
  if (!Object.hasOwn(patch, RETAIN_KEYS)) return;
  const retained = patch[RETAIN_KEYS];
  delete patch[RETAIN_KEYS];
  const bad = () => badRequest('invalid patch format of retainKeys');
  if (!Array.isArray(retained)) throw bad();
  for (const [key, value] of Object.entries(patch)) {
    if (value === null || key.startsWith(DELETE_FROM_LIST) || key.startsWith(SET_ORDER)) continue;
    if (!retained.includes(key)) throw bad();
  }
  for (const key of Object.keys(original)) if (!retained.includes(key)) delete original[key];
}

function deleteFromList(original: JsonObject, key: string, removed: unknown): void {
  const current = ownField(original, key);
  if (!Array.isArray(current) || !Array.isArray(removed)) return;
  const gone = new Set<unknown>(removed);
  original[key] = current.filter((item) => !gone.has(item));
}

interface ItemDirectives {
  /** What remains of the current list. */
  readonly kept: unknown[];
  /** The patch's items without directives. */
  readonly changes: JsonObject[];
  /** `$patch: replace`: the current list goes. */
  readonly replaced: boolean;
}

function obeyItemDirectives(current: unknown[], patch: unknown[], mergeKey: string): ItemDirectives {
  const changes: JsonObject[] = [];
  const deleted = new Set<unknown>();
  let replaced = false;
  for (const item of patch.map(requireMap)) {
    const directive = ownField(item, DIRECTIVE);
    if (directive === undefined) changes.push(item);
    else if (directive === 'replace') replaced = true;
    else if (directive === 'delete') deleted.add(requireKey(item, mergeKey));
    else if (directive === 'merge') throw badRequest('merging lists cannot yet be specified in the patch');
    else throw unknownDirective(directive, item);
  }
  const kept =
    deleted.size === 0 ? current : current.filter((item) => !deleted.has(ownField(requireMap(item), mergeKey)));
  return { kept, changes, replaced };
}

/** The patched items must stand in the order `$setElementOrder` asks for. */
function checkOrder(patched: readonly unknown[], order: readonly unknown[], mergeKey: string): void {
  if (order.length === 0 || patched.length === 0) return;
  const keyOf = keyReader(mergeKey);
  const rest = order.map(keyOf);
  for (const item of patched) {
    if (isJsonObject(item) && Object.hasOwn(item, DIRECTIVE)) continue;
    const position = rest.indexOf(keyOf(item));
    if (position < 0) {
      const lists = `${goValue(patched)}\n doesn't match $setElementOrder list:\n${goValue(order)}\n`;
      throw badRequest(`The order in patch list:\n${lists}`);
    }
    rest.splice(0, position + 1);
  }
}

/** Drops items and fields that bear a `$patch` directive, every other directive, and nulls. Undefined if all goes. */
function withoutDirectives(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isJsonObject(value)) return value;
  if (Object.hasOwn(value, DIRECTIVE)) return undefined;
  const copy: JsonObject = {};
  for (const [key, item] of Object.entries(value)) {
    if (item === null || key === RETAIN_KEYS || key.startsWith(SET_ORDER) || key.startsWith(DELETE_FROM_LIST)) continue;
    const cleaned = withoutDirectives(item);
    if (cleaned !== undefined) setField(copy, key, cleaned);
  }
  return copy;
}

function requireMap(item: unknown): JsonObject {
  if (isJsonObject(item)) return item;
  throw badRequest(`expected a map[string]interface {}, but received a ${jsonTypeOf(item)}`);
}

function requireKey(item: JsonObject, mergeKey: string): unknown {
  const value = ownField(item, mergeKey);
  if (value === undefined) throw badRequest(`map: ${goValue(item)} does not contain declared merge key: ${mergeKey}`);
  return value;
}

/** Reads what identifies an item: its merge key, or itself in a list of primitives. */
function keyReader(mergeKey: string): (item: unknown) => unknown {
  return mergeKey === '' ? (item) => item : (item) => requireKey(requireMap(item), mergeKey);
}

function listField(object: JsonObject, key: string): unknown[] | undefined {
  const value = ownField(object, key);
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw badListType(value);
  return value;
}

const badListType = (value: unknown) => badRequest(`expected a []interface {}, but received a ${jsonTypeOf(value)}`);
