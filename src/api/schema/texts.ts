import type { BuiltinSchemas } from './registry.ts';

/** What upstream says about a type and its fields. */
export interface TypeTexts {
  readonly description: string;
  readonly fields: Readonly<Record<string, string>>;
}

/** The texts of a built-in type by its name; undefined for types that have none. */
export type Texts = (typeName: string) => TypeTexts | undefined;

/** No texts at all, for documents that only machines read. */
export const NO_TEXTS: Texts = () => undefined;

/** Loads the texts of all built-in types: half a megabyte, so hold the answer only while documents are made. */
export async function loadTexts(schemas: BuiltinSchemas): Promise<Texts> {
  const { DESCRIPTIONS } = await import('../generated/descriptions.ts');
  const data = JSON.parse(DESCRIPTIONS) as { texts: readonly string[]; types: readonly (readonly number[])[] };
  return (typeName) => {
    const type = schemas.getType(typeName);
    const indexes = type === undefined ? undefined : data.types[type.index];
    if (type === undefined || indexes === undefined) return undefined;
    const textAt = (place: number) => data.texts[indexes[place] ?? 0] ?? '';
    const fields = Object.fromEntries(type.fields.map((field, i) => [field.name, textAt(i + 1)]));
    return { description: textAt(0), fields };
  };
}
