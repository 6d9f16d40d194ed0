import { spawn } from 'node:child_process';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createLogger } from '#base/logger.ts';
import type { KvStore } from '#kvstore/kvstore.ts';
import { SqliteKvStore } from '#kvstore/sqlite/sqlite-kvstore.ts';
import { eventually } from '#test/support/eventually.ts';

const ROUNDS = 25;
const WRITER = join(import.meta.dirname, 'crash-writer.ts');

interface Acknowledged {
  type: string;
  key: string;
  revision: number;
  tag: string;
  hadPrevious: boolean;
}

test(`no acknowledged write is lost in ${ROUNDS} kills under load, and no revision is given twice`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'skiff-crash-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const path = join(folder, 'state.db');
  const newest = new Map<string, Acknowledged>();
  let lastRevision = 0;
  let total = 0;
  let killedWhileWriting = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const { startRevision, acknowledged } = await writeUntilKilled({ path, round, afterMs: 30 + Math.random() * 600 });
    // The child opens what the check before has left, so nothing may have changed in between.
    expect(startRevision).toBe(lastRevision);
    const store = new SqliteKvStore({ path, log: createLogger({ level: 'silent' }) });
    await store.start(AbortSignal.timeout(30_000));
    try {
      const seen = new Set<number>();
      for (const write of acknowledged) {
        const isNewRevision = write.type === 'put' || write.hadPrevious;
        if (isNewRevision) {
          expect(write.revision, `revision of round ${round}`).toBeGreaterThan(lastRevision);
          expect(seen.has(write.revision), `revision ${write.revision} once`).toBe(false);
          seen.add(write.revision);
        }
        newest.set(write.key, write);
      }
      const highest = Math.max(lastRevision, ...seen);
      expect(store.revision).toBeGreaterThanOrEqual(highest);
      if (acknowledged.length > 0 && store.revision > highest) killedWhileWriting++;
      await requireAll(store, newest, { round, lastRevision });
      await adopt(store, newest);
      lastRevision = store.revision;
      total += acknowledged.length;
    } finally {
      await store.stop();
    }
  }
  // The test is worth something only if there was load, and if kills hit writes that were not yet acknowledged.
  expect(total).toBeGreaterThan(ROUNDS * 200);
  expect(killedWhileWriting).toBeGreaterThan(0);
});

/** Runs the writer and kills it some time after it has opened the store; returns all whole lines it said. */
async function writeUntilKilled({ path, round, afterMs }: { path: string; round: number; afterMs: number }) {
  // A file, not a pipe, takes every line at once and keeps it, however busy the reader is.
  const reportPath = `${path}.report`;
  const report = await open(reportPath, 'w');
  const child = spawn(process.execPath, [WRITER, path, String(round)], { stdio: ['ignore', report.fd, 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', (_code, signal) => resolve(signal)));
  await eventually(async () => expect((await report.stat()).size).toBeGreaterThan(0), { everyMs: 5 });
  await sleep(afterMs);
  child.kill('SIGKILL');
  expect(await ended, 'the writer ran until it was killed').toBe('SIGKILL');
  await report.close();
  // The kill may have cut the last line short.
  const [first = '', ...lines] = (await readFile(reportPath, 'latin1')).split('\n').slice(0, -1);
  const acknowledged = lines.map((line): Acknowledged => {
    const [type = '', key = '', revision = '', tag = '', found = ''] = line.split(' ');
    return { type, key, revision: Number(revision), tag, hadPrevious: found === 'replaced' };
  });
  return { startRevision: Number(first.split(' ')[1]), acknowledged };
}

/** Every key is as its newest acknowledged write left it, unless a later write, whose answer the kill cut off, was done. */
async function requireAll(
  store: KvStore,
  newest: Map<string, Acknowledged>,
  { round, lastRevision }: { round: number; lastRevision: number },
) {
  const { items } = await store.range({ prefix: '' });
  const present = new Map(items.map((item) => [item.key, item]));
  expect(present.size).toBe(items.length);
  const ofThisRound = (key: string) => (present.get(key)?.modRevision ?? 0) > lastRevision;
  for (const [key, write] of newest) {
    const item = present.get(key);
    if (item?.modRevision === write.revision) {
      expect(write.type, `${key} in round ${round}`).toBe('put');
      expect(item.value.toString().replace(/\.+$/, '')).toBe(write.tag);
    } else if (item !== undefined) {
      expect(item.modRevision, `${key} in round ${round}`).toBeGreaterThan(write.revision);
      expect(ofThisRound(key), `${key} was written in round ${round}`).toBe(true);
    } else if (write.type === 'put') {
      // Absent: then a delete after the acknowledged put was done, and its event is in the history.
      expect(await wasDeletedAfter(store, key, write.revision), `${key} at ${write.revision} in round ${round}`).toBe(
        true,
      );
    }
  }
}

/** What was done without an acknowledgement has been seen now, so from here on it must stay too. */
async function adopt(store: KvStore, newest: Map<string, Acknowledged>): Promise<void> {
  const { items, revision } = await store.range({ prefix: '' });
  const absent = new Set(newest.keys());
  for (const { key, modRevision, value } of items) {
    absent.delete(key);
    const tag = value.toString().replace(/\.+$/, '');
    newest.set(key, { type: 'put', key, revision: modRevision, tag, hadPrevious: false });
  }
  for (const key of absent) newest.set(key, { type: 'delete', key, revision, tag: '', hadPrevious: true });
}

async function wasDeletedAfter(store: KvStore, key: string, revision: number): Promise<boolean> {
  let isDeleted = false;
  const end = await store.watch(
    { prefix: key, afterRevision: Math.max(revision, store.compactedRevision) },
    (events) => {
      isDeleted ||= events.some((event) => event.type === 'delete' && event.current.key === key);
    },
  );
  end();
  return isDeleted;
}
