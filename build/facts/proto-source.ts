export interface ProtoField {
  readonly name: string;
  readonly number: number;
  /** Scalar name, or a message's full name. For a map, the type of its values; keys are always strings. */
  readonly type: string;
  readonly repeated: boolean;
  readonly map: boolean;
}

export interface ProtoMessage {
  readonly name: string;
  readonly fields: readonly ProtoField[];
}

const SCALARS = new Set(['string', 'bytes', 'bool', 'int32', 'int64', 'uint32', 'uint64', 'double', 'float']);

/** Messages of a generated.proto file: a proto2 subset without nesting, oneof or enum. */
export function parseProto(text: string, packageName: string): ProtoMessage[] {
  const resolve = (type: string): string => {
    if (SCALARS.has(type)) return type;
    return type.includes('.') ? type.replace(/^\./, '') : `${packageName}.${type}`;
  };
  const messages: ProtoMessage[] = [];
  for (const [, name = '', body = ''] of text.matchAll(/^message (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const fields: ProtoField[] = [];
    for (const line of body.split('\n')) {
      const map = /^\s*map<string, ([\w.]+)> (\w+) = (\d+);/.exec(line);
      const plain = /^\s*(optional|repeated|required) ([\w.]+) (\w+) = (\d+)/.exec(line);
      if (map !== null) {
        const [, type = '', field = '', number = ''] = map;
        fields.push({ name: field, number: Number(number), type: resolve(type), repeated: false, map: true });
      } else if (plain !== null) {
        const [, label, type = '', field = '', number = ''] = plain;
        fields.push({ name: field, number: Number(number), type: resolve(type), repeated: label === 'repeated', map: false });
      }
    }
    messages.push({ name, fields });
  }
  return messages;
}
