import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { run } from '#base/process.ts';

/** What a process and the children it has waited for have used so far. */
export interface Usage {
  rssBytes: number;
  cpuSeconds: number;
  writtenBytes: number;
}

/** Clock ticks per second in `/proc/PID/stat`; the kernel's interface fixes it. */
const TICKS = 100;

/** Sums up the processes. Memory that several of them share counts for each. */
export async function usageOf(pids: readonly number[]): Promise<Usage> {
  const all = await Promise.all(pids.map(usageOfOne));
  const sum = (field: keyof Usage) => all.reduce((total, usage) => total + usage[field], 0);
  return { rssBytes: sum('rssBytes'), cpuSeconds: sum('cpuSeconds'), writtenBytes: sum('writtenBytes') };
}

async function usageOfOne(pid: number): Promise<Usage> {
  const read = (name: string) => readFile(`/proc/${pid}/${name}`, 'utf8');
  const [status, stat, io] = await Promise.all(['status', 'stat', 'io'].map(read));
  // The program's name, in brackets, may contain anything.
  const fields = (stat ?? '').slice((stat ?? '').lastIndexOf(')') + 2).split(' ');
  // User and system time, its own and that of its children.
  const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
  return {
    rssBytes: numberOf(status, /^VmRSS:\s+(\d+) kB/m) * 1024,
    cpuSeconds: ticks / TICKS,
    writtenBytes: numberOf(io, /^write_bytes: (\d+)/m),
  };
}

function numberOf(text: string | undefined, pattern: RegExp): number {
  const found = pattern.exec(text ?? '')?.[1];
  if (found === undefined) throw new Error(`Cannot find ${pattern} in "${text}"`);
  return Number(found);
}

/** Processes of this program whose command line contains the text. */
export async function processesOf(program: string, text: string): Promise<number[]> {
  const listed = await run('ps', ['-e', '-ww', '-o', 'pid=,args=']);
  const found = listed.split('\n').filter((line) => {
    const [, path = ''] = line.trim().split(/\s+/);
    return basename(path) === program && line.includes(text);
  });
  return found.map((line) => Number.parseInt(line, 10));
}
