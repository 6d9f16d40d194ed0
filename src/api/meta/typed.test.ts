import { describe, expect, test } from 'vitest';
import { BuiltinSchemas } from '../schema/registry.ts';
import type { Schema } from '../schema/schema.ts';
import { deepFreeze } from './clone.ts';
import { compareTyped } from './typed-compare.ts';
import { mergeTyped, removePaths } from './typed-merge.ts';
import { validateTyped } from './typed-validate.ts';
import { fieldSetOf, withNamedParents } from './typed-value.ts';

const registry = new BuiltinSchemas();
const ref = (name: string): Schema => ({ type: 'ref', name: `io.k8s.api.${name}` });
const POD_SPEC = ref('core.v1.PodSpec');
const CONTAINER = ref('core.v1.Container');
const SERVICE_SPEC = ref('core.v1.ServiceSpec');
const DEPLOYMENT = ref('apps.v1.Deployment');
const META: Schema = { type: 'ref', name: 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta' };
const ANY: Schema = { type: 'any' };
const CUSTOM: Schema = {
  type: 'object',
  required: [],
  fields: {
    tags: { schema: { type: 'list', listType: 'set', items: { type: 'string' } } },
    rows: {
      schema: {
        type: 'list',
        listType: 'map',
        keys: ['a', 'b'],
        items: {
          type: 'object',
          required: [],
          fields: {
            a: { schema: { type: 'string' } },
            b: { schema: { type: 'integer' } },
            c: { schema: { type: 'boolean' } },
          },
        },
      },
    },
    fixed: { schema: { type: 'object', atomic: true, required: [], fields: {} } },
    open: { schema: ANY },
    amount: { schema: { type: 'quantity' } },
    maybe: { schema: { type: 'string', nullable: true } },
  },
};

describe('fieldSetOf', () => {
  const rows: { name: string; schema: Schema; value: unknown; set: unknown }[] = [
    { name: 'scalars', schema: POD_SPEC, value: { nodeName: 'a' }, set: { 'f:nodeName': {} } },
    { name: 'maps by key', schema: META, value: { labels: { a: '1' } }, set: { 'f:labels': { 'f:a': {} } } },
    { name: 'empty maps', schema: META, value: { labels: {} }, set: { 'f:labels': {} } },
    { name: 'null', schema: META, value: { labels: null }, set: { 'f:labels': {} } },
    { name: 'undefined', schema: META, value: { labels: undefined }, set: {} },
    { name: 'atomic maps', schema: POD_SPEC, value: { nodeSelector: { a: '1' } }, set: { 'f:nodeSelector': {} } },
    { name: 'atomic lists', schema: POD_SPEC, value: { tolerations: [{ key: 'a' }] }, set: { 'f:tolerations': {} } },
    {
      name: 'sets',
      schema: META,
      value: { finalizers: ['x', 'y'] },
      set: { 'f:finalizers': { 'v:"x"': {}, 'v:"y"': {} } },
    },
    { name: 'empty lists with keys', schema: POD_SPEC, value: { containers: [] }, set: {} },
    {
      name: 'lists by key',
      schema: POD_SPEC,
      value: { containers: [{ name: 'a', image: '1', resources: {} }] },
      set: { 'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:name': {}, 'f:image': {}, 'f:resources': {} } } },
    },
    {
      name: 'absent keys count as their default',
      schema: CONTAINER,
      value: { ports: [{ containerPort: 80 }] },
      set: { 'f:ports': { 'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} } } },
    },
    {
      name: 'duplicates as one',
      schema: CONTAINER,
      value: {
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
        ],
      },
      set: { 'f:env': { 'k:{"name":"A"}': {} } },
    },
    {
      name: 'without schema',
      schema: ANY,
      value: { a: { b: 1 }, c: [1], d: {} },
      set: { 'f:a': { '.': {}, 'f:b': {} }, 'f:c': {}, 'f:d': {} },
    },
    { name: 'what does not fit', schema: META, value: 'x', set: {} },
    { name: 'lists that do not fit', schema: META, value: { finalizers: 'x' }, set: { 'f:finalizers': {} } },
    {
      name: 'nameless items',
      schema: CUSTOM,
      value: { rows: [{ c: true }], tags: [{}, null, [], 'a'] },
      set: { 'f:tags': { 'v:"a"': {} } },
    },
    {
      name: 'some keys',
      schema: CUSTOM,
      value: { rows: [{ b: 1 }] },
      set: { 'f:rows': { 'k:{"b":1}': { '.': {}, 'f:b': {} } } },
    },
    { name: 'atomic objects', schema: CUSTOM, value: { fixed: { a: 1 } }, set: { 'f:fixed': {} } },
  ];
  test.each(rows)('$name', ({ schema, value, set }) => expect(fieldSetOf(value, schema, registry)).toEqual(set));
});

