import { describe, expect, test } from 'vitest';
import { ANY, CUSTOM, META, ref, registry } from '#test/support/typed-schemas.ts';
import type { Schema } from '../schema/schema.ts';
import { compareTyped } from './typed-compare.ts';

const POD_SPEC = ref('core.v1.PodSpec');
const CONTAINER = ref('core.v1.Container');
const DEPLOYMENT = ref('apps.v1.Deployment');

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
