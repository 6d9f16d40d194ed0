import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  CompactedError,
  FutureRevisionError,
  type KvStore,
  StoreError,
  type StoreEvent,
  type WriteResult,
} from '#kvstore/kvstore.ts';
import { eventually } from '#test/support/eventually.ts';

export interface KvStoreAdapter {
  /** Makes a store, not yet started, on an empty folder or on what an earlier one left there. */
  open: (folder: string) => KvStore;
  /** Whether a second store sees what the first one wrote. */
  isPersistent: boolean;
}

/** What every store must do; run it for each adapter. */
export function kvStoreSuite(adapter: string, { open, isPersistent }: KvStoreAdapter): void {
  let folder: string;
  let store: KvStore;

  const put = (key: string, value: string | Buffer, options: { expected?: number; ttlSeconds?: number } = {}) => {
    const { expected, ttlSeconds } = options;
    return store.write({
      type: 'put',
      key,
      value: Buffer.from(value),
      ...(expected !== undefined && { expect: { modRevision: expected } }),
      ...(ttlSeconds !== undefined && { ttlSeconds }),
    });
  };
  const remove = (key: string, expected?: number) =>
    store.write({ type: 'delete', key, ...(expected !== undefined && { expect: { modRevision: expected } }) });
  const keysOf = async (options: Parameters<KvStore['range']>[0]) =>
    (await store.range(options)).items.map(({ key }) => key);
  const reopen = async () => {
    await store.stop();
    store = open(folder);
    await store.start(AbortSignal.timeout(10_000));
  };

  describe(`kvstore: ${adapter}`, () => {
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'skiff-kvstore-'));
      store = open(folder);
      await store.start(AbortSignal.timeout(10_000));
    });

    afterEach(async () => {
      await store.stop();
      await rm(folder, { recursive: true });
    });

    describe('writes', () => {
      test('a new store is at revision 0 and empty', async () => {
        expect(store.revision).toBe(0);
        expect(store.compactedRevision).toBe(0);
        expect(await store.range({ prefix: '' })).toEqual({ items: [], remaining: 0, revision: 0 });
        expect(await store.get('a')).toBeUndefined();
      });

      test('each write has the next revision, keys remember creation and last change', async () => {
        expect(await put('a', '1')).toEqual({ ok: true, revision: 1 });
        expect(await put('b', '1')).toEqual({ ok: true, revision: 2 });
        const before = { key: 'a', value: Buffer.from('1'), createRevision: 1, modRevision: 1 };
        expect(await put('a', '2')).toEqual({ ok: true, revision: 3, previous: before });
        expect(await store.get('a')).toEqual({ key: 'a', value: Buffer.from('2'), createRevision: 1, modRevision: 3 });
        expect(store.revision).toBe(3);
      });

      test('a delete takes a revision and returns what it removed', async () => {
        await put('a', '1');
        const before = { key: 'a', value: Buffer.from('1'), createRevision: 1, modRevision: 1 };
        expect(await remove('a')).toEqual({ ok: true, revision: 2, previous: before });
        expect(await store.get('a')).toBeUndefined();
      });

      test('deleting an absent key changes nothing', async () => {
        await put('a', '1');
        expect(await remove('b')).toEqual({ ok: true, revision: 1 });
        expect(await remove('b', 0)).toEqual({ ok: true, revision: 1 });
        expect(store.revision).toBe(1);
      });

      test('a key written after its delete is a new one', async () => {
        await put('a', '1');
        await remove('a');
        expect(await put('a', '2')).toEqual({ ok: true, revision: 3 });
        expect(await store.get('a')).toMatchObject({ createRevision: 3, modRevision: 3 });
      });

      test.each([
        { name: 'create of a present key', expected: 0 },
        { name: 'an older revision', expected: 1 },
        { name: 'a revision that never was', expected: 99 },
      ])('is refused, with the present value: $name', async ({ expected }) => {
        await put('a', '1');
        await put('a', '2');
        const current = { key: 'a', value: Buffer.from('2'), createRevision: 1, modRevision: 2 };
        expect(await put('a', '3', { expected })).toEqual({ ok: false, current });
        expect(await remove('a', expected)).toEqual({ ok: false, current });
        expect(await store.get('a')).toEqual(current);
        expect(store.revision).toBe(2);
      });

      test('an expectation about an absent key is refused without a value', async () => {
        expect(await put('a', '1', { expected: 5 })).toEqual({ ok: false, current: undefined });
        expect(await remove('a', 5)).toEqual({ ok: false, current: undefined });
      });

      test('expectations that hold let the write through', async () => {
        expect(await put('a', '1', { expected: 0 })).toMatchObject({ ok: true, revision: 1 });
        expect(await put('a', '2', { expected: 1 })).toMatchObject({ ok: true, revision: 2 });
        expect(await remove('a', 2)).toMatchObject({ ok: true, revision: 3 });
        expect(await put('a', '3', { expected: 0 })).toMatchObject({ ok: true, revision: 4 });
      });

      test('writes of one turn are judged one by one, in order', async () => {
        const results = await Promise.all([
          put('a', 'first', { expected: 0 }),
          put('a', 'loses', { expected: 0 }),
          put('a', 'second', { expected: 1 }),
          put('b', 'other'),
          remove('a', 2),
          put('a', 'again', { expected: 0 }),
        ]);
        const outcome = (result: WriteResult) =>
          result.ok ? result.revision : `current ${result.current?.modRevision}`;
        expect(results.map(outcome)).toEqual([1, 'current 1', 2, 3, 4, 5]);
        expect(await store.get('a')).toEqual({
          key: 'a',
          value: Buffer.from('again'),
          createRevision: 5,
          modRevision: 5,
        });
      });

      test('of many writers racing for one key exactly one wins each round', async () => {
        let revision = 0;
        for (let round = 0; round < 10; round++) {
          const results = await Promise.all(
            Array.from({ length: 20 }, (_, i) => put('a', `${i}`, { expected: revision })),
          );
          const won = results.filter((result) => result.ok);
          expect(won).toHaveLength(1);
          revision = (await store.get('a'))?.modRevision ?? 0;
          expect(won[0]).toMatchObject({ revision });
        }
      });

      test('thousands of writes of one turn all get their revision, without a gap', async () => {
        const results = await Promise.all(Array.from({ length: 3000 }, (_, i) => put(`k/${i}`, `${i}`)));
        expect(results).toEqual(results.map((_, i) => ({ ok: true, revision: i + 1 })));
        expect(await store.get('k/2999')).toMatchObject({ value: Buffer.from('2999') });
      });
    });

    describe('values and keys', () => {
      test.each([
        { name: 'an empty value', value: Buffer.alloc(0) },
        { name: 'every byte', value: Buffer.from(Array.from({ length: 256 }, (_, i) => i)) },
        { name: 'a part of a larger buffer', value: Buffer.from('xxVALUExx').subarray(2, 7) },
        { name: '1.5 MB', value: Buffer.alloc(1_500_000, 'skiff') },
      ])('keeps $name', async ({ value }) => {
        await put('a', value);
        await put('b', 'neighbour');
        expect((await store.get('a'))?.value.equals(value)).toBe(true);
        expect((await store.range({ prefix: 'a' })).items[0]?.value.equals(value)).toBe(true);
        const again = await put('a', 'new');
        expect(again.ok && again.previous?.value.equals(value)).toBe(true);
      });

      test('keys may hold any character and come in order of their UTF-8 bytes', async () => {
        // In UTF-16, the order of plain string comparison, the last two stand the other way round.
        const keys = ['a', 'a\0', 'a b', 'a/b', 'a0', 'aa', 'ä', '界', '\uffee', '😀'];
        for (const key of keys.toReversed()) await put(key, key);
        expect(await keysOf({ prefix: '' })).toEqual(keys);
        expect(await keysOf({ prefix: 'a' })).toEqual(keys.slice(0, 6));
        expect(await keysOf({ prefix: '', start: '\uffee' })).toEqual(['\uffee', '😀']);
        expect((await store.get('😀'))?.value.toString()).toBe('😀');
      });

      test.each(['\ud7ff', '\u{10ffff}', 'a\u{10ffff}', 'ÿ'])(
        'a prefix that ends in a last character: %j',
        async (prefix) => {
          await put(`${prefix}x`, '');
          await put(prefix, '');
          await put('b', '');
          expect(await keysOf({ prefix })).toEqual([prefix, `${prefix}x`]);
        },
      );
    });

    describe('range', () => {
      beforeEach(async () => {
        for (const key of ['p/a', 'p/b', 'p/c', 'p/d', 'pa', 'q/a']) await put(key, key);
      });

      test('finds exactly the keys with the prefix', async () => {
        const { items, remaining, revision } = await store.range({ prefix: 'p/' });
        expect(items.map(({ key, value }) => [key, value.toString()])).toEqual(
          ['p/a', 'p/b', 'p/c', 'p/d'].map((key) => [key, key]),
        );
        expect({ remaining, revision }).toEqual({ remaining: 0, revision: 6 });
        expect(await keysOf({ prefix: 'x' })).toEqual([]);
      });

      test.each([
        { name: 'first page', start: undefined, limit: 2, keys: ['p/a', 'p/b'], remaining: 2 },
        { name: 'page from a start', start: 'p/b', limit: 2, keys: ['p/b', 'p/c'], remaining: 1 },
        { name: 'start between two keys', start: 'p/b\0', limit: 9, keys: ['p/c', 'p/d'], remaining: 0 },
        { name: 'exactly the rest', start: 'p/c', limit: 2, keys: ['p/c', 'p/d'], remaining: 0 },
        { name: 'start after the last', start: 'p/e', limit: 2, keys: [], remaining: 0 },
        { name: 'no items, only the count', start: undefined, limit: 0, keys: [], remaining: 4 },
      ])('pages: $name', async ({ start, limit, keys, remaining }) => {
        const asked = { prefix: 'p/', limit, ...(start !== undefined && { start }) };
        const check = async (revision?: number) => {
          const page = await store.range({ ...asked, ...(revision !== undefined && { revision }) });
          expect({
            keys: page.items.map(({ key }) => key),
            remaining: page.remaining,
            revision: page.revision,
          }).toEqual({
            keys,
            remaining,
            revision: 6,
          });
        };
        await check();
        await put('p/aa', 'later');
        await remove('p/c');
        await put('p/d', 'changed');
        await check(6);
      });

      test('refuses a start without the prefix', async () => {
        await expect(store.range({ prefix: 'p/', start: 'q' })).rejects.toThrow(RangeError);
      });

      test('shows any past revision exactly', async () => {
        await put('p/a', 'new');
        await remove('p/b');
        await put('p/b', 'reborn');
        await put('p/e', 'e');
        await remove('p/d');
        const at = async (revision: number) =>
          (await store.range({ prefix: 'p/', revision })).items.map(
            ({ key, value, createRevision, modRevision }) => `${key}=${value} ${createRevision}/${modRevision}`,
          );
        expect(await at(1)).toEqual(['p/a=p/a 1/1']);
        expect(await at(2)).toEqual(['p/a=p/a 1/1', 'p/b=p/b 2/2']);
        const untouched = ['p/c=p/c 3/3', 'p/d=p/d 4/4'];
        expect(await at(7)).toEqual(['p/a=new 1/7', 'p/b=p/b 2/2', ...untouched]);
        expect(await at(8)).toEqual(['p/a=new 1/7', ...untouched]);
        expect(await at(10)).toEqual(['p/a=new 1/7', 'p/b=reborn 9/9', ...untouched, 'p/e=e 10/10']);
        expect(await at(11)).toEqual(['p/a=new 1/7', 'p/b=reborn 9/9', 'p/c=p/c 3/3', 'p/e=e 10/10']);
      });

      test('a future revision is refused', async () => {
        const failure = store.range({ prefix: '', revision: 7 });
        await expect(failure).rejects.toThrow(FutureRevisionError);
        await expect(failure).rejects.toMatchObject({ asked: 7, revision: 6 });
      });
    });

    describe('watch', () => {
      const collect = () => {
        const seen: StoreEvent[] = [];
        return { seen, listener: (events: readonly StoreEvent[]) => void seen.push(...events) };
      };
      const brief = ({ type, current, previous }: StoreEvent) =>
        `${type} ${current.key}=${current.value} ${current.createRevision}/${current.modRevision}${previous ? ` was ${previous.value}/${previous.modRevision}` : ''}`;

      test('tells every change with what was before', async () => {
        const { seen, listener } = collect();
        await store.watch({ prefix: '', afterRevision: 0 }, listener);
        await put('a', '1');
        await put('a', '2');
        await remove('a');
        await remove('a');
        await put('a', '3');
        const told = ['put a=1 1/1', 'put a=2 1/2 was 1/1', 'delete a=2 1/3 was 2/2', 'put a=3 4/4'];
        expect(seen.map(brief)).toEqual(told);
        const replayed = collect();
        await store.watch({ prefix: '', afterRevision: 0 }, replayed.listener);
        expect(replayed.seen.map(brief)).toEqual(told);
        const rest = collect();
        await store.watch({ prefix: '', afterRevision: 2 }, rest.listener);
        expect(rest.seen.map(brief)).toEqual(told.slice(2));
      });

      test('the listener has heard of a write before the writer does', async () => {
        const { seen, listener } = collect();
        await store.watch({ prefix: '', afterRevision: 0 }, listener);
        await Promise.all(
          Array.from({ length: 50 }, async (_, i) => {
            const result = await put(`k/${i}`, '');
            expect(seen.some(({ current }) => result.ok && current.modRevision === result.revision)).toBe(true);
          }),
        );
      });

      test('the revision is that of the newest event while it is told', async () => {
        const told: number[][] = [];
        await store.watch({ prefix: '', afterRevision: 0 }, (events) => {
          told.push([store.revision, events.at(-1)?.current.modRevision ?? -1]);
        });
        await Promise.all([put('a', ''), put('b', '')]);
        for (const [revision, newest] of told) expect(revision).toBe(newest);
        expect(told.at(-1)).toEqual([2, 2]);
      });

      test('hears only of its prefix, and never of an empty list', async () => {
        const { seen, listener } = collect();
        let isEmpty = false;
        await store.watch({ prefix: 'p/', afterRevision: 0 }, (events) => {
          isEmpty ||= events.length === 0;
          listener(events);
        });
        await Promise.all([put('p', ''), put('p/a', ''), put('q/a', ''), put('p/b', '')]);
        await put('z', '');
        expect(seen.map(({ current }) => current.key)).toEqual(['p/a', 'p/b']);
        expect(isEmpty).toBe(false);
      });

      test('hears nothing after it was ended, even within a round', async () => {
        const calls: string[] = [];
        let endSecond = () => {};
        const endFirst = await store.watch({ prefix: '', afterRevision: 0 }, () => {
          calls.push('first');
          endSecond();
        });
        endSecond = await store.watch({ prefix: '', afterRevision: 0 }, () => void calls.push('second'));
        await put('a', '');
        endFirst();
        await put('a', '');
        expect(calls).toEqual(['first']);
      });

      test('watches that start while many write miss nothing and repeat nothing', async () => {
        const WRITES = 2000;
        const watches: { after: number; seen: StoreEvent[] }[] = [];
        const watch = async (afterRevision: number) => {
          const { seen, listener } = collect();
          watches.push({ after: afterRevision, seen });
          await store.watch({ prefix: 'k/', afterRevision }, listener);
        };
        const starting: Promise<void>[] = [watch(0)];
        let next = 0;
        await Promise.all(
          Array.from({ length: 32 }, async () => {
            while (next < WRITES) {
              const i = next++;
              const result = await put(`k/${i % 37}`, `${i}`);
              if (i % 100 === 0 && result.ok) starting.push(watch(0), watch(result.revision), watch(store.revision));
            }
          }),
        );
        await Promise.all(starting);
        expect(store.revision).toBe(WRITES);
        for (const { after, seen } of watches) {
          const expected = Array.from({ length: WRITES - after }, (_, i) => after + i + 1);
          expect(seen.map(({ current }) => current.modRevision)).toEqual(expected);
          for (const { current, previous } of seen)
            expect(previous?.modRevision ?? 0).toBeLessThan(current.modRevision);
        }
        expect(watches.length).toBeGreaterThan(50);
      });

      test('a future revision is refused', async () => {
        await expect(store.watch({ prefix: '', afterRevision: 1 }, () => {})).rejects.toThrow(FutureRevisionError);
      });
    });

    describe('compact', () => {
      beforeEach(async () => {
        await put('a', '1');
        await put('a', '2');
        await put('b', '1');
        await remove('b');
        await put('a', '3');
        await put('c', '1');
        await store.compact(4);
      });

      test('keeps current values and later history', async () => {
        expect(store.compactedRevision).toBe(4);
        expect(await keysOf({ prefix: '' })).toEqual(['a', 'c']);
        const { items } = await store.range({ prefix: '', revision: 5 });
        expect(items).toEqual([{ key: 'a', value: Buffer.from('3'), createRevision: 1, modRevision: 5 }]);
        const seen: StoreEvent[] = [];
        await store.watch({ prefix: '', afterRevision: 4 }, (events) => void seen.push(...events));
        expect(seen.map(({ current, previous }) => [current.modRevision, previous?.modRevision])).toEqual([
          [5, 2],
          [6, undefined],
        ]);
        expect(seen[0]?.previous?.value.toString()).toBe('2');
      });

      test('refuses what is forgotten and names the limit', async () => {
        const range = store.range({ prefix: '', revision: 3 });
        await expect(range).rejects.toThrow(CompactedError);
        await expect(range).rejects.toMatchObject({ compactedRevision: 4 });
        await expect(store.watch({ prefix: '', afterRevision: 3 }, () => {})).rejects.toThrow(CompactedError);
      });

      test('forgetting less than before changes nothing; the future cannot be forgotten', async () => {
        await store.compact(2);
        expect(store.compactedRevision).toBe(4);
        await expect(store.compact(7)).rejects.toThrow(FutureRevisionError);
      });

      test('everything may be forgotten; the present stays and revisions go on', async () => {
        await remove('c');
        await store.compact(7);
        expect(await store.range({ prefix: '', revision: 7 })).toMatchObject({ items: [{ key: 'a' }], revision: 7 });
        const seen: StoreEvent[] = [];
        await store.watch({ prefix: '', afterRevision: 7 }, (events) => void seen.push(...events));
        expect(await put('c', '2')).toEqual({ ok: true, revision: 8 });
        expect(seen).toHaveLength(1);
      });

      test('goes on in the background without disturbing writers', async () => {
        for (let round = 0; round < 4; round++) {
          await Promise.all(Array.from({ length: 500 }, (_, i) => put(`k/${i % 50}`, `${round} ${i}`)));
          await store.compact(store.revision - 100);
        }
        const { items } = await store.range({ prefix: 'k/' });
        expect(items.map(({ value }) => value.toString())).toEqual(
          Array.from({ length: 50 }, (_, i) => `3 ${450 + Number(items[i]?.key.slice(2))}`),
        );
        const past = await store.range({ prefix: 'k/', revision: store.revision - 50 });
        expect(past.items.every(({ modRevision }) => modRevision <= past.revision)).toBe(true);
        expect(past.items).toHaveLength(50);
      });
    });

    describe('expiry', () => {
      test('deletes the key by itself, with an event and a revision of its own', async () => {
        const seen: StoreEvent[] = [];
        await store.watch({ prefix: '', afterRevision: 0 }, (events) => void seen.push(...events));
        await put('short', 'x', { ttlSeconds: 0.3 });
        await put('long', 'x', { ttlSeconds: 60 });
        await put('ever', 'x');
        expect(await keysOf({ prefix: '' })).toEqual(['ever', 'long', 'short']);
        await eventually(() => expect(store.revision).toBe(4), { withinMs: 3000, everyMs: 10 });
        expect(await keysOf({ prefix: '' })).toEqual(['ever', 'long']);
        const value = Buffer.from('x');
        expect(seen.at(-1)).toEqual({
          type: 'delete',
          current: { key: 'short', value, createRevision: 1, modRevision: 4 },
          previous: { key: 'short', value, createRevision: 1, modRevision: 1 },
        });
        expect((await store.range({ prefix: '', revision: 3 })).items).toHaveLength(3);
      });

      test('never comes early, and a later put without it calls it off', async () => {
        const before = Date.now();
        await Promise.all([put('a', '1', { ttlSeconds: 0.5 }), put('b', '1', { ttlSeconds: 0.3 })]);
        await put('b', '2');
        await eventually(async () => expect(await store.get('a')).toBeUndefined(), { withinMs: 3000, everyMs: 10 });
        expect(Date.now() - before).toBeGreaterThanOrEqual(500);
        expect(await store.get('b')).toMatchObject({ value: Buffer.from('2') });
      });

      test('many keys expire completely', async () => {
        await Promise.all(Array.from({ length: 1000 }, (_, i) => put(`k/${i}`, '', { ttlSeconds: 0.2 })));
        await eventually(() => expect(store.revision).toBe(2000), { withinMs: 5000, everyMs: 10 });
        expect(await keysOf({ prefix: '' })).toEqual([]);
      });
    });

    describe('life', () => {
      test('a stopped store refuses and may be stopped again', async () => {
        const last = put('a', '1');
        await store.stop();
        expect(await last).toEqual({ ok: true, revision: 1 });
        await store.stop();
        await expect(put('a', '2')).rejects.toThrow(StoreError);
        await expect(store.get('a')).rejects.toThrow(StoreError);
        await expect(store.range({ prefix: '' })).rejects.toThrow(StoreError);
      });

      test('a store that was never started stops', async () => {
        await open(join(folder, 'other')).stop();
      });

      if (!isPersistent) return;
      test('everything is there again after a reopening', async () => {
        await put('a', '1');
        await put('a', '2');
        await put('b', '1', { ttlSeconds: 1 });
        await put('c', '1');
        await remove('c');
        await store.compact(1);
        await reopen();
        expect({ revision: store.revision, compacted: store.compactedRevision }).toEqual({ revision: 5, compacted: 1 });
        expect(await store.get('a')).toEqual({ key: 'a', value: Buffer.from('2'), createRevision: 1, modRevision: 2 });
        expect((await store.range({ prefix: '', revision: 4 })).items).toHaveLength(3);
        await eventually(async () => expect(await store.get('b')).toBeUndefined(), { withinMs: 4000 });
        expect(await put('d', '1')).toEqual({ ok: true, revision: 7 });
      });

      test('revisions are not used again after the newest was deleted and forgotten', async () => {
        await put('a', '1');
        await remove('a');
        await store.compact(2);
        await reopen();
        expect(store.revision).toBe(2);
        expect(await put('a', '1')).toEqual({ ok: true, revision: 3 });
      });
    });
  });
}
