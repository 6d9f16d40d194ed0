import { SCHEMA_DATA } from '../generated/schema-data.ts';
import type { GroupVersionKind } from '../meta/resource-ref.ts';

/** One field as the generator wrote it. */
export interface BuiltinField {
  readonly name: string;
  readonly list: boolean;
  readonly map: boolean;
  /** A letter of `CODES` in build/generate-schema.ts, or the type itself. */
  readonly type: string | BuiltinType;
  readonly required: boolean;
  /** Facts of the Go field: they decide which zero values exist in JSON. */
  readonly pointer: boolean;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  /** Field numbers from the message down through inlined ones; empty when protobuf has no such field. */
  readonly path: readonly number[];
  readonly semantics: FieldSemantics;
}

/** List types, patch strategies, enumerations and defaults, under the generator's short names. */
export interface FieldSemantics {
  readonly l?: 'atomic' | 'set' | 'map';
  readonly k?: readonly string[];
  readonly p?: string;
  readonly m?: string;
  readonly a?: 1;
  readonly e?: readonly string[];
  readonly d?: unknown;
}

/** One message of the API. */
export interface BuiltinType {
  /** `io.k8s.api.core.v1.Pod` */
  readonly name: string;
  /** Place among the generated texts. */
  readonly index: number;
  readonly gvk: GroupVersionKind | undefined;
  readonly atomic: boolean;
  /** A bare list in JSON; protobuf has it inside a message. */
  readonly wrapper: boolean;
  readonly fields: readonly BuiltinField[];
}

type FieldRow = readonly [
  name: string,
  code: string,
  bits: number,
  path: number | readonly number[],
  extra?: FieldSemantics,
];

interface TypeRow {
  readonly p: number;
  readonly n: string;
  readonly k?: readonly [group: string, version: string];
  readonly a?: 1;
  readonly w?: 1;
  readonly f: readonly FieldRow[];
}

const NO_SEMANTICS: FieldSemantics = {};
const NO_PATH: readonly number[] = [];

/** Every built-in type by name, decoded from the generated text. A type's fields are made when they are first read. */
export function readBuiltinTypes(): ReadonlyMap<string, BuiltinType> {
  const data = JSON.parse(SCHEMA_DATA) as { packages: readonly string[]; types: readonly TypeRow[] };
  const types: LazyType[] = data.types.map(
    (row, index) => new LazyType(row, index, data.packages[row.p] ?? '', (id) => types[id]),
  );
  return new Map(types.map((type) => [type.name, type]));
}

class LazyType implements BuiltinType {
  readonly name: string;
  readonly index: number;
  readonly gvk: GroupVersionKind | undefined;
  readonly atomic: boolean;
  readonly wrapper: boolean;
  readonly #row: TypeRow;
  readonly #resolve: (id: number) => BuiltinType | undefined;
  #fields: readonly BuiltinField[] | undefined;

  constructor(row: TypeRow, index: number, home: string, resolve: (id: number) => BuiltinType | undefined) {
    this.name = `${home}.${row.n}`;
    this.index = index;
    this.gvk = row.k === undefined ? undefined : { group: row.k[0], version: row.k[1], kind: row.n };
    this.atomic = row.a === 1;
    this.wrapper = row.w === 1;
    this.#row = row;
    this.#resolve = resolve;
  }

  get fields(): readonly BuiltinField[] {
    this.#fields ??= this.#row.f.map((row) => this.#field(row));
    return this.#fields;
  }

  #field([name, code, bits, path, extra]: FieldRow): BuiltinField {
    const list = code.startsWith('[');
    const map = code.startsWith('{');
    const base = list || map ? code.slice(1) : code;
    return {
      name,
      list,
      map,
      type: this.#resolve(Number(base)) ?? base,
      required: (bits & 1) !== 0,
      pointer: (bits & 2) !== 0,
      omitEmpty: (bits & 4) !== 0,
      omitZero: (bits & 8) !== 0,
      path: typeof path === 'number' ? (path === 0 ? NO_PATH : [path]) : path,
      semantics: extra ?? NO_SEMANTICS,
    };
  }
}
