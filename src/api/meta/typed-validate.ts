import { type NamedSchema, resolveSchema, type Schema, type SchemaRegistry } from '../schema/schema.ts';
import { isRawNumber } from './clone.ts';
import { printElement } from './field-set.ts';
import { goValue } from './go-text.ts';
import { isJsonObject } from './json.ts';
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
  const problems: string[] = [];
  const report = (path: string, problem: string) => problems.push(path === '' ? problem : `${path}: ${problem}`);
  const visit = (part: unknown, partSchema: Schema, path: string): void => {
    const resolved = resolveSchema(partSchema, registry);
    if (part === null || part === undefined || resolved.type === 'any') return;
    if (resolved.type === 'object' || resolved.type === 'map') {
      if (!isJsonObject(part)) return void report(path, `expected map, got &{${goValue(part)}}`);
      for (const [key, field] of Object.entries(part)) visitField(resolved, key, field, `${path}.${key}`);
    } else if (resolved.type === 'list') {
      if (!Array.isArray(part)) return void report(path, `expected list, got &{${goValue(part)}}`);
      visitItems(part, resolved, path);
    } else {
      const expected = expectedScalar(resolved, part);
      if (expected !== undefined) report(path, `expected ${expected}, got &{${goValue(part)}}`);
    }
  };
  const visitField = (object: NamedSchema, key: string, field: unknown, path: string): void => {
    if (object.type === 'map') visit(field, object.values, path);
    else if (object.type === 'object') {
      const known = Object.hasOwn(object.fields, key) ? object.fields[key] : undefined;
      if (known !== undefined) visit(field, known.schema, path);
      else if (object.preserveUnknown !== true) report(path, 'field not declared in schema');
    }
  };
  const visitItems = (items: readonly unknown[], list: NamedSchema & { type: 'list' }, path: string): void => {
    const seen = new Set<string>();
    for (const [index, item] of items.entries()) {
      const element = isAssociative(list) ? itemElement(list, item, registry) : `i:${index}`;
      if (element === undefined) {
        report(path, `element ${index}: ${whyNameless(item, list.listType === 'set')}`);
        continue;
      }
      if (seen.has(element)) report(path, `duplicate entries for key ${printElement(element)}`);
      seen.add(element);
      visit(item, list.items, path + printElement(element));
    }
  };
  visit(value, schema, '');
  return problems;
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
