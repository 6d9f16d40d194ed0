import {
  type ListSchema,
  type NamedSchema,
  resolveSchema,
  type Schema,
  type SchemaRegistry,
} from '../schema/schema.ts';
import { EMPTY_SET, type FieldSet, isEmptySet, keyElement, MEMBER, valueElement, withSelf } from './field-set.ts';
import { isJsonObject, type JsonObject } from './json.ts';

/** What the schema leaves open: maps are owned field by field, lists as a whole. */
export const ANY_SCHEMA: NamedSchema = { type: 'any' };

/**
 * How a value is owned: as one (scalars, atomic lists and maps), field by field, or item by item. A value that does not
 * fit its schema is owned as one.
 */
export type Shape = 'leaf' | 'fields' | 'items';

/** How a value of a resolved schema is owned. Null counts as empty where the schema has parts. */
export function shapeOf(schema: NamedSchema, value: unknown): Shape {
  switch (schema.type) {
    case 'object':
    case 'map':
      return schema.atomic !== true && (value === null || isJsonObject(value)) ? 'fields' : 'leaf';
    case 'list':
      return isAssociative(schema) && (value === null || Array.isArray(value)) ? 'items' : 'leaf';
    case 'any':
      return isJsonObject(value) ? 'fields' : 'leaf';
    default:
      return 'leaf';
  }
}

/** Whether the items of a list have owners of their own. */
export function isAssociative({ listType }: ListSchema): boolean {
  return listType === 'map' || listType === 'set';
}

/** The schema of one field of an object or map; open where the schema knows none. */
export function fieldSchemaOf(schema: NamedSchema, key: string): Schema {
  if (schema.type === 'object') return (Object.hasOwn(schema.fields, key) && schema.fields[key]?.schema) || ANY_SCHEMA;
  return schema.type === 'map' ? schema.values : ANY_SCHEMA;
}

/** Whether the schema names this field, as opposed to a key of a map. */
export function isNamedField(schema: NamedSchema, key: string): boolean {
  return schema.type === 'object' && Object.hasOwn(schema.fields, key);
}

/** The path element of a list item; undefined if the item does not say who it is. */
export function itemElement(schema: ListSchema, item: unknown, registry: SchemaRegistry): string | undefined {
  if (schema.listType === 'set') {
    return typeof item === 'object' && (isJsonObject(item) || Array.isArray(item) || item === null)
      ? undefined
      : valueElement(item);
  }
  if (!isJsonObject(item)) return undefined;
  const keys: [string, unknown][] = [];
  for (const key of schema.keys ?? []) {
    const value = Object.hasOwn(item, key) ? item[key] : keyDefault(schema, key, registry);
    if (value !== undefined) keys.push([key, value]);
  }
  return keys.length === 0 ? undefined : keyElement(keys);
}

/** An absent key counts as its default: a port without protocol is a TCP port. */
function keyDefault(schema: ListSchema, key: string, registry: SchemaRegistry): unknown {
  return fieldSchemaOf(resolveSchema(schema.items, registry), key).default;
}

/** Items of a list by path element, in order. Items that do not say who they are left out. */
export function itemsByElement(
  schema: ListSchema,
  items: readonly unknown[],
  registry: SchemaRegistry,
): Map<string, unknown[]> {
  const result = new Map<string, unknown[]>();
  for (const item of items) {
    const element = itemElement(schema, item, registry);
    if (element === undefined) continue;
    const known = result.get(element);
    if (known === undefined) result.set(element, [item]);
    else known.push(item);
  }
  return result;
}

/**
 * The paths somebody owns who states this value: leaves, list items, map keys and empty objects. Empty for a value that
 * states nothing.
 */
export function fieldSetOf(value: unknown, schema: Schema, registry: SchemaRegistry): FieldSet {
  const resolved = resolveSchema(schema, registry);
  if (shapeOf(resolved, value) === 'leaf') return EMPTY_SET;
  return partsOf(value, resolved, registry) ?? EMPTY_SET;
}

/** The node for a value: a member if it is a leaf, else its parts; undefined if there are none. */
function nodeOf(value: unknown, schema: Schema, registry: SchemaRegistry): FieldSet | undefined {
  const resolved = resolveSchema(schema, registry);
  if (shapeOf(resolved, value) === 'leaf') return MEMBER;
  return partsOf(value, resolved, registry);
}

function partsOf(value: unknown, schema: NamedSchema, registry: SchemaRegistry): FieldSet | undefined {
  if (value === null) return undefined;
  const set: Record<string, FieldSet> = {};
  if (schema.type === 'list') {
    for (const [element, items] of itemsByElement(schema, value as unknown[], registry)) {
      // Of duplicates nobody can own a part.
      const node = items.length > 1 ? undefined : nodeOf(items[0], schema.items, registry);
      set[element] = node === undefined ? MEMBER : withSelf(node);
    }
  } else {
    const fields = value as JsonObject;
    for (const key in fields) {
      const field = fields[key];
      if (field === undefined) continue;
      const node = nodeOf(field, fieldSchemaOf(schema, key), registry);
      if (!isNamedField(schema, key) || field === null || isEmptyObject(field)) {
        set[`f:${key}`] = node === undefined ? MEMBER : withSelf(node);
      } else if (node !== undefined) set[`f:${key}`] = node;
    }
  }
  return isEmptySet(set) ? undefined : set;
}

const isEmptyObject = (value: unknown) => isJsonObject(value) && isEmptySet(value as FieldSet);

/** The node of a value that appeared or went as a whole: every path in it, its own included. */
export function wholeTree(value: unknown, schema: Schema, registry: SchemaRegistry): FieldSet {
  const resolved = resolveSchema(schema, registry);
  if (value === null || shapeOf(resolved, value) === 'leaf') return MEMBER;
  const set: Record<string, FieldSet> = { '.': MEMBER };
  let isEmpty = true;
  if (resolved.type === 'list') {
    for (const [element, items] of itemsByElement(resolved, value as unknown[], registry)) {
      set[element] = items.length > 1 ? MEMBER : wholeTree(items[0], resolved.items, registry);
      isEmpty = false;
    }
  } else {
    const fields = value as JsonObject;
    for (const key in fields) {
      const field = fields[key];
      if (field === undefined) continue;
      set[`f:${key}`] = wholeTree(field, fieldSchemaOf(resolved, key), registry);
      isEmpty = false;
    }
  }
  return isEmpty ? MEMBER : set;
}

/** The set with every named field on the way to a path added: who owns `spec.a` then owns `spec`. Keys of maps stay out. */
export function withNamedParents(set: FieldSet, schema: Schema, registry: SchemaRegistry): FieldSet {
  const resolved = resolveSchema(schema, registry);
  const result: Record<string, FieldSet> = {};
  for (const key in set) {
    const child = set[key] ?? MEMBER;
    if (key === '.' || isEmptySet(child)) {
      result[key] = child;
      continue;
    }
    const name = key.startsWith('f:') ? key.slice(2) : undefined;
    const below =
      name === undefined ? (resolved.type === 'list' ? resolved.items : ANY_SCHEMA) : fieldSchemaOf(resolved, name);
    const parents = withNamedParents(child, below, registry);
    result[key] = name !== undefined && isNamedField(resolved, name) ? withSelf(parents) : parents;
  }
  return result;
}
