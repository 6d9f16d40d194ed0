import { describe, expect, test } from 'vitest';
import { ANY, CUSTOM, META, ref, registry } from '#test/support/typed-schemas.ts';
import type { Schema } from '../schema/schema.ts';
import { deepFreeze } from './clone.ts';
import { mergeTyped, removePaths } from './typed-merge.ts';

const POD_SPEC = ref('core.v1.PodSpec');
const SERVICE_SPEC = ref('core.v1.ServiceSpec');

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
