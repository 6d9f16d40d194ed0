import { writeSync } from 'node:fs';
import { createLogger } from '#base/logger.ts';
import { SqliteKvStore } from '#kvstore/sqlite/sqlite-kvstore.ts';

// Writes without end from many writers and reports every acknowledged write on standard output at once, as a line of the
// operation, the key, its revision, the value's tag and what it found. It waits for somebody to kill it.

const WRITERS = 64;
const KEYS_PER_WRITER = 20;

const [path = '', round = ''] = process.argv.slice(2);
// A small limit, so that compaction and trimming are under way when the end comes.
const store = new SqliteKvStore({ path, log: createLogger({ level: 'warn' }), historyLimit: 2000 });
await store.start(AbortSignal.timeout(30_000));
writeSync(1, `start ${store.revision}\n`);

async function writeForEver(writer: number): Promise<never> {
  for (let i = 0; ; i++) {
    const key = `writer/${writer}/${i % KEYS_PER_WRITER}`;
    const tag = `${round}.${writer}.${i}`;
    const isDelete = i % 7 === 6;
    const value = Buffer.from(tag.padEnd(100 + ((i * 131) % 4000), '.'));
    // Two in flight per writer, so that transactions hold dependent writes too.
    const [first, second] = await Promise.all([
      store.write(isDelete ? { type: 'delete', key } : { type: 'put', key, value }),
      store.write({ type: 'put', key: `${key}/twin`, value }),
    ]);
    if (!first.ok || !second.ok) throw new Error('A write without expectation was refused');
    const answer = (previous: unknown) => (previous === undefined ? 'created' : 'replaced');
    writeSync(
      1,
      `${isDelete ? 'delete' : 'put'} ${key} ${first.revision} ${tag} ${answer(first.previous)}\n` +
        `put ${key}/twin ${second.revision} ${tag} ${answer(second.previous)}\n`,
    );
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => writeForEver(writer)));
