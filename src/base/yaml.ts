import { isMap, isScalar, type Node, parseDocument, stringify, visit } from 'yaml';

/** Aliases may not blow a small text up into a large value. */
const MAX_ALIASES = 100;

/**
 * Parses one YAML document into JSON values; throws an Error with line and column. A key that stands twice in one map is an
 * error. Takes time in proportion to the text.
 */
export function parseYaml(text: string): unknown {
  // The library's own check of keys compares every pair of them, which a large map turns into minutes.
  const document = parseDocument(text, {
    schema: 'core',
    version: '1.2',
    merge: true,
    uniqueKeys: false,
    logLevel: 'error',
  });
  const [error] = document.errors;
  if (error !== undefined) throw error;
  requireUniqueKeys(document.contents, text);
  return document.toJS({ maxAliasCount: MAX_ALIASES });
}

function requireUniqueKeys(contents: Node | null, text: string): void {
  if (contents === null) return;
  let aliases = 0;
  visit(contents, {
    Alias() {
      if (++aliases > MAX_ALIASES) throw new Error(`more than ${MAX_ALIASES} aliases`);
    },
    Map(_, map) {
      if (!isMap(map)) return;
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        const name = isScalar(key) ? key.value : undefined;
        // Merge keys may stand several times.
        if (name === undefined || name === '<<') continue;
        if (seen.has(name))
          throw new Error(`line ${lineOf(key as Node, text)}: key "${String(name)}" already set in map`);
        seen.add(name);
      }
    },
  });
}

function lineOf(node: Node, text: string): number {
  return text.slice(0, node.range?.[0] ?? 0).split('\n').length;
}

/** Writes JSON values as YAML. */
export function formatYaml(value: unknown): string {
  return stringify(value, { aliasDuplicateObjects: false, lineWidth: 0 });
}
