import {
  type ListSchema,
  type NamedSchema,
  resolveSchema,
  type Schema,
  type SchemaRegistry,
} from '../schema/schema.ts';
import { deepClone } from './clone.ts';
import { type FieldSet, isMember } from './field-set.ts';
import { type JsonObject, setField } from './json.ts';
import { fieldSchemaOf, itemElement, shapeOf } from './typed-value.ts';

/**
 * The live object with everything the configuration states laid over it: maps field by field, lists with keys item by
 * item, all else replaced. Shares nothing with the configuration; what did not change is shared with the live object.
 */
export function mergeTyped(live: unknown, config: unknown, schema: Schema, registry: SchemaRegistry): unknown {
  if (config === undefined) return live;
  const resolved = resolveSchema(schema, registry);
  const shape = shapeOf(resolved, config);
  if (live === undefined || shape === 'leaf' || shape !== shapeOf(resolved, live)) return deepClone(config);
  if (resolved.type === 'list') {
    return mergeLists((live ?? []) as unknown[], (config ?? []) as unknown[], resolved, registry);
  }
  const result: JsonObject = { ...((live ?? {}) as JsonObject) };
  const stated = (config ?? {}) as JsonObject;
  for (const key in stated) {
    const below = fieldSchemaOf(resolved, key);
    const merged = mergeTyped(Object.hasOwn(result, key) ? result[key] : undefined, stated[key], below, registry);
    if (merged === null && below.nullable !== true) delete result[key];
    else setField(result, key, merged);
  }
  return result;
}

/**
 * Items of both lists by path element. Stated items stand in the stated order, live ones keep theirs; where the two
 * orders disagree the stated one wins, and live-only items stay as near to their neighbours as that allows.
 */
function mergeLists(
  live: readonly unknown[],
  config: readonly unknown[],
  schema: ListSchema,
  registry: SchemaRegistry,
): unknown[] {
  const liveElements = live.map((item, index) => itemElement(schema, item, registry) ?? `?${index}`);
  const elements = config.map((item, index) => itemElement(schema, item, registry) ?? `!${index}`);
  const stated = new Set(elements);
  const liveItems = new Map<string, unknown>();
  for (const [index, element] of liveElements.entries()) {
    // Which of several duplicates would merge is anybody's guess: the stated one replaces them.
    liveItems.set(element, liveItems.has(element) ? undefined : live[index]);
  }
  const shared = elements.filter((element) => liveItems.has(element));
  const merged = new Set<string>();
  const result: unknown[] = [];
  const takeStated = (index: number) => {
    const element = elements[index] ?? '';
    merged.add(element);
    if (shared[0] === element) shared.shift();
    result.push(mergeTyped(liveItems.get(element), config[index], schema.items, registry));
  };
  let next = 0;
  let place = 0;
  while (place < live.length || next < config.length) {
    const element = liveElements[place];
    if (element === undefined) takeStated(next++);
    else if (next < config.length && element === elements[next]) {
      takeStated(next++);
      place++;
    } else if (!stated.has(element)) result.push(live[place++]);
    else if (merged.has(element) || (next < config.length && shared.length > 0 && shared[0] !== element)) place++;
    else takeStated(next++);
  }
  return result;
}

/** The value without the paths in the set. What loses all its parts stays as an empty object or list. */
export function removePaths(value: unknown, set: FieldSet, schema: Schema, registry: SchemaRegistry): unknown {
  const resolved = resolveSchema(schema, registry);
  if (value === null || shapeOf(resolved, value) === 'leaf') return value;
  if (resolved.type === 'list') return removeItems(value as unknown[], set, resolved, registry);
  return removeFields(value as JsonObject, set, resolved, registry);
}

function removeItems(
  items: readonly unknown[],
  set: FieldSet,
  schema: ListSchema,
  registry: SchemaRegistry,
): unknown[] {
  const result: unknown[] = [];
  for (const item of items) {
    const element = itemElement(schema, item, registry);
    const node = element === undefined ? undefined : set[element];
    if (node === undefined) result.push(item);
    else if (!isMember(node)) result.push(removePaths(item, node, schema.items, registry));
  }
  return result;
}

function removeFields(fields: JsonObject, set: FieldSet, schema: NamedSchema, registry: SchemaRegistry): JsonObject {
  const result: JsonObject = {};
  for (const key in fields) {
    const node = set[`f:${key}`];
    if (node === undefined) setField(result, key, fields[key]);
    else if (!isMember(node))
      setField(result, key, removePaths(fields[key], node, fieldSchemaOf(schema, key), registry));
  }
  return result;
}
