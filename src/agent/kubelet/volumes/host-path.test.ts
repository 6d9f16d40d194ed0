import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostPathDriver } from './host-path.ts';

const { signal } = new AbortController();
const socket = createServer();
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'skiff-host-path-'));
  await mkdir(join(dir, 'folder'));
  await writeFile(join(dir, 'file'), '');
  await new Promise<void>((resolve) => socket.listen(join(dir, 'socket'), resolve));
});

afterAll(async () => {
  socket.close();
  await rm(dir, { recursive: true, force: true });
});

const setUp = (path: string, type?: string) =>
  hostPathDriver().setUp(
    {
      pod: { metadata: { name: 'p' }, spec: { containers: [] } },
      volume: { name: 'v', hostPath: { path: path.startsWith('/') ? path : join(dir, path), ...(type && { type }) } },
      path: '/unused',
    },
    signal,
  );

test.each([
  ['folder', undefined],
  ['folder', 'Directory'],
  ['folder', 'DirectoryOrCreate'],
  ['file', 'File'],
  ['file', 'FileOrCreate'],
  ['socket', 'Socket'],
  ['/dev/null', 'CharDevice'],
])('%s is good for type %s', async (path, type) => {
  expect(await setUp(path, type)).toEqual({ hostPath: path.startsWith('/') ? path : join(dir, path) });
});

test.each([
  ['file', 'Directory', 'directory'],
  ['file', 'DirectoryOrCreate', 'directory'],
  ['folder', 'File', 'file'],
  ['none', 'Directory', 'directory'],
  ['none', 'File', 'file'],
  ['file', 'Socket', 'socket file'],
  ['file', 'CharDevice', 'character device'],
  ['file', 'BlockDevice', 'block device'],
  ['none/below', 'FileOrCreate', 'file'],
])('%s is bad for type %s', async (path, type, word) => {
  await expect(setUp(path, type)).rejects.toThrow(`hostPath type check failed: ${join(dir, path)} is not a ${word}`);
});

test.each([
  ['made/deep', 'DirectoryOrCreate'],
  ['made-without-type', undefined],
])('%s is made for type %s', async (path, type) => {
  await setUp(path, type);
  expect((await stat(join(dir, path))).isDirectory()).toBe(true);
});

test('a file is made in a folder that exists', async () => {
  await setUp('folder/new', 'FileOrCreate');
  const stats = await stat(join(dir, 'folder/new'));
  expect([stats.isFile(), stats.mode & 0o777]).toEqual([true, 0o644]);
});
