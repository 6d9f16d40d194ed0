import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readCgroup } from './cgroup.ts';
import { readInterfaces, readNodeUsage } from './node-usage.ts';
import { metric } from './stats.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'skiff-cgroup-'));
  const files: Record<string, string> = {
    'v2/pod/cpu.stat': 'usage_usec 1500\nuser_usec 1000\n',
    'v2/pod/memory.current': '5000\n',
    'v2/pod/memory.stat': 'anon 3000\ninactive_file 1000\n',
    'v1/cpuacct/pod/cpuacct.usage': '1500000\n',
    'v1/memory/pod/memory.usage_in_bytes': '5000\n',
    'v1/memory/pod/memory.stat': 'total_rss 3000\ntotal_inactive_file 1000\n',
    'proc/stat': 'cpu  10 20 30 400 50 1 2 3 0 0\ncpu0 1 1 1 1\n',
    'proc/meminfo': 'MemTotal: 100 kB\nMemFree: 40 kB\nInactive: 10 kB\nAnonPages: 20 kB\n',
  };
  for (const [path, content] of Object.entries(files)) {
    await mkdir(join(root, path, '..'), { recursive: true });
    await writeFile(join(root, path), content);
  }
});

afterAll(() => rm(root, { recursive: true, force: true }));

test.each([1, 2] as const)('reads control groups of version %i', async (version) => {
  const usage = { cpuNanoseconds: 1_500_000, memoryBytes: 5000, workingSetBytes: 4000, rssBytes: 3000 };
  expect(await readCgroup('/pod', { version, root: join(root, `v${version}`) })).toEqual(usage);
});

test.each([1, 2] as const)('a group of version %i that is gone has no usage', async (version) => {
  expect(await readCgroup('/none', { version, root: join(root, `v${version}`) })).toBeUndefined();
});

test('adds up what the machine has used', async () => {
  expect(await readNodeUsage(join(root, 'proc'))).toEqual({
    cpuNanoseconds: 66 * 10_000_000,
    memoryBytes: 60 * 1024,
    workingSetBytes: 50 * 1024,
    rssBytes: 20 * 1024,
  });
});

test('reads interfaces, and none of a process that is gone', async () => {
  expect((await readInterfaces(process.pid)).every(({ name }) => name !== 'lo')).toBe(true);
  expect(await readInterfaces(2 ** 30)).toEqual([]);
});

test('writes metrics as Prometheus reads them', () => {
  const samples = [
    { labels: { pod: 'a"b' }, value: 1.5 },
    { labels: {}, value: 2 },
  ];
  expect(metric('m', 'gauge', 'Help', samples, 7)).toBe(
    '# HELP m [STABLE] Help\n# TYPE m gauge\nm{pod="a\\"b"} 1.5 7\nm 2 7\n',
  );
});
