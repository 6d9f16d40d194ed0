import { readdir, readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, release } from 'node:os';
import { join } from 'node:path';

/** What the machine is; does not change while the agent runs. */
export interface Machine {
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  /** Bytes set aside by page size, e.g. `2Mi`. */
  readonly hugePages: Readonly<Record<string, number>>;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly kernel: string;
  readonly osImage: string;
  readonly architecture: string;
}

/** What is left of it right now. */
export interface MachineUsage {
  readonly memoryAvailableBytes: number;
  readonly diskBytes: number;
  readonly diskAvailableBytes: number;
}

const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** Reads the machine's own description; `root` is `/` but for tests. */
export async function readMachine(root = '/'): Promise<Machine> {
  const text = async (path: string) => (await readFile(join(root, path), 'utf8').catch(() => '')).trim();
  const memory = parseMemInfo(await text('proc/meminfo'));
  const machineId = await text('etc/machine-id');
  return {
    cpus: availableParallelism(),
    memoryBytes: memory.get('MemTotal') ?? 0,
    swapBytes: memory.get('SwapTotal') ?? 0,
    hugePages: await readHugePages(join(root, 'sys/kernel/mm/hugepages')),
    machineId,
    // Not readable, or not there, on small boards and in containers.
    systemUuid: (await text('sys/class/dmi/id/product_uuid')) || machineId,
    bootId: await text('proc/sys/kernel/random/boot_id'),
    kernel: release(),
    osImage: prettyName(await text('etc/os-release')),
    architecture: ARCHITECTURES[arch()] ?? arch(),
  };
}

export async function readUsage(dir: string): Promise<MachineUsage> {
  const memory = parseMemInfo(await readFile('/proc/meminfo', 'utf8'));
  const { blocks, bavail, bsize } = await statfs(dir);
  return {
    memoryAvailableBytes: memory.get('MemAvailable') ?? 0,
    diskBytes: blocks * bsize,
    diskAvailableBytes: bavail * bsize,
  };
}

/** Bytes by name. */
export function parseMemInfo(text: string): Map<string, number> {
  return new Map([...text.matchAll(/^(\w+):\s+(\d+) kB$/gm)].map(([, name = '', kib]) => [name, Number(kib) * 1024]));
}

/** The name for people in an `os-release` file. */
export function prettyName(osRelease: string): string {
  return /^PRETTY_NAME=["']?(.*?)["']?$/m.exec(osRelease)?.[1] ?? 'Linux';
}

async function readHugePages(dir: string): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const name of await readdir(dir).catch(() => [])) {
    const kib = Number(/^hugepages-(\d+)kB$/.exec(name)?.[1]);
    if (!Number.isFinite(kib)) continue;
    const pages = Number(await readFile(join(dir, name, 'nr_hugepages'), 'utf8').catch(() => '0'));
    found[kib >= 1024 * 1024 ? `${kib / 1024 / 1024}Gi` : kib >= 1024 ? `${kib / 1024}Mi` : `${kib}Ki`] =
      pages * kib * 1024;
  }
  return found;
}
