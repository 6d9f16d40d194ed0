import type { ListSchema, NamedSchema, ObjectSchema, ScalarSchema, Schema, SchemaRegistry } from './schema.ts';
import type { Texts } from './texts.ts';

export type Json = Record<string, unknown>;

/** How a schema is written: version 2 has no `oneOf`, no defaults and no siblings of `$ref`. */
export interface SchemaWriter {
  readonly version: 2 | 3;
  readonly registry: SchemaRegistry;
  readonly texts: Texts;
  /** Called with the name of every type that is referred to. */
  refer(name: string): void;
}

/** The address of a definition in a document of the writer's version. */
export function referenceTo(name: string, { version, refer }: Pick<SchemaWriter, 'version' | 'refer'>): Json {
  refer(name);
  return { $ref: `#/${version === 2 ? 'definitions' : 'components/schemas'}/${name}` };
}

/** The definition of a named built-in type. */
export function writeDefinition(name: string, writer: SchemaWriter): Json {
  const schema = writer.registry.require(name);
  const description = writer.texts(name)?.description || (OPAQUE_TEXTS[name.slice(name.lastIndexOf('.') + 1)] ?? '');
  return { ...(description !== '' && { description }), ...writeNamed(name, schema, writer) };
}

/** Own words for types whose JSON is no object of fields. */
const OPAQUE_TEXTS: Readonly<Record<string, string>> = {
  FieldsV1:
    'A set of fields in a trie in JSON: keys are field names, list items by value or key, and "." for the field itself.',
  IntOrString: 'A whole number or a text; a text is often a percentage or the name of a port.',
  JSON: 'Any JSON value.',
  JSONSchemaPropsOrArray: 'One JSON schema, or a list of them.',
  JSONSchemaPropsOrBool: 'A JSON schema, or a boolean.',
  JSONSchemaPropsOrStringArray: 'A JSON schema, or a list of texts.',
  MicroTime: 'A moment as RFC 3339 text with microseconds.',
  Quantity:
    'An amount with an optional suffix: m, k, M, G, T, P, E are powers of 1000, Ki, Mi, Gi, Ti, Pi, Ei of 1024.',
  RawExtension: 'An object of any kind.',
  Time: 'A moment as RFC 3339 text.',
};

/** Types whose value may be anything are an object in upstream's documents, JSON values are not limited at all. */
function writeNamed(name: string, schema: NamedSchema, writer: SchemaWriter): Json {
  if (schema.type === 'any')
    return name.endsWith('.RawExtension') || name.endsWith('.FieldsV1') ? { type: 'object' } : {};
  if (schema.type === 'quantity') return writer.version === 2 ? { type: 'string' } : oneOf('string', 'number');
  if (schema.type === 'int-or-string') return writeIntOrString(writer);
  if (schema.type === 'object') return writeObject(schema, writer, name);
  // Times: in every other place a reference to what is defined here.
  return { type: 'string', format: 'date-time' };
}

function oneOf(...types: readonly string[]): Json {
  return { oneOf: types.map((type) => ({ type })) };
}

function writeIntOrString({ version }: SchemaWriter): Json {
  const format = 'int-or-string';
  return version === 2 ? { type: 'string', format } : { ...oneOf('integer', 'string'), format };
}

/** Named types that scalars of built-in types stand for; a custom resource's int-or-string has no format. */
const SCALAR_NAMES: Readonly<Record<string, string>> = {
  'int-or-string': 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
  quantity: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
  time: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time',
  'micro-time': 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
};

/** A schema in place: a reference where the type has a name. */
export function writeSchema(schema: Schema, writer: SchemaWriter): Json {
  const common = writeCommon(schema, writer);
  switch (schema.type) {
    case 'ref':
      return writeReference(schema.name, common, writer);
    case 'object':
      return { ...common, ...writeObject(schema, writer, schema.name) };
    case 'map':
      return {
        ...common,
        type: 'object',
        additionalProperties: writeSchema(schema.values, writer),
        ...(schema.atomic === true && { 'x-kubernetes-map-type': 'atomic' }),
      };
    case 'list':
      return { ...common, ...writeList(schema, writer) };
    case 'any':
      if (schema.name !== undefined) return writeReference(schema.name, common, writer);
      return { ...common, 'x-kubernetes-preserve-unknown-fields': true };
    default:
      return writeScalar(schema, common, writer);
  }
}

function writeScalar(schema: ScalarSchema, common: Json, writer: SchemaWriter): Json {
  const name = SCALAR_NAMES[schema.format === 'int-or-string' ? schema.format : schema.type];
  if (name !== undefined) return writeReference(name, common, writer);
  if (schema.type === 'int-or-string') {
    return { ...common, ...writeIntOrString(writer), 'x-kubernetes-int-or-string': true };
  }
  const type = schema.type === 'bytes' || schema.type === 'duration' ? 'string' : schema.type;
  return {
    ...common,
    type,
    ...(schema.format !== undefined && { format: schema.format }),
    ...(schema.enum !== undefined && { enum: schema.enum }),
  };
}

function writeCommon({ description, default: preset, nullable }: Schema, { version }: SchemaWriter): Json {
  return {
    ...(description !== undefined && description !== '' && { description }),
    ...(version === 3 && preset !== undefined && { default: preset }),
    ...(version === 3 && nullable === true && { nullable }),
  };
}

function writeReference(name: string, common: Json, writer: SchemaWriter): Json {
  const reference = referenceTo(name, writer);
  if (writer.version === 2 || Object.keys(common).length === 0) return { ...common, ...reference };
  // Version 3 ignores what stands beside a reference.
  return { ...common, allOf: [reference] };
}

function writeList(schema: ListSchema, writer: SchemaWriter): Json {
  return {
    type: 'array',
    items: writeSchema(schema.items, writer),
    ...(schema.listType !== undefined && { 'x-kubernetes-list-type': schema.listType }),
    ...(schema.keys !== undefined && { 'x-kubernetes-list-map-keys': schema.keys }),
  };
}

function writeObject(schema: ObjectSchema, writer: SchemaWriter, name: string | undefined): Json {
  const texts = name === undefined ? undefined : writer.texts(name)?.fields;
  const properties: Json = {};
  for (const [key, { schema: field, patch }] of Object.entries(schema.fields)) {
    // The models say nothing of fields that refer to a type: the type's own words stand in.
    const text = texts?.[key] || (field.type === 'ref' ? writer.texts(field.name)?.description : undefined);
    const described = text === undefined || text === '' ? field : { ...field, description: text };
    const strategies = [patch?.merge && 'merge', patch?.replace && 'replace', patch?.retainKeys && 'retainKeys'];
    properties[key] = {
      ...writeSchema(described, writer),
      ...(patch !== undefined && { 'x-kubernetes-patch-strategy': strategies.filter(Boolean).join(',') }),
      ...(patch?.mergeKey !== undefined && { 'x-kubernetes-patch-merge-key': patch.mergeKey }),
    };
  }
  return {
    type: 'object',
    ...(Object.keys(properties).length > 0 && { properties }),
    ...(schema.required.length > 0 && { required: schema.required }),
    ...(schema.atomic === true && { 'x-kubernetes-map-type': 'atomic' }),
    ...(schema.preserveUnknown === true && { 'x-kubernetes-preserve-unknown-fields': true }),
    ...(schema.gvk !== undefined && { 'x-kubernetes-group-version-kind': schema.gvk }),
  };
}
