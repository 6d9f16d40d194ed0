import { describe, expect, test } from 'vitest';
import type { Write } from '../kvstore.ts';
import { buffersOf, isTombstone, packItems, packWrites, unpackItems, unpackWrites } from './messages.ts';

const pooled = (text: string) => Buffer.from(`<${text}>`).subarray(1, -1);

describe('writes', () => {
  const writes: Write[] = [
    { type: 'put', key: 'a', value: pooled('one') },
    { type: 'put', key: 'empty', value: Buffer.alloc(0), expect: { modRevision: 0 } },
    { type: 'delete', key: 'b' },
    { type: 'delete', key: 'c', expect: { modRevision: 7 } },
    { type: 'put', key: 'd', value: pooled('two'), expect: { modRevision: 2 ** 40 }, ttlSeconds: 0.5 },
  ];

  test('come out as they went in, also through a transfer', () => {
    const { packed, transfer } = packWrites(writes);
    expect(unpackWrites(structuredClone(packed, { transfer }))).toEqual(writes);
    expect(packed.values.length).toBe(0);
  });

  test('carry only their own bytes, not the pool they are cut from', () => {
    expect(packWrites(writes).packed.values.buffer.byteLength).toBe(6);
  });
});

describe('items', () => {
  const items = [
    { key: 'a', createRevision: 1, modRevision: 3, value: pooled('one') },
    { key: 'gone', createRevision: 2, modRevision: 4, value: undefined },
    { key: 'never', createRevision: 0, modRevision: 0, value: undefined },
    { key: 'empty', createRevision: 5, modRevision: 5, value: Buffer.alloc(0) },
  ];

  test.each([{ copy: true }, { copy: false }])('come out as they went in, $copy', ({ copy }) => {
    const original = packItems(items, { withKeys: true });
    const packed = structuredClone(original, { transfer: buffersOf(original) });
    const [a, gone, never, empty] = unpackItems(packed, { copy });
    expect(a).toEqual({ key: 'a', createRevision: 1, modRevision: 3, value: Buffer.from('one') });
    expect(gone).toMatchObject({ modRevision: 4, value: Buffer.alloc(0) });
    expect(never).toBeUndefined();
    expect(empty).toMatchObject({ modRevision: 5, value: Buffer.alloc(0) });
    expect([0, 1, 3].map((index) => isTombstone(packed, index))).toEqual([false, true, false]);
    expect(a?.value.buffer === packed.values.buffer).toBe(!copy);
  });

  test('take the keys from the receiver where they were left out', () => {
    const packed = packItems(items, { withKeys: false });
    expect(packed.keys).toEqual([]);
    const keys = items.map(({ key }) => key);
    expect(unpackItems(packed, { keys, copy: false })[3]).toMatchObject({ key: 'empty' });
  });
});
