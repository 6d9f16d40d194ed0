import { parse, parseAllDocuments, stringify, YAMLParseError } from 'yaml';

/** Parses one YAML document into JSON values; throws an Error with line and column. */
export function parseYaml(text: string): unknown {
  return parse(text, { schema: 'core', version: '1.2', merge: true, maxAliasCount: 100 });
}

/** Parses a stream of documents, skipping empty ones. */
export function parseYamlDocuments(text: string): unknown[] {
  const documents = parseAllDocuments(text, { schema: 'core', version: '1.2', merge: true });
  return [...documents].flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    const value: unknown = document.toJS({ maxAliasCount: 100 });
    return value === null ? [] : [value];
  });
}

/** Writes JSON values as YAML. */
export function formatYaml(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 });
}

export { YAMLParseError };
