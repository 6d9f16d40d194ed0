import { readFile } from 'node:fs/promises';
import { CommandError, run } from '#base/process.ts';

/** Mount points at or below a folder, deepest last. */
export async function mountPointsUnder(dir: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8');
  return parseMountPoints(table).filter((path) => path === dir || path.startsWith(`${dir}/`));
}

/** The fifth field of each line, with its octal escapes undone. */
export function parseMountPoints(mountInfo: string): string[] {
  return mountInfo.split('\n').flatMap((line) => {
    const path = line.split(' ')[4];
    if (path === undefined) return [];
    return [path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))];
  });
}

/** Unmounts everything at or below a folder. What is busy is detached and goes with its last user. */
export async function unmountAll(dir: string): Promise<void> {
  const points = await mountPointsUnder(dir);
  for (const point of points.reverse()) await run('umount', ['-l', point]);
}

/** Mounts a memory file system; `sizeBytes` bounds it. */
export async function mountTmpfs(
  path: string,
  { sizeBytes, mode }: { sizeBytes?: number | undefined; mode: string },
): Promise<void> {
  const options = [`mode=${mode}`, 'nosuid', 'nodev', ...(sizeBytes === undefined ? [] : [`size=${sizeBytes}`])];
  await run('mount', ['-t', 'tmpfs', '-o', options.join(','), 'tmpfs', path]);
}

/** Mounts what an open file descriptor of this process stands for, without looking at names again. */
export async function bindDescriptor(fd: number, target: string): Promise<void> {
  const source = `/proc/${process.pid}/fd/${fd}`;
  try {
    await run('mount', ['-c', '--bind', source, target]);
  } catch (error) {
    // BusyBox never resolves names by itself and does not know the option.
    const isUnknown = error instanceof CommandError && /unrecognized option|invalid option/.test(error.stderr);
    if (!isUnknown) throw error;
    await run('mount', ['--bind', source, target]);
  }
}
