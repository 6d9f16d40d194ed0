import {
  type ListSchema,
  type NamedSchema,
  resolveSchema,
  type Schema,
  type SchemaRegistry,
} from '../schema/schema.ts';
import { deepEqual } from './clone.ts';
import { EMPTY_SET, type FieldSet, MEMBER } from './field-set.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { fieldSchemaOf, itemElement, itemsByElement, shapeOf, wholeTree } from './typed-value.ts';

/** What changed between two objects. What appeared or went as a whole counts with everything in it. */
export interface Comparison {
  readonly added: FieldSet;
  readonly modified: FieldSet;
  readonly removed: FieldSet;
}

/** The same while it is gathered: parts that are empty are absent. Undefined altogether means equal. */
interface Changes {
  added?: FieldSet;
  modified?: FieldSet;
  removed?: FieldSet;
}

const MODIFIED: Changes = { modified: MEMBER };
const NOTHING: JsonObject = {};

/** Compares two values of one schema, field by field and item by item as far as they have owners of their own. */
export function compareTyped(before: unknown, after: unknown, schema: Schema, registry: SchemaRegistry): Comparison {
  return complete(compare(before, after, schema, registry));
}

/** Like `compareTyped` for two objects, but leaves out fields for which `skip` says so. */
export function compareFields(
  before: JsonObject,
  after: JsonObject,
  schema: Schema,
  { registry, skip }: { registry: SchemaRegistry; skip: (key: string) => boolean },
): Comparison {
  return complete(compareMaps(before, after, resolveSchema(schema, registry), registry, skip));
}

function complete({ added = EMPTY_SET, modified = EMPTY_SET, removed = EMPTY_SET }: Changes = {}): Comparison {
  return { added, modified, removed };
}

function compare(before: unknown, after: unknown, schema: Schema, registry: SchemaRegistry): Changes | undefined {
  if (before === after) return undefined;
  const resolved = resolveSchema(schema, registry);
  const shape = shapeOf(resolved, before);
  if (shape === 'leaf' || shape !== shapeOf(resolved, after)) return deepEqual(before, after) ? undefined : MODIFIED;
  if (resolved.type === 'list')
    return compareLists(before as unknown[] | null, after as unknown[] | null, resolved, registry);
  const left = (before ?? NOTHING) as JsonObject;
  const right = (after ?? NOTHING) as JsonObject;
  if (before !== after && isEmpty(left) && isEmpty(right))
    return before === null || after === null ? MODIFIED : undefined;
  return compareMaps(left, right, resolved, registry);
}

function isEmpty(object: JsonObject): boolean {
  for (const _ in object) return false;
  return true;
}

function compareMaps(
  before: JsonObject,
  after: JsonObject,
  schema: NamedSchema,
  registry: SchemaRegistry,
  skip?: (key: string) => boolean,
): Changes | undefined {
  const gathered = new Gatherer();
  for (const key in after) {
    const right = after[key];
    if (right === undefined || skip?.(key)) continue;
    const left = Object.hasOwn(before, key) ? before[key] : undefined;
    // Most of an object is the same before and after, and this tells sooner than a walk along the schema.
    if (deepEqual(left, right)) continue;
    const below = fieldSchemaOf(schema, key);
    const known = left === undefined ? zeroOf(schema, key, below) : left;
    if (known === undefined) gathered.add('added', `f:${key}`, wholeTree(right, below, registry));
    else gathered.addAll(`f:${key}`, compare(known, right, below, registry));
  }
  for (const key in before) {
    const left = before[key];
    if (left === undefined || (Object.hasOwn(after, key) && after[key] !== undefined) || skip?.(key)) continue;
    const below = fieldSchemaOf(schema, key);
    const zero = zeroOf(schema, key, below);
    if (zero === undefined) gathered.add('removed', `f:${key}`, wholeTree(left, below, registry));
    else gathered.addAll(`f:${key}`, compare(left, zero, below, registry));
  }
  return gathered.changes;
}

/**
 * What upstream's Go types hold for an absent field, and so encode when they compare: `{}` for a struct held by value
 * (the schema has it as default), null for a list or map that is never left out. Undefined: the field is not there.
 */
