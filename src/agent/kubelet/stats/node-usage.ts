import { readFile } from 'node:fs/promises';
import { parseMemInfo } from '../node/machine.ts';
import type { CgroupUsage } from './cgroup.ts';

/** The kernel counts in hundredths of a second. */
const TICK_NANOSECONDS = 10_000_000;

/** What the whole machine has used. */
export async function readNodeUsage(root = '/proc'): Promise<CgroupUsage> {
  const [stat, memory] = await Promise.all([readFile(`${root}/stat`, 'utf8'), readFile(`${root}/meminfo`, 'utf8')]);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (/^cpu +(.*)$/m.exec(stat)?.[1] ?? '')
    .split(' ')
    .map(Number);
  const info = parseMemInfo(memory);
  const total = info.get('MemTotal') ?? 0;
  const inactive = info.get('Inactive') ?? 0;
  const used = total - (info.get('MemFree') ?? 0);
  return {
    cpuNanoseconds: (user + nice + system + irq + softirq + steal) * TICK_NANOSECONDS,
    memoryBytes: used,
    workingSetBytes: Math.max(0, used - inactive),
    rssBytes: info.get('AnonPages') ?? 0,
  };
}

/** Bytes in and out of each interface but loopback, from `/proc/PID/net/dev`. */
export async function readInterfaces(
  pid: number,
): Promise<{ name: string; rxBytes: number; txBytes: number; rxErrors: number; txErrors: number }[]> {
  const content = await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => '');
  return content
    .split('\n')
    .slice(2)
    .flatMap((line) => {
      const [name = '', values = ''] = line.split(':');
      const numbers = values.trim().split(/\s+/).map(Number);
      if (name.trim() === '' || name.trim() === 'lo') return [];
      return [
        {
          name: name.trim(),
          rxBytes: numbers[0] ?? 0,
          rxErrors: numbers[2] ?? 0,
          txBytes: numbers[8] ?? 0,
          txErrors: numbers[10] ?? 0,
        },
      ];
    });
}
