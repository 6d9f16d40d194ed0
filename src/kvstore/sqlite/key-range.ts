const LAST_CODE_POINT = 0x10ffff;

/**
 * The smallest key, in order of UTF-8 bytes (which is the order of code points), after all keys with the prefix; undefined when
 * no key comes after them.
 */
export function prefixEnd(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === LAST_CODE_POINT) continue;
    // Surrogates are not characters: the code point after U+D7FF is U+E000.
    const next = last === 0xd7ff ? 0xe000 : last + 1;
    return String.fromCodePoint(...points, next);
  }
  return undefined;
}
