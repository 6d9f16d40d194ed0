import { deepClone } from '../meta/clone.ts';
import type { NamedSchema, ObjectSchema, Schema, SchemaRegistry } from './schema.ts';

/**
 * Sets what a client left out: defaults of absent fields, all the way down; `null` counts as absent where the schema does
 * not allow it. Modifies `value`; call it on objects of the right types only.
 */
export function applyDefaults(schema: Schema, value: unknown, registry: SchemaRegistry): void {
  if (typeof value !== 'object' || value === null) return;
  const resolved: NamedSchema = schema.type === 'ref' ? registry.require(schema.name) : schema;
  if (resolved.type === 'object') defaultFields(resolved, value as Record<string, unknown>, registry);
  else if (resolved.type === 'list') {
    if (!isScalar(resolved.items)) for (const item of value as unknown[]) applyDefaults(resolved.items, item, registry);
  } else if (resolved.type === 'map') defaultValues(resolved.values, value as Record<string, unknown>, registry);
}

function defaultFields(schema: ObjectSchema, object: Record<string, unknown>, registry: SchemaRegistry): void {
  const { fields } = schema;
  for (const name in fields) {
    const field = fields[name]?.schema;
    if (field === undefined) continue;
    let value = object[name];
    if (value === null && field.nullable !== true && field.type !== 'any') {
      delete object[name];
      value = undefined;
    }
    if (value === undefined) {
      if (field.default === undefined) continue;
      value = deepClone(field.default);
      object[name] = value;
    }
    if (typeof value === 'object') applyDefaults(field, value, registry);
  }
}

function defaultValues(schema: Schema, map: Record<string, unknown>, registry: SchemaRegistry): void {
  if (isScalar(schema)) {
    // Go reads a null into a map of strings as the empty string.
    if (schema.type === 'string') for (const key in map) if (map[key] === null) map[key] = '';
    return;
  }
  for (const key in map) applyDefaults(schema, map[key], registry);
}

function isScalar(schema: Schema): boolean {
  return schema.type !== 'ref' && schema.type !== 'object' && schema.type !== 'list' && schema.type !== 'map';
}
