import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createLogger } from '#base/logger.ts';
import { StoreError } from '#kvstore/kvstore.ts';
import { SqliteKvStore, type SqliteKvStoreOptions } from '#kvstore/sqlite/sqlite-kvstore.ts';
import { eventually } from '#test/support/eventually.ts';

const log = createLogger({ level: 'silent' });
const isRoot = process.getuid?.() === 0;

let folder: string;
let path: string;
/** What is to be undone after the test, last one first. */
const cleanUps: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skiff-failures-'));
  path = join(folder, 'db', 'state.db');
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).toReversed()) await cleanUp();
  await rm(folder, { recursive: true, force: true });
});

async function openStore(options: Partial<SqliteKvStoreOptions> = {}): Promise<SqliteKvStore> {
  const store = new SqliteKvStore({ path, log, ...options });
  await store.start(AbortSignal.timeout(20_000));
  cleanUps.push(() => store.stop());
  return store;
}

/** The message of the error with which the store refuses to start. */
async function refusal(options: Partial<SqliteKvStoreOptions> = {}): Promise<string> {
  const error = await openStore(options).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(StoreError);
  return error instanceof Error ? error.message : '';
}

async function fill(store: SqliteKvStore, count: number): Promise<void> {
  const value = Buffer.alloc(3000, 'v');
  await Promise.all(Array.from({ length: count }, (_, i) => store.write({ type: 'put', key: `k/${i}`, value })));
}

describe('a file that is no database of ours', () => {
  test('the folder is made, and neither it nor the file can be read by others', async () => {
    const store = await openStore();
    await fill(store, 10);
    expect(statSync(join(folder, 'db')).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(join(folder, 'db'))) {
      expect(statSync(join(folder, 'db', name)).mode & 0o077, name).toBe(0);
    }
  });

  test('garbage is reported and left alone', async () => {
    mkdirSync(join(folder, 'db'));
    const garbage = Buffer.alloc(10_000, 'garbage ');
    writeFileSync(path, garbage);
    expect(await refusal()).toBe(
      `Cannot open the database "${path}": the file is not a skiff database; restore it from a backup, or move it and its "-wal" file away to start with an empty cluster`,
    );
    expect((await readFile(path)).equals(garbage)).toBe(true);
  });

  test('the database of another program is reported and left alone', async () => {
    mkdirSync(join(folder, 'db'));
    const other = new Database(path);
    other.exec('create table songs (title text); insert into songs values (1)');
    other.close();
    const before = await readFile(path);
    expect(await refusal()).toBe(
      `Cannot open the database "${path}": the file belongs to another program; move it away or choose another data folder`,
    );
    expect((await readFile(path)).equals(before)).toBe(true);
    expect(readdirSync(join(folder, 'db'))).toEqual(['state.db']);
  });

  test('a newer schema is reported', async () => {
    await (await openStore()).stop();
    const db = new Database(path);
    db.pragma('user_version = 7');
    db.close();
    expect(await refusal()).toBe(
      `Cannot open the database "${path}": it was written by a newer skiff (schema 7, this one knows 1); use that version again or a newer one`,
    );
  });

  test('a folder in its place is reported', async () => {
    mkdirSync(path, { recursive: true });
    expect(await refusal()).toContain(`Cannot open the database "${path}": it is a folder, not a file`);
  });

  test('a file in place of its folder is reported', async () => {
    writeFileSync(join(folder, 'db'), '');
    expect(await refusal()).toContain(`"${join(folder, 'db')}" is a file, not a folder`);
  });
});

