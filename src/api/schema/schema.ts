/**
 * The schema model: one description of a type that serves OpenAPI, explain, pruning, defaulting, strict field checks,
 * strategic merge, server-side apply and the protobuf codec. Built-in types are generated; a CRD's are converted to it.
 */
export type Schema = ObjectSchema | MapSchema | ListSchema | ScalarSchema | RefSchema | AnySchema;

export interface SchemaCommon {
  readonly description?: string;
  /** JSON value set when the field is absent. Shared: clone before handing out. */
  readonly default?: unknown;
  readonly nullable?: boolean;
}

/** Any JSON value, kept as it is (RawExtension, JSON, x-kubernetes-preserve-unknown-fields without properties). */
export interface AnySchema extends SchemaCommon {
  readonly type: 'any';
  /** Full name of a built-in type without fields of its own, e.g. `io.k8s.apimachinery.pkg.runtime.RawExtension`. */
  readonly name?: string;
}

/** A reference to a named type in a `SchemaRegistry`, e.g. `io.k8s.api.core.v1.PodSpec`. */
export interface RefSchema extends SchemaCommon {
  readonly type: 'ref';
  readonly name: string;
}

export interface ObjectSchema extends SchemaCommon {
  readonly type: 'object';
  /** Full name of a built-in type, e.g. `io.k8s.api.core.v1.Pod`; absent for inline CRD objects. */
  readonly name?: string;
  readonly fields: Readonly<Record<string, FieldSchema>>;
  readonly required: readonly string[];
  /** `x-kubernetes-map-type: atomic`: one owner for the whole object in server-side apply. */
  readonly atomic?: boolean;
  /** Unknown fields are kept. */
  readonly preserveUnknown?: boolean;
  /** `x-kubernetes-group-version-kind` of top-level kinds. */
  readonly gvk?: readonly { readonly group: string; readonly version: string; readonly kind: string }[];
}

export interface FieldSchema {
  readonly schema: Schema;
  /** Strategic merge. `retainKeys` may be combined with merge. */
  readonly patch?: {
    readonly merge?: boolean;
    readonly replace?: boolean;
    readonly retainKeys?: boolean;
    readonly mergeKey?: string;
  };
  /**
   * Protobuf field number and wire type name (`int32`, `string`, `bytes`, `bool`, `double`, or a message's full name).
   * A field that JSON inlines stands in another message: `path` leads there and ends with `number`.
   */
  readonly proto?: { readonly number: number; readonly type: string; readonly path?: readonly number[] };
}

export interface MapSchema extends SchemaCommon {
  readonly type: 'map';
  readonly values: Schema;
  readonly atomic?: boolean;
}

export interface ListSchema extends SchemaCommon {
  readonly type: 'list';
  readonly items: Schema;
  /** Default atomic. `map` needs `keys`. */
  readonly listType?: 'atomic' | 'set' | 'map';
  readonly keys?: readonly string[];
}

export type ScalarType =
  | 'string'
  | 'integer'
  | 'number'
  | 'boolean'
  | 'int-or-string'
  | 'quantity'
  | 'time'
  | 'micro-time'
  | 'duration'
  | 'bytes';

export interface ScalarSchema extends SchemaCommon {
  readonly type: ScalarType;
  /** OpenAPI's format: int32, int64, double, byte, date-time. */
  readonly format?: string;
  readonly enum?: readonly string[];
}

/** What a name stands for. */
export type NamedSchema = Exclude<Schema, RefSchema>;

/** Looks up named types; throws for an unknown name, which is a bug. */
export interface SchemaRegistry {
  require(name: string): NamedSchema;
  readonly names: readonly string[];
}

/** The schema itself, or what its reference stands for. */
export function resolveSchema(schema: Schema, registry: SchemaRegistry): NamedSchema {
  return schema.type === 'ref' ? registry.require(schema.name) : schema;
}
