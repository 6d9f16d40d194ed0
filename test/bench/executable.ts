import { join } from 'node:path';
import { run } from '#base/process.ts';
import type { BenchContext } from './benchmark.ts';

const ROOT = join(import.meta.dirname, '../..');

/** Builds the executable from the checkout as it is now, so that no old one is measured, and returns its path. */
export async function buildExecutable(ctx: BenchContext): Promise<string> {
  ctx.note('building the executable');
  for (const script of ['build/generate.ts', 'build/build.ts']) {
    await run(process.execPath, [join(ROOT, script)], { signal: ctx.signal });
  }
  return join(ROOT, 'dist/skiff');
}
