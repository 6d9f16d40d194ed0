import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { build } from 'esbuild';
import { expect, onTestFinished, test } from 'vitest';
import { createLogger } from '#base/logger.ts';
import { SqliteKvStore } from '#kvstore/sqlite/sqlite-kvstore.ts';

test('the store runs without its source files, from one bundled text and an addon of any name', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'skiff-bundled-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const bundled = await build({
    entryPoints: [resolve(import.meta.dirname, '../../../src/kvstore/sqlite/sqlite-worker.ts')],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  const library = dirname(createRequire(import.meta.url).resolve('better-sqlite3/package.json'));
  const nativeBinding = join(folder, 'addon');
  await copyFile(join(library, 'prebuilds', `linux-${process.arch}.node`), nativeBinding);
  const store = new SqliteKvStore({
    path: join(folder, 'state.db'),
    log: createLogger({ level: 'silent' }),
    workerSource: bundled.outputFiles[0]?.text ?? '',
    nativeBinding,
  });
  await store.start(AbortSignal.timeout(20_000));
  expect(await store.write({ type: 'put', key: 'a', value: Buffer.from('1') })).toEqual({ ok: true, revision: 1 });
  expect(await store.get('a')).toMatchObject({ value: Buffer.from('1') });
  await store.stop();
});
