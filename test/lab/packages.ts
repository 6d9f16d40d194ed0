import { chmod, copyFile, cp, lstat, mkdir, mkdtemp, readdir, realpath, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { run } from '#base/process.ts';

/** A folder that becomes the root of an image's file system. */
export interface RootFs {
  readonly path: string;
  remove(): Promise<void>;
}

export interface RootFsOptions {
  /** Debian packages to take files from; libraries they depend on are found by themselves. */
  packages: readonly string[];
  /** Programs to copy with every library they need: path in the package to path in the image. */
  programs: Readonly<Record<string, string>>;
  /** Other files and folders to copy as they are. */
  files?: readonly string[];
  /** With busybox under all its names. */
  hasShell?: boolean;
}

/** Packages that carry shared libraries. */
const LIBRARIES = /^(lib|zlib|lua-)/;

/** Builds a file system of just what some programs need, from Debian packages, without installing any. */
export async function buildRootFs({
  packages: named,
  programs,
  files = [],
  hasShell = false,
}: RootFsOptions): Promise<RootFs> {
  const packages = hasShell ? [...named, 'busybox-static'] : named;
  const folder = await mkdtemp(join(tmpdir(), 'skiff-rootfs-'));
  try {
    const [debs, unpacked, root] = ['debs', 'unpacked', 'root'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    for (const path of [debs, unpacked, root]) await mkdir(path);
    // The sandbox user of apt cannot write to a private folder.
    const download = ['apt-get', 'download', '-q', '-o', 'APT::Sandbox::User=root'];
    await run('env', ['-C', debs, ...download, ...(await withLibraries(packages))]);
    for (const deb of await readdir(debs)) await run('dpkg-deb', ['-x', join(debs, deb), unpacked]);
    for (const [from, to] of Object.entries(programs)) {
      await copyInto(root, to, await find(unpacked, from));
      for (const library of await librariesOf(unpacked, from))
        await copyInto(root, library, await find(unpacked, library));
    }
    if (hasShell) await installShell(root, await find(unpacked, '/bin/busybox'));
    for (const file of files)
      await cp(await find(unpacked, file), join(root, file), { recursive: true, verbatimSymlinks: true });
    await mkdir(join(root, 'tmp'));
    await chmod(join(root, 'tmp'), 0o1777);
    await rm(debs, { recursive: true });
    return { path: root, remove: () => rm(folder, { recursive: true, force: true }) };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** The root as one reproducible tar archive. */
export async function archiveRootFs({ path }: RootFs): Promise<string> {
  const archive = join(dirname(path), 'layer.tar');
  const same = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0'];
  await run('tar', [...same, '-C', path, '-cf', archive, '.']);
  return archive;
}

/** The packages and all packages of libraries they depend on. */
async function withLibraries(packages: readonly string[]): Promise<string[]> {
  const found = new Set(packages);
  for (const name of found) {
    const only = [
      '--no-recommends',
      '--no-suggests',
      '--no-conflicts',
      '--no-breaks',
      '--no-replaces',
      '--no-enhances',
    ];
    const text = await run('apt-cache', ['depends', ...only, name]);
    for (const [, dependency = ''] of text.matchAll(/^\s*\|?(?:Pre)?Depends: (\S+)/gm)) {
      if (LIBRARIES.test(dependency) && !dependency.startsWith('libperl')) found.add(dependency);
    }
  }
  return [...found];
}

/** Paths of the libraries a program needs, as the packages' own loader finds them. */
async function librariesOf(unpacked: string, program: string): Promise<string[]> {
  const loaders = (await readdir(join(unpacked, 'lib'), { recursive: true })).filter((path) =>
    /(^|\/)ld-linux-[^/]*\.so\.\d$/.test(path),
  );
  const loader = loaders.map((path) => `/lib/${path}`).at(0);
  if (loader === undefined) throw new Error('The packages have no loader for programs');
  const text = await run('chroot', [unpacked, loader, '--list', program]);
  if (text.includes('not found')) throw new Error(`Cannot find all libraries of "${program}":\n${text}`);
  const paths = [...text.matchAll(/(?:=> |^\s*)(\/\S+)/gm)].map(([, path = '']) => path);
  // The program names its loader by the fixed path of the platform's ABI, which may be another one.
  const fixed = process.arch === 'arm64' ? '/lib/ld-linux-aarch64.so.1' : '/lib64/ld-linux-x86-64.so.2';
  return [...new Set([...paths, fixed])];
}

/** A path in the unpacked packages; with a merged `/usr` it may be known by another name. */
async function find(unpacked: string, path: string): Promise<string> {
  for (const candidate of [path, `/usr${path}`, path.replace(/^\/usr/, '')]) {
    const full = join(unpacked, candidate);
    if (
      await lstat(full).then(
        () => true,
        () => false,
      )
    )
      return full;
  }
  throw new Error(`None of the packages has "${path}"`);
}

async function installShell(root: string, busybox: string): Promise<void> {
  await copyInto(root, '/bin/busybox', busybox);
  const names = (await run(busybox, ['--list'])).split('\n').filter((name) => name !== '' && name !== 'busybox');
  for (const name of names) await symlink('busybox', join(root, 'bin', name));
}

async function copyInto(root: string, path: string, from: string): Promise<void> {
  const to = join(root, path);
  await mkdir(dirname(to), { recursive: true });
  // A library is known by the name of a link to it: what is wanted is that name, and the file behind.
  const real = await realpath(from).catch(() => from);
  await copyFile(real, to);
  await chmod(to, (await stat(real)).mode & 0o777);
}
