import { describe, expect, test } from 'vitest';
import { CUSTOM, META, ref, registry } from '#test/support/typed-schemas.ts';
import type { Schema } from '../schema/schema.ts';
import { validateTyped } from './typed-validate.ts';

const POD_SPEC = ref('core.v1.PodSpec');
const CONTAINER = ref('core.v1.Container');

describe('validateTyped', () => {
  const rows: { schema: Schema; value: unknown; problems: string[] }[] = [
    {
      schema: POD_SPEC,
      value: { containers: [{ name: 'a', image: '1', ports: [{ containerPort: 1 }] }], nodeName: null },
      problems: [],
    },
    {
      schema: CUSTOM,
      value: { amount: 1, open: { anything: [1] }, rows: [{ a: 'x', c: true }], tags: ['a'], maybe: 'x' },
      problems: [],
    },
    {
      schema: POD_SPEC,
      value: { containers: [{ name: 'a', x: 1 }] },
      problems: ['.containers[name="a"].x: field not declared in schema'],
    },
    { schema: POD_SPEC, value: { toString: 1 }, problems: ['.toString: field not declared in schema'] },
    {
      schema: CONTAINER,
      value: { env: [{ name: 'A' }, { name: 'A' }] },
      problems: ['.env: duplicate entries for key [name="A"]'],
    },
    {
      schema: POD_SPEC,
      value: { containers: [{}] },
      problems: ['.containers: element 0: associative list with keys has an element that omits all key fields'],
    },
    {
      schema: POD_SPEC,
      value: { containers: ['x'] },
      problems: ['.containers: element 0: associative list with keys may not have non-map elements'],
    },
    {
      schema: CUSTOM,
      value: { tags: [{}] },
      problems: ["element 0: associative list without keys has an element that's a map type"],
    },
    {
      schema: CUSTOM,
      value: { tags: [[]] },
      problems: ['element 0: not supported: associative list with lists as elements'],
    },
    {
      schema: CUSTOM,
      value: { tags: [null] },
      problems: ["element 0: associative list without keys has an element that's an explicit null"],
    },
    { schema: POD_SPEC, value: { containers: {} }, problems: ['.containers: expected list, got &{map[]}'] },
    { schema: META, value: { labels: ['a'] }, problems: ['.labels: expected map, got &{[a]}'] },
    { schema: POD_SPEC, value: { priority: '1' }, problems: ['.priority: expected numeric (int or float), got &{1}'] },
    { schema: POD_SPEC, value: { hostNetwork: 'x' }, problems: ['.hostNetwork: expected boolean, got &{x}'] },
    { schema: POD_SPEC, value: { nodeName: 1 }, problems: ['.nodeName: expected string, got &{1}'] },
    { schema: CUSTOM, value: { amount: true }, problems: ['.amount: expected scalar, got &{true}'] },
    { schema: POD_SPEC, value: 'x', problems: ['expected map, got &{x}'] },
  ];
  test.each(rows)('$problems', ({ schema, value, problems }) => {
    const found = validateTyped(value, schema, registry);
    expect(found).toEqual(problems.map((problem) => expect.stringContaining(problem)));
  });
});
