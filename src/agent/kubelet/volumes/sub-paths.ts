import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { errorText, PodError, type PodHook } from '../pod-hook.ts';
import { bindDescriptor, mountPointsUnder, unmountAll } from './mount-table.ts';

export interface SubPathRequest {
  readonly podUid: string;
  readonly container: string;
  /** Of the mount within the container. */
  readonly index: number;
  readonly volumePath: string;
  readonly subPath: string;
}

const O_PATH = 0o10000000;

/**
 * Gives containers a part of a volume. The part is pinned by a bind mount of the agent's own: a container that can write the
 * volume could otherwise replace it by a link to any place of the node between the check and the engine's mount.
 */
export class SubPaths implements PodHook {
  readonly name = 'sub-paths';
  readonly #podsDir: string;

  constructor({ podsDir }: { podsDir: string }) {
    this.#podsDir = podsDir;
  }

  /** The host path to mount; a directory is made where there is nothing yet. Throws PodError. */
  async bind({ podUid, container, index, volumePath, subPath }: SubPathRequest): Promise<string> {
    const target = join(this.#dir(podUid), container, String(index));
    try {
      const handle = await openWithin(await realpath(volumePath), subPath);
      try {
        await this.#mount(handle, target);
      } finally {
        await handle.close();
      }
    } catch (error) {
      const message = `failed to prepare subPath for volumeMount "${subPath}" of container "${container}": ${errorText(error)}`;
      throw new PodError('CreateContainerConfigError', message, { cause: error });
    }
    return target;
  }

  async release(podUid: string): Promise<void> {
    const dir = this.#dir(podUid);
    await unmountAll(dir);
    await rm(dir, { recursive: true, force: true });
  }

  #dir(podUid: string): string {
    return join(this.#podsDir, podUid, 'volume-subpaths');
  }

  async #mount(handle: FileHandle, target: string): Promise<void> {
    // A container that starts again gets what the volume holds now.
    if ((await mountPointsUnder(target)).length > 0) await unmountAll(target);
    await rm(target, { recursive: true, force: true });
    await mkdir(dirname(target), { recursive: true, mode: 0o750 });
    if ((await handle.stat()).isDirectory()) await mkdir(target, { mode: 0o750 });
    else await writeFile(target, '');
    await bindDescriptor(handle.fd, target);
  }
}

/** Opens a path below `root` so that nothing on the way can lead out of it. */
async function openWithin(root: string, subPath: string): Promise<FileHandle> {
  const wanted = join(root, subPath);
  const resolved = await realpath(wanted).catch(async (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    await makeWithin(root, relative(root, wanted));
    return realpath(wanted);
  });
  const inside = relative(root, resolved);
  if (inside === '..' || inside.startsWith('../'))
    throw new Error(`subpath "${resolved}" not within volume path "${root}"`);
  return walk(root, inside);
}

const components = (path: string) => path.split('/').filter((part) => part !== '');

/** Opens each part in turn, relative to the one before, and never follows a link. */
async function walk(root: string, inside: string): Promise<FileHandle> {
  let handle = await open(root, O_PATH | constants.O_NOFOLLOW | constants.O_DIRECTORY);
  for (const part of components(inside)) {
    const parent = handle;
    try {
      handle = await open(`/proc/self/fd/${parent.fd}/${part}`, O_PATH | constants.O_NOFOLLOW);
    } finally {
      await parent.close();
    }
    if ((await handle.stat()).isSymbolicLink()) {
      await handle.close();
      throw new Error(`"${part}" has turned into a link`);
    }
  }
  return handle;
}

/** Makes the missing directories of a path, following no links either. */
async function makeWithin(root: string, inside: string): Promise<void> {
  const parts = components(inside);
  for (let depth = 0; depth < parts.length; depth++) {
    const parent = await walk(
      await realpath(root),
      relative(root, await realpath(join(root, ...parts.slice(0, depth)))),
    );
    try {
      await mkdir(`/proc/self/fd/${parent.fd}/${parts[depth]}`, { mode: 0o777 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await parent.close();
    }
  }
}