describe('a damaged file', () => {
  const fillAndStop = async () => {
    const store = await openStore();
    await fill(store, 500);
    await store.stop();
  };
  const advice = 'restore it from a backup, or move it and its "-wal" file away to start with an empty cluster';

  test('cut in half: refuses to start', async () => {
    await fillAndStop();
    truncateSync(path, Math.floor(statSync(path).size / 2));
    const message = await refusal();
    expect(message).toContain(`Cannot open the database "${path}": the file is damaged (`);
    expect(message).toContain(advice);
  });

  test('overwritten in the middle: what is hit says so, the rest can be read', async () => {
    await fillAndStop();
    const size = statSync(path).size;
    const file = await open(path, 'r+');
    await file.write(Buffer.alloc(64 * 1024, 0xff), 0, undefined, Math.floor(size / 2));
    await file.close();
    const store = await openStore();
    const failure = await store.range({ prefix: '' }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(StoreError);
    expect(String(failure)).toContain(`Cannot read the database "${path}": the file is damaged (`);
    expect(String(failure)).toContain(advice);
    expect(await store.get('k/0')).toMatchObject({ key: 'k/0' });
  });
});

describe('somebody else', () => {
  test('a second store on the same file is refused, also from another process; the first is not disturbed', async () => {
    const store = await openStore();
    await fill(store, 10);
    const expected = `Cannot open the database "${path}": another skiff is using it; stop that one, or give this one a data folder of its own`;
    expect(await refusal()).toBe(expected);
    expect(await startAs({})).toContain(expected);
    expect(await store.write({ type: 'put', key: 'k/0', value: Buffer.from('x') })).toMatchObject({ revision: 11 });
    await store.stop();
    expect((await openStore()).revision).toBe(11);
  });

  test('a predecessor that is about to go is waited for', async () => {
    const first = await openStore();
    await fill(first, 10);
    const second = openStore();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await first.stop();
    expect((await second).revision).toBe(10);
  });
});

describe('no permission', () => {
  test.runIf(isRoot)('a folder of somebody else is reported', async () => {
    chmodSync(folder, 0o755);
    mkdirSync(join(folder, 'db'), { mode: 0o755 });
    const message = `Cannot open the database "${path}": permission denied; make "${join(folder, 'db')}" and the files in it writable for this user`;
    expect(await startAs({ uid: 65534, gid: 65534 })).toContain(message);
    await (await openStore()).stop();
    expect(await startAs({ uid: 65534, gid: 65534 })).toContain(message);
  });

  test.runIf(isRoot)('a read-only file system is reported, for a new database and for an old one', async () => {
    mount('size=8m');
    const message = `Cannot open the database "${path}": the file system of "${join(folder, 'db')}" is read-only; mount it writable or choose another data folder`;
    remount('ro');
    expect(await refusal()).toBe(message);
    remount('rw');
    await (await openStore()).stop();
    remount('ro');
    expect(await refusal()).toBe(message);
  });
});

describe('a full disk', () => {
  test.runIf(isRoot)('refuses writes, loses nothing, still reads, and goes on once there is room', async () => {
    mount('size=12m');
    const store = await openStore();
    await store.write({ type: 'put', key: 'first', value: Buffer.from('kept') });
    const value = Buffer.alloc(50_000, 'v');
    const acknowledged = new Map<string, number>();
    let refused: unknown;
    for (let i = 0; i < 1000 && refused === undefined; i++) {
      const writes = Array.from({ length: 8 }, async (_, j) => {
        const key = `k/${i}/${j}`;
        const result = await store.write({ type: 'put', key, value });
        if (result.ok) acknowledged.set(key, result.revision);
      });
      await Promise.all(writes).catch((error: unknown) => {
        refused = error;
      });
    }
    expect(refused).toBeInstanceOf(StoreError);
    expect(String(refused)).toContain(
      `Cannot write to the database "${path}": the disk is full; free some space on the file system of "${join(folder, 'db')}", no restart is needed`,
    );
    const revision = store.revision;
    const seen: number[] = [];
    await store.watch({ prefix: '', afterRevision: revision }, (events) => {
      for (const { current } of events) seen.push(current.modRevision);
    });
    const verify = async (opened: SqliteKvStore) => {
      const { items } = await opened.range({ prefix: 'k/' });
      expect(new Map(items.map(({ key, modRevision }) => [key, modRevision]))).toEqual(acknowledged);
      expect((await opened.get('first'))?.value.toString()).toBe('kept');
    };
    await verify(store);
    await expect(store.write({ type: 'put', key: 'k/x', value: Buffer.alloc(1_000_000) })).rejects.toThrow(
      'disk is full',
    );

    execFileSync('mount', ['-o', 'remount,size=64m', join(folder, 'db')]);
    const again = await eventually(() => store.write({ type: 'put', key: 'k/again', value }));
    expect(again).toEqual({ ok: true, revision: revision + 1 });
    expect(seen).toEqual([revision + 1]);
    acknowledged.set('k/again', revision + 1);
    await verify(store);
    await store.stop();
    const reopened = await openStore();
    expect(reopened.revision).toBe(revision + 1);
    await verify(reopened);
    await reopened.stop();
  });

  test.runIf(isRoot)('before the start: is reported', async () => {
    mount('size=1m');
    writeFileSync(join(folder, 'db', 'ballast'), Buffer.alloc(1024 * 1024));
    expect(await refusal()).toContain(`Cannot open the database "${path}": the disk is full`);
  });
});

describe('the thread', () => {
  test('dies: what waits is rejected, the store says so once and refuses from then on', async () => {
    const failures: StoreError[] = [];
    // A program that opens nothing and dies at the first write.
    const workerSource = `
      const { parentPort } = require('node:worker_threads');
      parentPort.postMessage({ type: 'ready', revision: 0, compactedRevision: 0 });
      parentPort.on('message', () => { throw new Error('boom'); });`;
    const store = await openStore({ workerSource, onFailure: (error) => failures.push(error) });
    const waiting = [
      store.write({ type: 'put', key: 'a', value: Buffer.from('1') }),
      store.get('a'),
      store.watch({ prefix: '', afterRevision: 5 }, () => {}),
    ];
    for (const result of await Promise.allSettled(waiting)) {
      expect(result).toMatchObject({
        status: 'rejected',
        reason: { message: `The thread of the database "${path}" failed` },
      });
    }
    expect(failures).toHaveLength(1);
    expect(failures[0]?.cause).toMatchObject({ message: 'boom' });
    await expect(store.get('a')).rejects.toThrow(StoreError);
    await store.stop();
  });

  test('a cancelled start leaves nothing behind', async () => {
    const abort = new AbortController();
    const store = new SqliteKvStore({ path, log });
    const starting = store.start(abort.signal);
    abort.abort(new Error('never mind'));
    await expect(starting).rejects.toThrow('The start of the store was cancelled');
    await store.stop();
    await (await openStore()).stop();
  });
});

describe('growth', () => {
  test('without any compaction from outside, history stays within its limit and the file stops growing', async () => {
    const store = await openStore({ historyLimit: 500 });
    const sizes: number[] = [];
    for (let round = 0; round < 8; round++) {
      for (let turn = 0; turn < 20; turn++) await fill(store, 50);
      await eventually(() => expect(store.revision - store.compactedRevision).toBeLessThanOrEqual(500));
      sizes.push((await stat(path)).size + (existsSync(`${path}-wal`) ? (await stat(`${path}-wal`)).size : 0));
    }
    expect(store.revision).toBe(8000);
    expect(Math.max(...sizes.slice(4))).toBeLessThanOrEqual(Math.max(...sizes.slice(0, 4)) * 1.2);
    expect(await store.range({ prefix: '' })).toMatchObject({ revision: 8000, items: { length: 50 } });
  });
});

/** Tries to open the store in a process of its own; returns what it said. */
async function startAs(user: { uid?: number; gid?: number }): Promise<string> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'open-store.ts'), path], { stdio: 'pipe', ...user });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  await new Promise((resolve) => child.once('close', resolve));
  return output;
}

/** A small file system of its own in the database's folder, gone after the test. */
function mount(options: string): void {
  const at = join(folder, 'db');
  mkdirSync(at, { mode: 0o700 });
  execFileSync('mount', ['-t', 'tmpfs', '-o', options, 'skiff-test', at]);
  cleanUps.push(() => execFileSync('umount', [at]));
}

function remount(mode: 'ro' | 'rw'): void {
  execFileSync('mount', ['-o', `remount,${mode}`, join(folder, 'db')]);
}
