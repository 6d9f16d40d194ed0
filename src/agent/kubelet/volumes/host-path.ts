import type { Stats } from 'node:fs';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { VolumeDriver } from './volume-driver.ts';

type Check = readonly [is: (stats: Stats) => boolean, word: string];

const DIRECTORY: Check = [(stats) => stats.isDirectory(), 'directory'];
const FILE: Check = [(stats) => stats.isFile(), 'file'];

const CHECKS: Readonly<Record<string, Check>> = {
  Directory: DIRECTORY,
  DirectoryOrCreate: DIRECTORY,
  File: FILE,
  FileOrCreate: FILE,
  Socket: [(stats) => stats.isSocket(), 'socket file'],
  CharDevice: [(stats) => stats.isCharacterDevice(), 'character device'],
  BlockDevice: [(stats) => stats.isBlockDevice(), 'block device'],
};

/** A path of the node itself. Nothing of it is ever removed. */
export function hostPathDriver(): VolumeDriver {
  return {
    name: 'kubernetes.io~host-path',
    medium: 'disk',
    isLive: false,
    matches: ({ hostPath }) => hostPath !== undefined,
    async setUp({ volume: { hostPath } }) {
      const { path = '', type = '' } = hostPath ?? {};
      const stats = (await statOf(path)) ?? (await create(path, type));
      if (type === '') return { hostPath: path };
      const check = CHECKS[type];
      if (check === undefined) throw new Error(`unknown hostPath type "${type}"`);
      const [is, word] = check;
      if (stats === undefined || !is(stats)) throw new Error(`hostPath type check failed: ${path} is not a ${word}`);
      return { hostPath: path };
    },
  };
}

async function statOf(path: string): Promise<Stats | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

/** Without a type a missing path becomes a folder, as runtimes have always done. */
async function create(path: string, type: string): Promise<Stats | undefined> {
  if (type === '' || type === 'DirectoryOrCreate') await mkdir(path, { recursive: true, mode: 0o755 });
  else if (type === 'FileOrCreate') {
    if ((await statOf(dirname(path))) === undefined) return undefined;
    await writeFile(path, '', { mode: 0o644 });
  }
  return statOf(path);
}
