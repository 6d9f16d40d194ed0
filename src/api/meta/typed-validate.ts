import {
  type ListSchema,
  type MapSchema,
  type NamedSchema,
  type ObjectSchema,
  resolveSchema,
  type Schema,
  type SchemaRegistry,
} from '../schema/schema.ts';
import { isRawNumber } from './clone.ts';
import { printElement } from './field-set.ts';
import { goValue } from './go-text.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { isAssociative, itemElement } from './typed-value.ts';

const NAMELESS = 'associative list with keys has an element that omits all key fields';
const BAD_MEMBER: Readonly<Record<string, string>> = {
  object: "associative list without keys has an element that's a map type",
  array: 'not supported: associative list with lists as elements',
  null: "associative list without keys has an element that's an explicit null",
};

/**
 * Why an applied configuration does not fit its schema, a line per problem: unknown fields, wrong types, items that stand
 * twice or do not say who they are. Empty if it fits.
 */
export function validateTyped(value: unknown, schema: Schema, registry: SchemaRegistry): string[] {
  const validator = new Validator(registry);
  validator.visit(value, schema);
  return validator.problems;
}

class Validator {
  readonly problems: string[] = [];
  readonly #registry: SchemaRegistry;
  /** Path elements from the root to the value being visited; printed only when there is something to report. */
  readonly #path: string[] = [];

  constructor(registry: SchemaRegistry) {
    this.#registry = registry;
  }

  visit(value: unknown, schema: Schema): void {
    const resolved = resolveSchema(schema, this.#registry);
    if (value === null || value === undefined || resolved.type === 'any') return;
    if (resolved.type === 'object' || resolved.type === 'map') {
      if (isJsonObject(value)) this.#visitFields(value, resolved);
      else this.#report(`expected map, got &{${goValue(value)}}`);
    } else if (resolved.type === 'list') {
      if (Array.isArray(value)) this.#visitItems(value, resolved);
      else this.#report(`expected list, got &{${goValue(value)}}`);
    } else {
      const expected = expectedScalar(resolved, value);
      if (expected !== undefined) this.#report(`expected ${expected}, got &{${goValue(value)}}`);
    }
  }

  #report(problem: string): void {
    const path = this.#path.map(printElement).join('');
    this.problems.push(path === '' ? problem : `${path}: ${problem}`);
  }

  #visitFields(fields: JsonObject, schema: ObjectSchema | MapSchema): void {
    for (const key in fields) {
      this.#path.push(`f:${key}`);
      if (schema.type === 'map') this.visit(fields[key], schema.values);
      else {
        const known = Object.hasOwn(schema.fields, key) ? schema.fields[key] : undefined;
        if (known !== undefined) this.visit(fields[key], known.schema);
        else if (schema.preserveUnknown !== true) this.#report('field not declared in schema');
      }
      this.#path.pop();
    }
  }

  #visitItems(items: readonly unknown[], schema: ListSchema): void {
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      const element = isAssociative(schema) ? itemElement(schema, item, this.#registry) : `i:${index}`;
      if (element === undefined) {
        this.#report(`element ${index}: ${whyNameless(item, schema.listType === 'set')}`);
        continue;
      }
      if (seen.has(element)) this.#report(`duplicate entries for key ${printElement(element)}`);
      seen.add(element);
      this.#path.push(element);
      this.visit(item, schema.items);
      this.#path.pop();
    }
  }
}

function whyNameless(item: unknown, isSet: boolean): string {
  if (!isSet) return isJsonObject(item) ? NAMELESS : 'associative list with keys may not have non-map elements';
  const type = item === null ? 'null' : Array.isArray(item) ? 'array' : 'object';
  return BAD_MEMBER[type] ?? '';
}

/** What the schema expects, if the value is something else. Text where numbers may be, and numbers in text, are let be. */
function expectedScalar(schema: NamedSchema, value: unknown): string | undefined {
  const isNumber = typeof value === 'number' || isRawNumber(value);
  switch (schema.type) {
    case 'integer':
    case 'number':
      return isNumber ? undefined : 'numeric (int or float)';
    case 'boolean':
      return typeof value === 'boolean' ? undefined : 'boolean';
    case 'string':
    case 'bytes':
    case 'time':
    case 'micro-time':
    case 'duration':
      return typeof value === 'string' ? undefined : 'string';
    default:
      return isNumber || typeof value === 'string' ? undefined : 'scalar';
  }
}
