import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { buildPauseImage } from '#build/pause/build.ts';
import { type ImageFile, type ImageLink, imageArchive } from '#build/pause/image-archive.ts';

const run = promisify(execFile);
const CACHE = join(import.meta.dirname, '../../.cache/images');

/** An image with busybox's shell and applets, made from the Debian package `busybox-static`. */
export const BUSYBOX = 'skiff-test/busybox:1';

/** Archive of `BUSYBOX` for `docker load`; built once and kept. */
export function busyboxArchive(): Promise<Buffer> {
  return cached('busybox.tar', async () => {
    const busybox = await fileOfPackage('busybox-static', ['bin/busybox', 'usr/bin/busybox']);
    const { stdout } = await run(busybox.path, ['--list']);
    const applets = stdout.split('\n').filter((name) => name !== '' && name !== 'busybox');
    const entries: (ImageFile | ImageLink)[] = [
      { path: 'bin/busybox', mode: 0o755, content: await readFile(busybox.path) },
      ...applets.map((name) => ({ path: `bin/${name}`, target: 'busybox' })),
      {
        path: 'etc/passwd',
        mode: 0o644,
        content: 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n',
      },
      { path: 'etc/group', mode: 0o644, content: 'root:x:0:\nnogroup:x:65534:\n' },
    ];
    await busybox.release();
    const config = { Env: ['PATH=/bin', 'FROM_IMAGE=yes'], Cmd: ['sh'] };
    return imageArchive(entries, { name: BUSYBOX, architecture: process.arch === 'arm64' ? 'arm64' : 'amd64', config });
  });
}

/** Archive of the pause image for this machine's processor. */
export function pauseImage(): Promise<Buffer> {
  return buildPauseImage(process.arch === 'arm64' ? 'arm64' : 'x64');
}

/** What `build` makes, from the cache if it has been made before. */
async function cached(name: string, build: () => Promise<Buffer>): Promise<Buffer> {
  const path = join(CACHE, name);
  if (existsSync(path)) return readFile(path);
  const content = await build();
  await mkdir(CACHE, { recursive: true });
  // Several test files may build it at the same time.
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(temporary, content);
  await rename(temporary, path);
  return content;
}

/** A file of a Debian package, unpacked without installing it. */
async function fileOfPackage(name: string, paths: readonly string[]) {
  const folder = await mkdtemp(join(tmpdir(), 'skiff-package-'));
  const release = () => rm(folder, { recursive: true, force: true });
  try {
    // The sandbox user of apt cannot write to a private folder.
    await run('apt-get', ['download', '-q', '-o', 'APT::Sandbox::User=root', name], { cwd: folder });
    const archive = (await readdir(folder)).find((file) => file.endsWith('.deb'));
    await run('dpkg-deb', ['-x', join(folder, archive ?? ''), join(folder, 'root')]);
    const path = paths.map((candidate) => join(folder, 'root', candidate)).find((candidate) => existsSync(candidate));
    if (path === undefined) throw new Error(`Package "${name}" has none of ${paths.join(', ')}`);
    return { path, release };
  } catch (error) {
    await release();
    throw error;
  }
}
