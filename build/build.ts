import { chmod, copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { run } from '#base/process.ts';
import { bundle, WORKERS } from './bundle.ts';
import { type Arch, nodeRuntime } from './node-runtime.ts';
import { buildPauseImage } from './pause/build.ts';
import { warmCodeCache } from './warm.ts';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { arch: { type: 'string', default: process.arch } } });

// V8's mark in every executable that can hold an application; Node documents this value.
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';

for (const arch of values.arch.split(',')) {
  if (arch !== 'x64' && arch !== 'arm64')
    throw new Error(`Cannot build for "${arch}": --arch takes x64, arm64 or both`);
  const path = await buildExecutable(arch);
  const { size } = await stat(path);
  console.log(`${path} ${(size / 1e6).toFixed(1)} MB`);
}

async function buildExecutable(arch: Arch): Promise<string> {
  const native = arch === process.arch;
  const work = join(root, '.cache/build', arch);
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  await bundle(root, work);
  await copyFile(join(root, `node_modules/better-sqlite3/prebuilds/linux-${arch}.node`), join(work, 'sqlite.node'));
  await writeFile(join(work, 'pause.tar'), await buildPauseImage(arch));
  // V8 accepts only what the same build of it made, so a foreign architecture starts without.
  if (native) await warmCodeCache(await nodeRuntime(root, arch), join(root, 'build/sea/loader.cjs'), work);
  const names = ['app.js', 'sqlite.node', 'pause.tar', ...Object.keys(WORKERS), ...(native ? ['app.cache'] : [])];
  const config = {
    main: join(root, 'build/sea/loader.cjs'),
    output: join(work, 'blob'),
    disableExperimentalSEAWarning: true,
    useSnapshot: false,
    useCodeCache: false,
    execArgv: ['--max-semi-space-size=4', '--no-warnings=ExperimentalWarning'],
    execArgvExtension: 'none',
    assets: Object.fromEntries(names.map((name) => [name, join(work, name)])),
  };
  await writeFile(join(work, 'sea.json'), JSON.stringify(config));
  await run(await nodeRuntime(root, native ? arch : (process.arch as Arch)), [
    '--experimental-sea-config',
    join(work, 'sea.json'),
  ]);
  const bare = join(work, 'node');
  await copyFile(await nodeRuntime(root, arch), bare);
  await chmod(bare, 0o755);
  await strip(bare, arch);
  await run(process.execPath, [
    join(root, 'node_modules/postject/dist/cli.js'),
    bare,
    'NODE_SEA_BLOB',
    join(work, 'blob'),
    '--sentinel-fuse',
    FUSE,
  ]);
  const target = join(root, 'dist', native ? 'skiff' : `skiff-${arch}`);
  await mkdir(join(root, 'dist'), { recursive: true });
  await rm(target, { force: true });
  await copyFile(bare, target);
  await chmod(target, 0o755);
  if (native) await copyFile(target, join(root, 'dist', `skiff-${arch}`));
  return target;
}

/** Symbols are a seventh of the size. Without a strip for the architecture the executable is just larger. */
async function strip(path: string, arch: Arch): Promise<void> {
  const tools =
    arch === process.arch ? ['strip'] : [arch === 'arm64' ? 'aarch64-linux-gnu-strip' : 'x86_64-linux-gnu-strip'];
  for (const tool of tools) {
    try {
      await run(tool, [path]);
      return;
    } catch {
      console.warn(`${tool} is missing: the executable keeps its symbols (install binutils for ${arch})`);
    }
  }
}

/** Read by tests that want to know what was built from which version. */
export async function packageVersion(): Promise<string> {
  return JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).version;
}
