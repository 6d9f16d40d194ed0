import { describe, expect, test } from 'vitest';
import { formatYaml, parseYaml } from './yaml.ts';

describe('parseYaml', () => {
  test.each([
    { name: 'maps, lists and scalars', text: 'a: 1\nb: [x, true, null]\n', expected: { a: 1, b: ['x', true, null] } },
    {
      name: 'anchors and merges',
      text: 'a: &x {p: 1}\nb:\n  <<: *x\n  q: 2\n',
      expected: { a: { p: 1 }, b: { p: 1, q: 2 } },
    },
    { name: 'an empty text', text: '', expected: null },
    { name: 'JSON', text: '{"a": {"b": [1]}}', expected: { a: { b: [1] } } },
  ])('$name', ({ text, expected }) => {
    expect(parseYaml(text)).toEqual(expected);
  });

  test.each([
    { name: 'a key twice', text: 'a: 1\nb:\n  c: 1\n  c: 2\n', message: 'line 4: key "c" already set in map' },
    { name: 'a broken text', text: 'a: [1', message: 'Flow sequence' },
    {
      name: 'many aliases',
      text: `a: &x 1\nb: [${Array(101).fill('*x').join(', ')}]`,
      message: 'more than 100 aliases',
    },
  ])('refuses $name', ({ text, message }) => {
    expect(() => parseYaml(text)).toThrow(message);
  });

  test('reads a map of very many keys', () => {
    const text = Array.from({ length: 20_000 }, (_, i) => `key-${i}: value`).join('\n');
    expect(Object.keys(parseYaml(text) as object)).toHaveLength(20_000);
  });
});

test('formatYaml repeats equal objects', () => {
  const same = { a: 1 };
  expect(formatYaml({ x: same, y: same })).toBe('x:\n  a: 1\ny:\n  a: 1\n');
});
