import { createLogger } from '#base/logger.ts';
import { SqliteKvStore } from '#kvstore/sqlite/sqlite-kvstore.ts';

// Opens the store at the path given and says how that went.

const store = new SqliteKvStore({ path: process.argv[2] ?? '', log: createLogger({ level: 'silent' }) });
try {
  await store.start(AbortSignal.timeout(20_000));
  process.stdout.write('opened\n');
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : error}\n`);
}
await store.stop();
