/** What a comment says in `+name=value` form, by name, values in order. */
export type Markers = ReadonlyMap<string, readonly string[]>;

export interface GoField {
  /** Go's name; the type's for an embedded field. */
  readonly name: string;
  /** Name in JSON; empty for an inlined struct. */
  readonly json: string;
  /** Without a leading `*`. */
  readonly type: string;
  readonly pointer: boolean;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  readonly inline: boolean;
  /** Field number of the protobuf tag; undefined where there is none. */
  readonly number: number | undefined;
  readonly tags: ReadonlyMap<string, string>;
  readonly markers: Markers;
}

export interface GoStruct {
  readonly name: string;
  readonly markers: Markers;
  readonly fields: readonly GoField[];
}

export interface GoPackage {
  readonly structs: ReadonlyMap<string, GoStruct>;
  /** Names of declared slice and map types. */
  readonly lists: ReadonlySet<string>;
  /** Names of string types marked as enumerations. */
  readonly enums: ReadonlySet<string>;
  /** String constants by name, and their values by type. */
  readonly consts: ReadonlyMap<string, string>;
  readonly constsByType: ReadonlyMap<string, readonly string[]>;
}

function markersOf(comment: readonly string[]): Markers {
  const markers = new Map<string, string[]>();
  for (const line of comment) {
    const match = /^\s*\/\/\s*\+([\w:]+)(?:=(.*))?$/.exec(line);
    if (match === null) continue;
    const [, name = '', value = ''] = match;
    markers.set(name, [...(markers.get(name) ?? []), value.trim()]);
  }
  return markers;
}

function parseField(line: string, comment: readonly string[]): GoField | undefined {
  const match = /^\s+(?:(\w+)\s+)?([\w.*[\]]+)\s+`([^`]*)`/.exec(line);
  if (match === null) return undefined;
  const [, name, typeText = '', tagText = ''] = match;
  const tags = new Map([...tagText.matchAll(/(\w+):"((?:[^"\\]|\\.)*)"/g)].map(([, key = '', value = '']) => [key, value]));
  const json = tags.get('json');
  if (json === undefined || json === '-') return undefined;
  const [jsonName = '', ...options] = json.split(',');
  const number = /^\w+,(\d+),/.exec(tags.get('protobuf') ?? '')?.[1];
  const pointer = typeText.startsWith('*');
  const type = pointer ? typeText.slice(1) : typeText;
  return {
    name: name ?? type.replace(/^.*\./, ''),
    json: jsonName,
    type,
    pointer,
    omitEmpty: options.includes('omitempty'),
    omitZero: options.includes('omitzero'),
    inline: options.includes('inline') || (jsonName === '' && name === undefined),
    number: number === undefined ? undefined : Number(number),
    tags,
    markers: markersOf(comment),
  };
}

/** Types and constants of one package's gofmt-ed files; only what API types use of the language. */
export function parseGoPackage(files: readonly string[]): GoPackage {
  const structs = new Map<string, GoStruct>();
  const lists = new Set<string>();
  const enums = new Set<string>();
  const consts = new Map<string, string>();
  const constsByType = new Map<string, string[]>();
  for (const file of files) {
    let comment: string[] = [];
    let struct: { name: string; markers: Markers; fields: GoField[] } | undefined;
    for (const line of file.split('\n')) {
      if (/^\s*\/\//.test(line)) {
        comment.push(line);
        continue;
      }
      if (line.trim() === '') continue;
      const type = /^type (\w+) (.*)$/.exec(line);
      const constant = /^(?:const\s+|\s+)(\w+)\s+(\w+)\s+=\s+"([^"]*)"/.exec(line);
      if (struct !== undefined) {
        const field = parseField(line, comment);
        if (field !== undefined) struct.fields.push(field);
        if (line.startsWith('}')) struct = undefined;
      } else if (type !== null) {
        const [, name = '', rest = ''] = type;
        const markers = markersOf(comment);
        if (rest.startsWith('struct {') && !rest.endsWith('}')) {
          struct = { name, markers, fields: [] };
          structs.set(name, struct);
        } else if (rest.startsWith('struct')) structs.set(name, { name, markers, fields: [] });
        else if (/^(\[\]|map\[)/.test(rest)) lists.add(name);
        else if (markers.has('enum') || markers.has('k8s:enum')) enums.add(name);
      } else if (constant !== null) {
        const [, name = '', typeName = '', value = ''] = constant;
        consts.set(name, value);
        constsByType.set(typeName, [...(constsByType.get(typeName) ?? []), value]);
      }
      comment = [];
    }
  }
  return { structs, lists, enums, consts, constsByType };
}