describe('compareTyped', () => {
  const rows: {
    name: string;
    schema: Schema;
    before: unknown;
    after: unknown;
    added?: unknown;
    modified?: unknown;
    removed?: unknown;
  }[] = [
    {
      name: 'nothing',
      schema: POD_SPEC,
      before: { containers: [{ name: 'a' }] },
      after: { containers: [{ name: 'a' }] },
    },
    {
      name: 'a scalar',
      schema: POD_SPEC,
      before: { nodeName: 'a' },
      after: { nodeName: 'b' },
      modified: { 'f:nodeName': {} },
    },
    { name: 'a new scalar', schema: POD_SPEC, before: {}, after: { nodeName: 'b' }, added: { 'f:nodeName': {} } },
    { name: 'a lost scalar', schema: POD_SPEC, before: { nodeName: 'b' }, after: {}, removed: { 'f:nodeName': {} } },
    {
      name: 'undefined is absent',
      schema: POD_SPEC,
      before: { nodeName: 'b' },
      after: { nodeName: undefined },
      removed: { 'f:nodeName': {} },
    },
    {
      name: 'a new map owns itself',
      schema: META,
      before: {},
      after: { labels: { a: '1' } },
      added: { 'f:labels': { '.': {}, 'f:a': {} } },
    },
    {
      name: 'a new key',
      schema: META,
      before: { labels: { b: '1' } },
      after: { labels: { a: '1', b: '1' } },
      added: { 'f:labels': { 'f:a': {} } },
    },
    {
      name: 'an emptied map',
      schema: META,
      before: { labels: { b: '1' } },
      after: { labels: {} },
      removed: { 'f:labels': { 'f:b': {} } },
    },
    {
      name: 'null for an empty map',
      schema: META,
      before: { labels: {} },
      after: { labels: null },
      modified: { 'f:labels': {} },
    },
    { name: 'two empty maps', schema: META, before: { labels: {} }, after: { labels: {} } },
    { name: 'two empty lists', schema: META, before: { finalizers: [] }, after: { finalizers: [] } },
    {
      name: 'null for an empty list',
      schema: META,
      before: { finalizers: [] },
      after: { finalizers: null },
      modified: { 'f:finalizers': {} },
    },
    {
      name: 'an atomic list',
      schema: POD_SPEC,
      before: { tolerations: [{ key: 'a' }] },
      after: { tolerations: [] },
      modified: { 'f:tolerations': {} },
    },
    {
      name: 'an item among others',
      schema: POD_SPEC,
      before: { containers: [{ name: 'a', image: '1' }, { name: 'b' }] },
      after: { containers: [{ name: 'a', image: '2' }, { name: 'b' }] },
      modified: { 'f:containers': { 'k:{"name":"a"}': { 'f:image': {} } } },
    },
    {
      name: 'items by key, whatever their order',
      schema: POD_SPEC,
      before: { containers: [{ name: 'a' }, { name: 'b', tty: true }] },
      after: { containers: [{ name: 'b' }, { name: 'a' }, { name: 'c' }] },
      added: { 'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:name': {} } } },
      removed: { 'f:containers': { 'k:{"name":"b"}': { 'f:tty': {} } } },
    },
    {
      name: 'a lost item',
      schema: POD_SPEC,
      before: { containers: [{ name: 'a' }, { name: 'b' }] },
      after: { containers: [{ name: 'b' }] },
      removed: { 'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:name': {} } } },
    },
    {
      name: 'set members',
      schema: META,
      before: { finalizers: ['a', 'b'] },
      after: { finalizers: ['b', 'c'] },
      added: { 'f:finalizers': { 'v:"c"': {} } },
      removed: { 'f:finalizers': { 'v:"a"': {} } },
    },
    {
      name: 'structs that Go holds by value always are there',
      schema: DEPLOYMENT,
      before: {},
      after: { spec: { template: { spec: { containers: [{ name: 'a' }] }, metadata: { labels: { a: '1' } } } } },
      added: {
        'f:spec': {
          'f:template': {
            'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
            'f:spec': { 'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:name': {} } } },
          },
        },
      },
    },
    {
      name: 'and so when they go',
      schema: DEPLOYMENT,
      before: { spec: { replicas: 1, strategy: { type: 'Recreate' } } },
      after: {},
      removed: { 'f:spec': { 'f:replicas': {}, 'f:strategy': { 'f:type': {} } } },
    },
    {
      name: 'duplicates on one side',
      schema: CONTAINER,
      before: { env: [{ name: 'A', value: '1' }] },
      after: {
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
        ],
      },
      added: { 'f:env': { 'k:{"name":"A"}': {} } },
      removed: { 'f:env': { 'k:{"name":"A"}': { '.': {}, 'f:name': {}, 'f:value': {} } } },
    },
    {
      name: 'duplicates that go',
      schema: CONTAINER,
      before: {
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
        ],
      },
      after: { env: [{ name: 'A', value: '1' }] },
      added: { 'f:env': { 'k:{"name":"A"}': { '.': {}, 'f:name': {}, 'f:value': {} } } },
      removed: { 'f:env': { 'k:{"name":"A"}': {} } },
    },
    {
      name: 'duplicates on both sides',
      schema: CONTAINER,
      before: {
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '2' },
        ],
      },
      after: {
        env: [
          { name: 'A', value: '1' },
          { name: 'A', value: '3' },
        ],
      },
      modified: { 'f:env': { 'k:{"name":"A"}': {} } },
    },
    { name: 'another type', schema: ANY, before: { a: { b: 1 } }, after: { a: 'x' }, modified: { 'f:a': {} } },
    {
      name: 'a new list in a new object',
      schema: CUSTOM,
      before: {},
      after: { rows: [], tags: ['a'], open: { a: [] } },
      added: { 'f:rows': {}, 'f:tags': { '.': {}, 'v:"a"': {} }, 'f:open': { '.': {}, 'f:a': {} } },
    },
  ];
  test.each(rows)('$name', ({ schema, before, after, added = {}, modified = {}, removed = {} }) => {
    expect(compareTyped(before, after, schema, registry)).toEqual({ added, modified, removed });
  });
});