function zeroOf(schema: NamedSchema, key: string, field: Schema): unknown {
  if (isJsonObject(field.default) && isEmpty(field.default)) return NOTHING;
  if (schema.type !== 'object' || (field.type !== 'list' && field.type !== 'map')) return undefined;
  return schema.name !== undefined && schema.required.includes(key) ? null : undefined;
}

function compareLists(
  before: unknown[] | null,
  after: unknown[] | null,
  schema: ListSchema,
  registry: SchemaRegistry,
): Changes | undefined {
  if (before === null || after === null || before.length === 0 || after.length === 0) {
    const bothEmpty = (before?.length ?? 0) === 0 && (after?.length ?? 0) === 0;
    if (bothEmpty) return before === null || after === null ? MODIFIED : undefined;
  }
  const left = before ?? [];
  const right = after ?? [];
  const pairs = left.length === right.length ? samePlaces(left, right, schema, registry) : undefined;
  if (pairs !== undefined) return comparePairs(left, right, pairs, schema, registry);
  return compareByElement(left, right, schema, registry);
}

/** Path elements where the lists differ, if both hold the same items at the same places, each once; else undefined. */
function samePlaces(
  left: readonly unknown[],
  right: readonly unknown[],
  schema: ListSchema,
  registry: SchemaRegistry,
): string[] | undefined {
  const elements = new Set<string>();
  for (let i = 0; i < left.length; i++) {
    const element = itemElement(schema, left[i], registry);
    if (element === undefined || elements.has(element)) return undefined;
    if (left[i] !== right[i] && element !== itemElement(schema, right[i], registry)) return undefined;
    elements.add(element);
  }
  return [...elements];
}

function comparePairs(
  left: readonly unknown[],
  right: readonly unknown[],
  elements: readonly string[],
  schema: ListSchema,
  registry: SchemaRegistry,
): Changes | undefined {
  const gathered = new Gatherer();
  for (const [index, element] of elements.entries()) {
    gathered.addAll(element, compare(left[index], right[index], schema.items, registry));
  }
  return gathered.changes;
}

function compareByElement(
  left: readonly unknown[],
  right: readonly unknown[],
  schema: ListSchema,
  registry: SchemaRegistry,
): Changes | undefined {
  const before = itemsByElement(schema, left, registry);
  const after = itemsByElement(schema, right, registry);
  const gathered = new Gatherer();
  for (const element of new Set([...before.keys(), ...after.keys()])) {
    const [lefts, rights] = [before.get(element) ?? [], after.get(element) ?? []];
    if (lefts.length > 1 && rights.length > 1) {
      if (!deepEqual(lefts, rights)) gathered.add('modified', element, MEMBER);
    } else if (lefts.length > 1) {
      if (rights.length === 1) gathered.add('added', element, wholeTree(rights[0], schema.items, registry));
      gathered.add('removed', element, MEMBER);
    } else if (rights.length > 1) {
      if (lefts.length === 1) gathered.add('removed', element, wholeTree(lefts[0], schema.items, registry));
      gathered.add('added', element, MEMBER);
    } else if (lefts.length === 0) gathered.add('added', element, wholeTree(rights[0], schema.items, registry));
    else if (rights.length === 0) gathered.add('removed', element, wholeTree(lefts[0], schema.items, registry));
    else gathered.addAll(element, compare(lefts[0], rights[0], schema.items, registry));
  }
  return gathered.changes;
}

/** Gathers the changes of parts into those of the whole; makes nothing while nothing changed. */
class Gatherer {
  changes: Changes | undefined;

  add(kind: keyof Changes, element: string, node: FieldSet): void {
    const changes = this.changes ?? {};
    this.changes = changes;
    const set = (changes[kind] ?? {}) as Record<string, FieldSet>;
    set[element] = node;
    changes[kind] = set;
  }

  addAll(element: string, changes: Changes | undefined): void {
    if (changes === undefined) return;
    if (changes.added !== undefined) this.add('added', element, changes.added);
    if (changes.modified !== undefined) this.add('modified', element, changes.modified);
    if (changes.removed !== undefined) this.add('removed', element, changes.removed);
  }
}
