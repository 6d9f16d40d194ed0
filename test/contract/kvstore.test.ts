import { join } from 'node:path';
import { createLogger } from '#base/logger.ts';
import { SqliteKvStore } from '#kvstore/sqlite/sqlite-kvstore.ts';
import { MemoryKvStore } from '#test/fakes/memory-kvstore.ts';
import { kvStoreSuite } from './kvstore-suite.ts';

const log = createLogger({ level: 'silent' });

kvStoreSuite('memory', { open: () => new MemoryKvStore(), isPersistent: false });
kvStoreSuite('sqlite', {
  open: (folder) => new SqliteKvStore({ path: join(folder, 'state.db'), log }),
  isPersistent: true,
});
