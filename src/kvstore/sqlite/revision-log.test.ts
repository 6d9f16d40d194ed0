import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Write } from '../kvstore.ts';
import { openDatabase } from './database.ts';
import { RevisionLog } from './revision-log.ts';

let folder: string;
let db: Database.Database;
let log: RevisionLog;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'skiff-revision-log-'));
  db = openDatabase(join(folder, 'state.db'));
  log = new RevisionLog(db);
});

afterEach(() => {
  db.close();
  rmSync(folder, { recursive: true });
});

const put = (key: string, value = '', ttlSeconds?: number): Write => ({
  type: 'put',
  key,
  value: Buffer.from(value),
  ...(ttlSeconds !== undefined && { ttlSeconds }),
});
const remove = (key: string): Write => ({ type: 'delete', key });
const count = (table: string) => Number(db.prepare(`select count(*) from ${table}`).pluck().get());
const keys = (revision?: number) =>
  log
    .range({ prefix: '', ...(revision !== undefined && { revision }) })
    .items.map(({ key, modRevision }) => `${key}@${modRevision}`);

test('durability and exclusion are switched on, on every open', () => {
  for (let i = 0; i < 2; i++) {
    const pragmas = ['synchronous', 'journal_mode', 'locking_mode', 'page_size'];
    expect(pragmas.map((name) => db.pragma(name, { simple: true }))).toEqual([2, 'wal', 'exclusive', 8192]);
    log.commit([put('a')]);
    log.index();
    log.compact(log.revision);
    log.trim(10);
    expect(db.pragma('synchronous', { simple: true })).toBe(2);
    db.close();
    db = openDatabase(join(folder, 'state.db'));
    log = new RevisionLog(db);
  }
});

test.each([
  { name: 'nothing was entered in the table', indexAfter: [] },
  { name: 'all was entered', indexAfter: [3] },
  { name: 'some was entered', indexAfter: [1] },
  { name: 'it was entered step by step', indexAfter: [0, 1, 2, 3] },
])('reads show every key, now and then and after a restart, when $name', ({ indexAfter }) => {
  const groups = [
    [put('a'), put('b'), put('c')],
    [put('a'), remove('b')],
    [put('b'), remove('c'), put('d')],
    [remove('d'), put('e'), put('a')],
  ];
  for (const [i, group] of groups.entries()) {
    log.commit(group);
    if (indexAfter.includes(i)) log.index();
  }
  const check = () => {
    expect(keys()).toEqual(['a@11', 'b@6', 'e@10']);
    expect(log.range({ prefix: '', limit: 1 })).toMatchObject({ items: [{ key: 'a' }], remaining: 2 });
    expect(keys(5)).toEqual(['a@4', 'c@3']);
    expect(keys(8)).toEqual(['a@4', 'b@6', 'd@8']);
    expect(log.get('c')).toBeUndefined();
    expect(log.get('b')).toMatchObject({ createRevision: 6, modRevision: 6 });
    expect(log.revision).toBe(11);
  };
  check();
  log = new RevisionLog(db);
  check();
});

test('a commit that fails leaves nothing, not even in memory', () => {
  log.commit([put('a', '1')]);
  const spoilt = [put('a', '2'), put('b', '1', 5), put('c')];
  db.exec(
    `create temp trigger spoil before insert on history when new.key = 'c' begin select raise(fail, 'spoilt'); end`,
  );
  expect(() => log.commit(spoilt)).toThrow('spoilt');
  db.exec('drop trigger spoil');
  expect(log.revision).toBe(1);
  expect(log.nextExpiryAt).toBeUndefined();
  expect(keys()).toEqual(['a@1']);
  expect(log.commit([put('b', '2')])).toMatchObject([{ ok: true, revision: 2, previous: undefined }]);
});

test('trimming frees what was replaced and deleted, in slices, and goes on after a restart', () => {
  for (let i = 0; i < 10; i++) log.commit([put('a', `${i}`), put('b'), remove('b')]);
  expect(count('history')).toBe(30);
  log.compact(27);
  expect(log.untrimmed).toBe(27);
  log.trim(10);
  expect(log.untrimmed).toBe(17);
  const before = count('history');
  expect(before).toBeLessThan(30);
  log = new RevisionLog(db);
  expect([log.compactedRevision, log.untrimmed]).toEqual([27, 17]);
  while (log.untrimmed > 0) log.trim(10);
  // The value of "a" at the compacted revision, which its next version replaced, and the three revisions after it.
  expect(db.prepare('select revision from history').pluck().all()).toEqual([25, 28, 29, 30]);
  expect(keys()).toEqual(['a@28']);
  expect(log.replay({ prefix: '', afterRevision: 27, limit: 10 }).changes).toMatchObject([
    { current: { key: 'a', modRevision: 28 }, previous: { modRevision: 25 } },
    { current: { key: 'b', modRevision: 29 }, previous: undefined },
    { current: { key: 'b', modRevision: 30, value: undefined }, previous: { modRevision: 29 } },
  ]);
});

test('a replay comes in slices that say how far they reach', () => {
  log.commit([put('a'), put('x'), put('a'), put('a'), put('x')]);
  const slice = (afterRevision: number) => {
    const { changes, throughRevision } = log.replay({ prefix: 'a', afterRevision, limit: 2 });
    return [changes.map(({ current }) => current.modRevision), throughRevision];
  };
  expect(slice(0)).toEqual([[1, 3], 3]);
  expect(slice(3)).toEqual([[4], 5]);
});

test('keys of about the same age expire together, never early, and also after a restart', () => {
  const now = 1_000_000_000_123;
  const hour = 3600;
  log.commit([put('a', '', hour)], now);
  log.commit([put('b', '', hour)], now + 10_000);
  log.commit([put('soon', '', 1)], now);
  log.commit([put('kept', '', hour), put('kept')], now);
  expect(log.nextExpiryAt).toBeGreaterThanOrEqual(now + 1000);
  expect(log.nextExpiryAt).toBeLessThanOrEqual(now + 1010);
  expect(log.expire(10, now + 999)).toEqual([]);
  expect(log.expire(10, now + 1010).map(({ current }) => current.key)).toEqual(['soon']);
  log = new RevisionLog(db);
  const at = log.nextExpiryAt ?? 0;
  expect(at).toBeGreaterThanOrEqual(now + hour * 1000);
  expect(at).toBeLessThanOrEqual(now + hour * 1000 + 36_000);
  expect(log.expire(10, at + 36_000).map(({ current }) => [current.key, current.modRevision])).toEqual([
    ['a', 7],
    ['b', 8],
  ]);
  expect(log.nextExpiryAt).toBeUndefined();
  expect(keys()).toEqual(['kept@5']);
});

test('asks for a checkpoint after a few megabytes, which starts the count anew', () => {
  const value = 'v'.repeat(1_500_000);
  expect(log.isCheckpointDue).toBe(false);
  for (let i = 0; i < 3; i++) log.commit([put(`k/${i}`, value)]);
  expect(log.isCheckpointDue).toBe(true);
  log.checkpoint();
  expect(log.isCheckpointDue).toBe(false);
});
