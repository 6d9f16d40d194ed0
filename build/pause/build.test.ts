import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { buildPauseImage, compilePause } from './build.ts';
import { imageArchive, tarArchive } from './image-archive.ts';

const run = promisify(execFile);
const native = process.arch === 'arm64' ? 'arm64' : 'x64';

/** What `tar` makes of an archive. */
async function withArchive<T>(archive: Buffer, use: (path: string, folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'skiff-archive-'));
  const path = join(folder, 'archive.tar');
  await writeFile(path, archive);
  return use(path, folder).finally(() => rm(folder, { recursive: true }));
}

test('tar reads our archives', async () => {
  const archive = tarArchive([
    { path: 'bin/tool', mode: 0o755, content: 'x'.repeat(600) },
    { path: 'bin/link', target: 'tool' },
  ]);
  const listing = await withArchive(archive, async (path) => (await run('tar', ['tvf', path])).stdout);
  expect(listing).toMatch(/^-rwxr-xr-x 0\/0 +600 1970-01-01 .* bin\/tool\nl.*bin\/link -> tool\n$/);
});

test('a name that does not fit is refused', () => {
  expect(() => tarArchive([{ path: 'x'.repeat(101), mode: 0o644, content: '' }])).toThrow('too long');
});

test('the same image has the same bytes', () => {
  const options = { name: 'a:1', architecture: 'amd64', config: { Cmd: ['x'] } } as const;
  const files = [{ path: 'x', mode: 0o755, content: 'y' }];
  expect(imageArchive(files, options).equals(imageArchive(files, options))).toBe(true);
});

test('the pause image stays small and names itself', async () => {
  const archive = await buildPauseImage(native);
  expect(archive.length).toBeLessThan(10_000);
  const manifest = await withArchive(
    archive,
    async (path) => (await run('tar', ['xOf', path, 'manifest.json'])).stdout,
  );
  expect(JSON.parse(manifest)).toMatchObject([{ RepoTags: ['skiff/pause:1'] }]);
});

test.each(['TERM', 'INT'] as const)('pause ends well on %s', async (signal) => {
  await withArchive(await compilePause(native), async (_, folder) => {
    const program = join(folder, 'pause');
    await writeFile(program, await compilePause(native), { mode: 0o755 });
    // Signals before it has blocked them would end it at once.
    const script = `"${program}" & sleep 0.2; kill -${signal} $!; wait $!`;
    await expect(run('sh', ['-c', script])).resolves.toBeDefined();
  });
});

test('pause ends with an error if it cannot enter the namespace', async () => {
  await withArchive(Buffer.alloc(0), async (_, folder) => {
    const program = join(folder, 'pause');
    await writeFile(program, await compilePause(native), { mode: 0o755 });
    // ENOENT
    await expect(run(program, ['/absent'])).rejects.toMatchObject({ code: 2 });
  });
});
