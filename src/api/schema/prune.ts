import { isRawNumber } from '../meta/clone.ts';
import type { ObjectSchema, Schema, SchemaRegistry } from './schema.ts';

/**
 * Removes fields that the schema does not know, and tells their paths as upstream prints them: `spec.template.foo`,
 * `spec.containers[0].bar`. Modifies `value`.
 */
export function pruneUnknown(schema: Schema, value: unknown, registry: SchemaRegistry): string[] {
  const found: string[] = [];
  visit(schema, value, '', { registry, found, remove: true });
  return found;
}

/** The paths `pruneUnknown` would remove, with nothing removed. */
export function findUnknown(schema: Schema, value: unknown, registry: SchemaRegistry): string[] {
  const found: string[] = [];
  visit(schema, value, '', { registry, found, remove: false });
  return found;
}

interface Context {
  readonly registry: SchemaRegistry;
  readonly found: string[];
  readonly remove: boolean;
}

function visit(schema: Schema, value: unknown, path: string, context: Context): void {
  if (typeof value !== 'object' || value === null) return;
  // A number that is kept as text has no fields, though it looks like an object.
  if (Object.isFrozen(value) && isRawNumber(value)) return;
  const resolved = schema.type === 'ref' ? context.registry.require(schema.name) : schema;
  if (resolved.type === 'object') {
    if (!Array.isArray(value)) visitObject(resolved, value as Record<string, unknown>, path, context);
  } else if (resolved.type === 'list') {
    const { items } = resolved;
    if (!mayHaveFields(items) || !Array.isArray(value)) return;
    for (let i = 0; i < value.length; i++) visit(items, value[i], `${path}[${i}]`, context);
  } else if (resolved.type === 'map') {
    const { values } = resolved;
    if (!mayHaveFields(values)) return;
    const map = value as Record<string, unknown>;
    for (const key of Object.keys(map)) visit(values, map[key], join(path, key), context);
  }
}

function visitObject(schema: ObjectSchema, object: Record<string, unknown>, path: string, context: Context): void {
  const { fields } = schema;
  for (const key of Object.keys(object)) {
    const field = Object.hasOwn(fields, key) ? fields[key] : undefined;
    if (field !== undefined) {
      const value = object[key];
      if (typeof value === 'object' && value !== null) visit(field.schema, value, join(path, key), context);
    } else if (schema.preserveUnknown !== true) {
      context.found.push(join(path, key));
      if (context.remove) delete object[key];
    }
  }
}

function mayHaveFields(schema: Schema): boolean {
  return schema.type === 'ref' || schema.type === 'object' || schema.type === 'list' || schema.type === 'map';
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}
