import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What a control group has used. */
export interface CgroupUsage {
  readonly cpuNanoseconds: number;
  readonly memoryBytes: number;
  /** Without what the kernel could give back at once. */
  readonly workingSetBytes: number;
  readonly rssBytes: number;
}

export interface CgroupOptions {
  readonly version: 1 | 2;
  readonly root?: string;
}

/** Undefined for a group that is gone. */
export async function readCgroup(
  path: string,
  { version, root = '/sys/fs/cgroup' }: CgroupOptions,
): Promise<CgroupUsage | undefined> {
  try {
    return version === 2 ? await readUnified(join(root, path)) : await readLegacy(root, path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENODEV') return undefined;
    throw error;
  }
}

async function readUnified(dir: string): Promise<CgroupUsage> {
  const [cpu, current, memory] = await Promise.all(
    ['cpu.stat', 'memory.current', 'memory.stat'].map((file) => text(join(dir, file))),
  );
  const stat = parseStat(memory ?? '');
  const memoryBytes = Number(current);
  return {
    cpuNanoseconds: (parseStat(cpu ?? '').get('usage_usec') ?? 0) * 1000,
    memoryBytes,
    workingSetBytes: Math.max(0, memoryBytes - (stat.get('inactive_file') ?? 0)),
    rssBytes: stat.get('anon') ?? 0,
  };
}

async function readLegacy(root: string, path: string): Promise<CgroupUsage> {
  const [cpu, current, memory] = await Promise.all([
    text(join(root, 'cpuacct', path, 'cpuacct.usage')),
    text(join(root, 'memory', path, 'memory.usage_in_bytes')),
    text(join(root, 'memory', path, 'memory.stat')),
  ]);
  const stat = parseStat(memory);
  const memoryBytes = Number(current);
  return {
    cpuNanoseconds: Number(cpu),
    memoryBytes,
    workingSetBytes: Math.max(0, memoryBytes - (stat.get('total_inactive_file') ?? 0)),
    rssBytes: stat.get('total_rss') ?? 0,
  };
}

const text = (path: string) => readFile(path, 'utf8');

function parseStat(content: string): Map<string, number> {
  return new Map(
    content.split('\n').map((line) => {
      const [name = '', value] = line.split(' ');
      return [name, Number(value)];
    }),
  );
}
