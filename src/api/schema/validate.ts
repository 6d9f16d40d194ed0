import { isRawNumber } from '../meta/clone.ts';
import { type FieldError, notSupported, required, typeInvalid } from '../meta/validation.ts';
import type { NamedSchema, ObjectSchema, ScalarSchema, Schema, SchemaRegistry } from './schema.ts';

/**
 * What the schema alone says is wrong with an object: missing fields, values outside of an enumeration, and, for schemas
 * that nothing coerced, wrong types. Parts of a built-in status are not judged: only the system writes them.
 */
export function validateSchema(schema: Schema, value: unknown, registry: SchemaRegistry, path = ''): FieldError[] {
  const errors: FieldError[] = [];
  visit(schema, value, path, { registry, errors });
  return errors;
}

interface Context {
  readonly registry: SchemaRegistry;
  readonly errors: FieldError[];
}

function visit(schema: Schema, value: unknown, path: string, context: Context): void {
  if (value === undefined) return;
  const resolved = schema.type === 'ref' ? context.registry.require(schema.name) : schema;
  if (value === null || resolved.type === 'any') return;
  if (!hasType(resolved, value)) {
    const type = OPENAPI_TYPES[resolved.type] ?? 'string';
    const shown = Array.isArray(value) ? 'array' : typeof value;
    context.errors.push(typeInvalid(path, shown, `${path} in body must be of type ${type}: "${shown}"`));
  } else if (resolved.type === 'object') visitObject(resolved, value as Record<string, unknown>, path, context);
  else if (resolved.type === 'list') {
    const { items } = resolved;
    if (!needsVisit(items)) return;
    const list = value as readonly unknown[];
    for (let i = 0; i < list.length; i++) visit(items, list[i], `${path}[${i}]`, context);
  } else if (resolved.type === 'map') {
    const { values } = resolved;
    if (!needsVisit(values)) return;
    for (const [key, item] of Object.entries(value)) visit(values, item, `${path}[${key}]`, context);
  } else if (resolved.type === 'string') visitEnum(resolved, value as string, path, context);
}

function visitObject(schema: ObjectSchema, object: Record<string, unknown>, path: string, context: Context): void {
  if (isBuiltinStatus(schema)) return;
  const prefix = path === '' ? '' : `${path}.`;
  for (const name of schema.required) {
    const value = object[name];
    if ((value === undefined || value === null) && mustBePresent(schema, name, context.registry)) {
      context.errors.push(required(`${prefix}${name}`));
    }
  }
  for (const key of Object.keys(object)) {
    const field = Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined;
    if (field !== undefined && needsVisit(field.schema)) visit(field.schema, object[key], prefix + key, context);
  }
}

const STATUS_TYPE = /(?:Status|Condition)$/;

function isBuiltinStatus({ name }: ObjectSchema): boolean {
  return name !== undefined && STATUS_TYPE.test(name);
}

/**
 * Go reads an absent number as zero and an absent list as empty, so upstream's rules for built-in kinds judge those by
 * value; text and structs are missed at once. A custom resource's `required` counts for every type.
 */
function mustBePresent(schema: ObjectSchema, name: string, registry: SchemaRegistry): boolean {
  if (schema.name === undefined) return true;
  const field = schema.fields[name]?.schema;
  if (field === undefined) return false;
  const { type } = field.type === 'ref' ? registry.require(field.name) : field;
  return type === 'string' || type === 'object';
}

function visitEnum({ enum: allowed }: ScalarSchema, value: string, path: string, { errors }: Context): void {
  // Empty text is what Go has for an absent field.
  if (allowed !== undefined && value !== '' && !allowed.includes(value))
    errors.push(notSupported(path, value, allowed));
}

/** Leaves that the coercion has judged already need no second look. */
function needsVisit(schema: Schema): boolean {
  return (
    schema.type !== 'any' && !(schema.type === 'string' && schema.enum === undefined && schema.format !== undefined)
  );
}

const OPENAPI_TYPES: Partial<Record<Schema['type'], string>> = {
  integer: 'integer',
  number: 'number',
  boolean: 'boolean',
  object: 'object',
  map: 'object',
  list: 'array',
};

function hasType(schema: NamedSchema, value: unknown): boolean {
  switch (schema.type) {
    case 'object':
    case 'map':
      return typeof value === 'object' && !Array.isArray(value) && !isRawNumber(value);
    case 'list':
      return Array.isArray(value);
    case 'boolean':
      return typeof value === 'boolean';
    case 'integer':
      return isRawNumber(value) ? /^-?\d+$/.test(value.rawJSON) : Number.isInteger(value);
    case 'number':
      return typeof value === 'number' || isRawNumber(value);
    case 'int-or-string':
      return typeof value === 'string' || Number.isInteger(value);
    case 'any':
      return true;
    default:
      return typeof value === 'string';
  }
}