describe('mergeTyped', () => {
  const names = (list: string) => list.split('').map((name) => ({ name }));
  const rows: { name: string; schema: Schema; live: unknown; config: unknown; result: unknown }[] = [
    {
      name: 'maps',
      schema: META,
      live: { labels: { a: '1', b: '1' } },
      config: { labels: { b: '2' } },
      result: { labels: { a: '1', b: '2' } },
    },
    {
      name: 'atomics replace',
      schema: POD_SPEC,
      live: { nodeSelector: { a: '1' } },
      config: { nodeSelector: { b: '1' } },
      result: { nodeSelector: { b: '1' } },
    },
    {
      name: 'nothing stated',
      schema: META,
      live: { labels: { a: '1' } },
      config: undefined,
      result: { labels: { a: '1' } },
    },
    { name: 'nothing live', schema: META, live: undefined, config: { name: 'a' }, result: { name: 'a' } },
    {
      name: 'null of a scalar deletes',
      schema: POD_SPEC,
      live: { nodeName: 'a' },
      config: { nodeName: null },
      result: {},
    },
    {
      name: 'null of a nullable scalar stays',
      schema: CUSTOM,
      live: { maybe: 'a' },
      config: { maybe: null },
      result: { maybe: null },
    },
    {
      name: 'null of a map keeps',
      schema: META,
      live: { labels: { a: '1' } },
      config: { labels: null },
      result: { labels: { a: '1' } },
    },
    { name: 'another type replaces', schema: ANY, live: { a: { b: 1 } }, config: { a: [1] }, result: { a: [1] } },
    {
      name: 'items',
      schema: POD_SPEC,
      live: { containers: [{ name: 'a', image: '1' }, { name: 'b' }] },
      config: { containers: [{ name: 'a', tty: true }] },
      result: { containers: [{ name: 'a', image: '1', tty: true }, { name: 'b' }] },
    },
    {
      name: 'ports by number and protocol',
      schema: SERVICE_SPEC,
      live: { ports: [{ port: 53, protocol: 'TCP' }] },
      config: {
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, name: 'x' },
        ],
      },
      result: {
        ports: [
          { port: 53, protocol: 'UDP' },
          { port: 53, protocol: 'TCP', name: 'x' },
        ],
      },
    },
    {
      name: 'sets',
      schema: META,
      live: { finalizers: ['a', 'b'] },
      config: { finalizers: ['c', 'a'] },
      result: { finalizers: ['c', 'a', 'b'] },
    },
  ];
  test.each(rows)('$name', ({ schema, live, config, result }) => {
    expect(mergeTyped(deepFreeze(live), deepFreeze(config), schema, registry)).toEqual(result);
  });

  test.each([
    { live: 'abc', config: '', result: 'abc' },
    { live: '', config: 'abc', result: 'abc' },
    { live: 'abc', config: 'd', result: 'abcd' },
    { live: 'abc', config: 'cba', result: 'cba' },
    { live: 'abc', config: 'b', result: 'abc' },
    { live: 'axb', config: 'ab', result: 'axb' },
    { live: 'axb', config: 'ba', result: 'xba' },
    { live: 'abcd', config: 'dc', result: 'abdc' },
    { live: 'aab', config: 'a', result: 'ab' },
  ])('order of $live and $config', ({ live, config, result }) => {
    const merged = mergeTyped({ containers: names(live) }, { containers: names(config) }, POD_SPEC, registry);
    expect((merged as { containers: { name: string }[] }).containers.map(({ name }) => name).join('')).toBe(result);
  });
});

