import { apiVersionOf, type GroupVersionKind } from '../meta/resource-ref.ts';
import { type BuiltinField, type BuiltinType, readBuiltinTypes } from './builtin-types.ts';
import type { FieldSchema, NamedSchema, ObjectSchema, ScalarSchema, Schema, SchemaRegistry } from './schema.ts';

/** Schemas of the generator's letters. */
const SCALARS: Readonly<Record<string, ScalarSchema>> = {
  s: { type: 'string' },
  y: { type: 'bytes', format: 'byte' },
  b: { type: 'boolean' },
  i: { type: 'integer', format: 'int32' },
  l: { type: 'integer', format: 'int64' },
  d: { type: 'number', format: 'double' },
};

const PROTO_SCALARS: Readonly<Record<string, string>> = {
  s: 'string',
  y: 'bytes',
  b: 'bool',
  i: 'int32',
  l: 'int64',
  d: 'double',
};

const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const EXTENSIONS = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1';

/** Named types that are no objects of fields, by the generator's letter. */
const OPAQUE: Readonly<Record<string, { readonly name: string; readonly schema: NamedSchema }>> = {
  q: { name: 'io.k8s.apimachinery.pkg.api.resource.Quantity', schema: { type: 'quantity' } },
  x: {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    schema: { type: 'int-or-string', format: 'int-or-string' },
  },
  t: { name: `${META}.Time`, schema: { type: 'time', format: 'date-time' } },
  u: { name: `${META}.MicroTime`, schema: { type: 'micro-time', format: 'date-time' } },
  F: { name: `${META}.FieldsV1`, schema: { type: 'any', name: `${META}.FieldsV1` } },
  R: opaqueAny('io.k8s.apimachinery.pkg.runtime.RawExtension'),
  J: opaqueAny(`${EXTENSIONS}.JSON`),
  A: opaqueAny(`${EXTENSIONS}.JSONSchemaPropsOrArray`),
  B: opaqueAny(`${EXTENSIONS}.JSONSchemaPropsOrBool`),
  S: opaqueAny(`${EXTENSIONS}.JSONSchemaPropsOrStringArray`),
};

function opaqueAny(name: string): { name: string; schema: NamedSchema } {
  return { name, schema: { type: 'any', name } };
}

/** Options of deletes come as a body of the resource's own group-version. */
const ANY_GROUP = 'DeleteOptions';

/** Older versions that old clients still send and whose shape is the one we have. */
const ALIASES: Readonly<Record<string, GroupVersionKind>> = {
  'policy/v1beta1/Eviction': { group: 'policy', version: 'v1', kind: 'Eviction' },
  'authentication.k8s.io/v1beta1/SelfSubjectReview': {
    group: 'authentication.k8s.io',
    version: 'v1',
    kind: 'SelfSubjectReview',
  },
};

/** The schemas of all built-in types. Made once per process and shared; a type is built when it is first asked for. */
export class BuiltinSchemas implements SchemaRegistry {
  readonly #types: ReadonlyMap<string, BuiltinType>;
  readonly #kinds: ReadonlyMap<string, BuiltinType>;
  readonly #built = new Map<string, NamedSchema>();

