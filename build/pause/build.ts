import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { imageArchive } from './image-archive.ts';

export type PauseArch = 'x64' | 'arm64';

/** Changes with every change of what is in the image, so that a node never runs an old one. */
export const PAUSE_IMAGE_NAME = 'skiff/pause:1';

const SOURCE = join(import.meta.dirname, 'pause.c');
const CACHE = join(import.meta.dirname, '../../.cache');
const TARGETS = {
  x64: { docker: 'amd64', compiler: 'x86_64-linux-gnu-gcc', package: 'gcc-x86-64-linux-gnu' },
  arm64: { docker: 'arm64', compiler: 'aarch64-linux-gnu-gcc', package: 'gcc-aarch64-linux-gnu' },
} as const;
const FLAGS = [
  ...[
    '-std=gnu17',
    '-Os',
    '-Wall',
    '-Wextra',
    '-Werror',
    '-ffreestanding',
    '-fno-stack-protector',
    '-fno-pie',
    '-fno-builtin',
  ],
  ...['-fno-asynchronous-unwind-tables', '-nostdlib', '-static', '-no-pie', '-s'],
  ...['-Wl,--build-id=none,-z,norelro,-z,noexecstack,-z,max-page-size=65536,-z,noseparate-code'],
];

/** Compiles the pause program and returns the executable. Says which package lacks if there is no compiler. */
export async function compilePause(arch: PauseArch): Promise<Buffer> {
  const { compiler, package: name } = TARGETS[arch];
  const folder = await mkdtemp(join(tmpdir(), 'skiff-pause-'));
  const output = join(folder, 'pause');
  try {
    await promisify(execFile)(compiler, [...FLAGS, '-o', output, SOURCE]);
    return await readFile(output);
  } catch (cause) {
    const isAbsent = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    const cure = isAbsent ? `there is no "${compiler}"; install it with: apt-get install ${name}` : String(cause);
    throw new Error(`Cannot build the pause program for ${arch}: ${cure}`, { cause });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The pause image as a `docker load` archive. */
export async function buildPauseImage(arch: PauseArch): Promise<Buffer> {
  const executable = await compilePause(arch);
  const config = { Entrypoint: ['/pause'] };
  return imageArchive([{ path: 'pause', mode: 0o755, content: executable }], {
    name: PAUSE_IMAGE_NAME,
    architecture: TARGETS[arch].docker,
    config,
  });
}

/** Writes the image to where a skiff run from source looks for it, and returns the file's path. */
export async function writePauseImage(arch: PauseArch, path = join(CACHE, `pause-${arch}.tar`)): Promise<string> {
  const image = await buildPauseImage(arch);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, image);
  return path;
}

if (import.meta.main) {
  for (const arch of ['x64', 'arm64'] as const) {
    try {
      console.log(await writePauseImage(arch));
    } catch (error) {
      // The other processor's compiler is needed only where releases are made.
      if (arch === process.arch) throw error;
      console.error((error as Error).message);
    }
  }
}
