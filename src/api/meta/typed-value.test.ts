import { describe, expect, test } from 'vitest';
import { ANY, CUSTOM, META, ref, registry } from '#test/support/typed-schemas.ts';
import type { Schema } from '../schema/schema.ts';
import { fieldSetOf, withNamedParents } from './typed-value.ts';

const POD_SPEC = ref('core.v1.PodSpec');
const CONTAINER = ref('core.v1.Container');
const DEPLOYMENT = ref('apps.v1.Deployment');

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
