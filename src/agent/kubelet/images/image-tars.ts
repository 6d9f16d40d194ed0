import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import type { ContainerRuntime } from '#agent/runtime/container-runtime.ts';
import type { Logger } from '#base/logger.ts';

/** Loads every `docker save` archive in the folder, in the order of their names. A bad one is reported and skipped. */
export async function loadImageTars(
  dir: string,
  { runtime, log }: { runtime: Pick<ContainerRuntime, 'loadImage'>; log: Logger },
  signal: AbortSignal,
): Promise<void> {
  const names = (await readdir(dir).catch(() => [])).filter((name) => /\.(tar|tar\.gz|tgz)$/.test(name)).sort();
  for (const name of names) {
    if (signal.aborted) return;
    try {
      const file = createReadStream(join(dir, name), { signal });
      await runtime.loadImage(/gz$/.test(name) ? file.pipe(createGunzip()) : file);
      log.info({ file: name }, 'loaded images');
    } catch (err) {
      log.warn({ err, file: name }, 'cannot load images');
    }
  }
}
