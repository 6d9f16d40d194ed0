import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';

/** Threads of the product: each becomes one asset that `new Worker(source, { eval: true })` runs. */
export const WORKERS: Readonly<Record<string, string>> = {
  'kvstore-worker.js': 'src/kvstore/sqlite/sqlite-worker.ts',
  'dns-worker.js': 'src/dns/dns-worker.ts',
};

/**
 * Parts of dockerode that only `docker build` sessions and remote daemons over ssh need. They would double the bundle and
 * cost a third of the start time.
 */
const UNUSED = ['ssh2', '@grpc/grpc-js', '@grpc/proto-loader', 'protobufjs'];

/** Bundles the program and its threads into `outDir`, as ASCII so that they load as one-byte strings. */
export async function bundle(root: string, outDir: string): Promise<void> {
  await mkdir(outDir, { recursive: true });
  const stub = join(outDir, 'unused.cjs');
  await writeFile(stub, 'module.exports = new Proxy(function () {}, { get: () => undefined });\n');
  const common: BuildOptions = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    charset: 'ascii',
    legalComments: 'none',
    logLevel: 'warning',
    // Only development paths use it; in the executable everything comes from assets.
    define: { 'import.meta.url': 'undefined' },
    logOverride: { 'empty-import-meta': 'silent' },
    alias: Object.fromEntries(UNUSED.map((name) => [name, stub])),
    minifySyntax: true,
    minifyWhitespace: true,
  };
  await build({
    ...common,
    entryPoints: ['src/main.ts'],
    outfile: join(outDir, 'app.js'),
    banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
    footer: { js: '})' },
  });
  for (const [name, entry] of Object.entries(WORKERS)) {
    await build({ ...common, entryPoints: [entry], outfile: join(outDir, name) });
  }
}
