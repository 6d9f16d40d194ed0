/** How Go prints text: messages that users know from Kubernetes quote and escape the way its printf verbs do. */

const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;
const PLAIN_JSON = /^[\w .,:;/()=+-]*$/;
const SPECIAL = /["\\]|[^\P{C}]|[^\P{Z} ]|[\ud800-\udfff]/gu;
const NAMED: Readonly<Record<string, string>> = {
  '"': '\\"',
  '\\': '\\\\',
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

/** Quotes text as Go's `%q` does. */
export function goQuote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return `"${text.replace(SPECIAL, escapeRune)}"`;
}

function escapeRune(rune: string): string {
  const named = NAMED[rune];
  if (named !== undefined) return named;
  const code = rune.codePointAt(0) ?? 0;
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`;
  return code > 0xffff ? `\\U${hex(code, 8)}` : `\\u${hex(code, 4)}`;
}

const hex = (code: number, width: number) => code.toString(16).padStart(width, '0');

/** Encodes a value as Go's JSON encoder does, which escapes the characters HTML minds. */
export function goJson(value: unknown): string {
  if (typeof value === 'string' && PLAIN_JSON.test(value)) return `"${value}"`;
  return escapeJsonHtml(JSON.stringify(value) ?? 'null');
}

/** Escapes `<`, `>`, `&` and the two line separators inside JSON text. */
export function escapeJsonHtml(json: string): string {
  return json.replace(/[<>&\u2028\u2029]/g, (char) => `\\u${hex(char.charCodeAt(0), 4)}`);
}

/** Replaces `&`, `<` and `>` by entities: what upstream does to user-controlled text in Forbidden messages. */
export function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

/** Prints a JSON value as Go's `%v` prints decoded JSON: `map[a:1 b:[x y]]`, keys sorted. */
export function goValue(value: unknown): string {
  if (value === null || value === undefined) return '<nil>';
  if (Array.isArray(value)) return `[${value.map(goValue).join(' ')}]`;
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `map[${entries.map(([key, item]) => `${key}:${goValue(item)}`).join(' ')}]`;
}
