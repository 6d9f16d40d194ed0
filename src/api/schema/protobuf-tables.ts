import type { BuiltinField, BuiltinType } from './builtin-types.ts';
import { BYTES, FIXED64, VARINT } from './wire.ts';

/** A field in the place where its message has it. */
export interface FieldEntry {
  readonly number: number;
  readonly field: BuiltinField;
  readonly wireType: number;
  /** Type of a message field, made when it is first needed: types refer to each other in circles. */
  readonly message: (() => MessageTable) | undefined;
  /** A JSON schema that may be something else in its place: the letter says what. */
  readonly union: 'A' | 'B' | 'S' | undefined;
  readonly inline: undefined;
}

/** A message whose fields stand in the parent's JSON. */
export interface InlineEntry {
  readonly number: number;
  readonly inline: MessageTable;
}

export type Entry = FieldEntry | InlineEntry;

/** How one message lies on the wire. */
export interface MessageTable {
  /** A bare list in JSON. */
  readonly wrapper: boolean;
  readonly byNumber: ReadonlyMap<number, Entry>;
  /** Falling field numbers: the order in which the writer wants them. */
  readonly falling: readonly Entry[];
}

const VARINTS = new Set(['b', 'i', 'l']);

/** Makes and keeps the tables of types. */
export class MessageTables {
  readonly #made = new Map<BuiltinType, MessageTable>();

  of(type: BuiltinType): MessageTable {
    const known = this.#made.get(type);
    if (known !== undefined) return known;
    const table = this.#level(type, type.fields, 0);
    this.#made.set(type, table);
    return table;
  }

  /** The table of fields that share the first `depth` numbers of their paths. */
  #level(owner: BuiltinType, fields: readonly BuiltinField[], depth: number): MessageTable {
    const byNumber = new Map<number, Entry>();
    const inlined = new Map<number, BuiltinField[]>();
    for (const field of fields) {
      const number = field.path[depth];
      if (number === undefined) continue;
      if (field.path.length > depth + 1) inlined.set(number, [...(inlined.get(number) ?? []), field]);
      else byNumber.set(number, this.#entry(owner, number, field));
    }
    for (const [number, inner] of inlined)
      byNumber.set(number, { number, inline: this.#level(owner, inner, depth + 1) });
    return { wrapper: owner.wrapper, byNumber, falling: [...byNumber.values()].sort((a, b) => b.number - a.number) };
  }

  #entry(owner: BuiltinType, number: number, field: BuiltinField): FieldEntry {
    const { type } = field;
    const entry = { number, field, wireType: BYTES, message: undefined, union: undefined, inline: undefined };
    if (typeof type !== 'string') return { ...entry, message: () => this.of(type) };
    // Only JSONSchemaProps has these, and they hold JSONSchemaProps.
    if (type === 'A' || type === 'B' || type === 'S') return { ...entry, union: type, message: () => this.of(owner) };
    if (field.map) return entry;
    return { ...entry, wireType: VARINTS.has(type) ? VARINT : type === 'd' ? FIXED64 : BYTES };
  }
}