describe('removePaths', () => {
  const rows: { name: string; value: unknown; set: Parameters<typeof removePaths>[1]; result: unknown }[] = [
    { name: 'a leaf', value: { nodeName: 'a', dnsPolicy: 'b' }, set: { 'f:nodeName': {} }, result: { dnsPolicy: 'b' } },
    {
      name: 'an item',
      value: { containers: [{ name: 'a' }, { name: 'b' }] },
      set: { 'f:containers': { 'k:{"name":"a"}': {} } },
      result: { containers: [{ name: 'b' }] },
    },
    {
      name: 'part of an item',
      value: { containers: [{ name: 'a', tty: true }] },
      set: { 'f:containers': { 'k:{"name":"a"}': { 'f:tty': {} } } },
      result: { containers: [{ name: 'a' }] },
    },
    {
      name: 'all items',
      value: { containers: [{ name: 'a' }] },
      set: { 'f:containers': { 'k:{"name":"a"}': {} } },
      result: { containers: [] },
    },
    {
      name: 'not inside atomics',
      value: { nodeSelector: { a: '1' } },
      set: { 'f:nodeSelector': { 'f:a': {} } },
      result: { nodeSelector: { a: '1' } },
    },
    { name: 'what is not there', value: { nodeName: 'a' }, set: { 'f:x': {} }, result: { nodeName: 'a' } },
  ];
  test.each(rows)('$name', ({ value, set, result }) =>
    expect(removePaths(value, set, POD_SPEC, registry)).toEqual(result),
  );
});

test('withNamedParents adds structs, not keys of maps or items', () => {
  const set = {
    'f:metadata': { 'f:labels': { 'f:a': {} } },
    'f:spec': { 'f:template': { 'f:spec': { 'f:containers': { 'k:{"name":"a"}': { 'f:image': {} } } } } },
  };
  expect(withNamedParents(set, DEPLOYMENT, registry)).toEqual({
    'f:metadata': { '.': {}, 'f:labels': { '.': {}, 'f:a': {} } },
    'f:spec': {
      '.': {},
      'f:template': {
        '.': {},
        'f:spec': { '.': {}, 'f:containers': { '.': {}, 'k:{"name":"a"}': { 'f:image': {} } } },
      },
    },
  });
  expect(withNamedParents({ 'f:open': { 'f:a': { 'f:b': {} } } }, CUSTOM, registry)).toEqual({
    'f:open': { '.': {}, 'f:a': { 'f:b': {} } },
  });
});

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