  constructor() {
    this.#types = readBuiltinTypes();
    const kinds = new Map<string, BuiltinType>();
    for (const type of this.#types.values()) if (type.gvk !== undefined) kinds.set(kindKey(type.gvk), type);
    this.#kinds = kinds;
    for (const { name, schema } of Object.values(OPAQUE)) this.#built.set(name, schema);
  }

  /** Names of all types, sorted, those that are no objects of fields last. */
  get names(): readonly string[] {
    const objects = [...this.#types.values()].filter((type) => !type.wrapper).map((type) => type.name);
    return [...objects, ...Object.values(OPAQUE).map(({ name }) => name)];
  }

  require(name: string): NamedSchema {
    const built = this.#built.get(name);
    if (built !== undefined) return built;
    const schema = this.#build(this.requireType(name));
    this.#built.set(name, schema);
    return schema;
  }

  /** The raw facts of a type, if it is one of fields. */
  getType(name: string): BuiltinType | undefined {
    return this.#types.get(name);
  }

  /** The raw facts of a type, for the protobuf codec. */
  requireType(name: string): BuiltinType {
    const type = this.#types.get(name);
    if (type === undefined) throw new Error(`No built-in type is named "${name}"`);
    return type;
  }

  /** The type of a built-in kind; Status and its like also answer as `v1`, DeleteOptions in every group-version. */
  getKind(gvk: GroupVersionKind): BuiltinType | undefined {
    const key = kindKey(gvk);
    const found = this.#kinds.get(key);
    if (found !== undefined) return found;
    const alias = ALIASES[key];
    if (alias !== undefined) return this.#kinds.get(kindKey(alias));
    const meta = gvk.kind === ANY_GROUP || key.startsWith('v1/');
    return meta ? this.#kinds.get(`meta.k8s.io/v1/${gvk.kind}`) : undefined;
  }

  #build(type: BuiltinType): ObjectSchema {
    const fields: Record<string, FieldSchema> = {};
    for (const field of type.fields) fields[field.name] = fieldSchema(type, field);
    return {
      type: 'object',
      name: type.name,
      fields,
      required: type.fields.filter((field) => field.required).map((field) => field.name),
      ...(type.atomic && { atomic: true }),
      ...(type.gvk !== undefined && { gvk: [type.gvk] }),
    };
  }
}

function kindKey(gvk: GroupVersionKind): string {
  return `${apiVersionOf(gvk)}/${gvk.kind}`;
}

function fieldSchema(owner: BuiltinType, field: BuiltinField): FieldSchema {
  const { p, m } = field.semantics;
  const number = field.path.at(-1);
  const strategies = p?.split(',') ?? [];
  return {
    schema: valueSchema(owner, field),
    ...(p !== undefined && {
      patch: {
        ...(strategies.includes('merge') && { merge: true }),
        ...(strategies.includes('replace') && { replace: true }),
        ...(strategies.includes('retainKeys') && { retainKeys: true }),
        ...(m !== undefined && { mergeKey: m }),
      },
    }),
    ...(number !== undefined && {
      proto: { number, type: protoType(field), ...(field.path.length > 1 && { path: field.path }) },
    }),
  };
}

function valueSchema(owner: BuiltinType, field: BuiltinField): Schema {
  const { l, k, a } = field.semantics;
  const preset = defaultOf(owner, field);
  const common = preset === undefined ? {} : { default: preset };
  const element = elementSchema(field);
  if (field.list) {
    return {
      type: 'list',
      items: element,
      ...common,
      ...(l !== undefined && { listType: l }),
      ...(k !== undefined && { keys: k }),
    };
  }
  if (field.map) return { type: 'map', values: element, ...common, ...(a === 1 && { atomic: true }) };
  return preset === undefined ? element : { ...element, ...common };
}

function elementSchema({ type, semantics }: BuiltinField): Schema {
  if (typeof type !== 'string') {
    // Wrappers hold one list of strings: ExtraValue and its like.
    return type.wrapper ? { type: 'list', items: { type: 'string' } } : { type: 'ref', name: type.name };
  }
  const scalar = SCALARS[type];
  if (scalar !== undefined) return semantics.e === undefined ? scalar : { ...scalar, enum: semantics.e };
  const opaque = OPAQUE[type];
  if (opaque === undefined) throw new Error(`The generated schema has an unknown code "${type}"`);
  return opaque.schema;
}

/**
 * What the API serves for an absent field: the marker's value, an empty object for a struct that Go holds by value, and in
 * a status the zeros that Go never leaves out.
 */
function defaultOf(owner: BuiltinType, field: BuiltinField): unknown {
  const { d } = field.semantics;
  if (d !== undefined) return d;
  if (field.pointer || field.list || field.map) return undefined;
  if (typeof field.type !== 'string') return field.type.wrapper || field.omitZero ? undefined : {};
  if (!field.required || field.omitEmpty || !/(Status|Condition)$/.test(owner.name)) return undefined;
  if (field.type === 'b') return false;
  return field.type === 'i' || field.type === 'l' ? 0 : undefined;
}

function protoType({ type }: BuiltinField): string {
  if (typeof type !== 'string') return type.name;
  return PROTO_SCALARS[type] ?? OPAQUE[type]?.name ?? type;
}
