import { mkdir, readlink, rm, rmdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodIdentity } from '../pod-names.ts';

export interface LoggedContainer {
  readonly pod: PodIdentity;
  readonly container: string;
  readonly attempt: number;
  readonly id: string;
  /** The engine's file. */
  readonly logPath: string;
}

/**
 * Links where log collectors look:
 *
 *   <root>/containers/POD_NAMESPACE_CONTAINER-ID.log -> <root>/pods/NAMESPACE_POD_UID/CONTAINER/ATTEMPT.log -> engine's file
 */
export class LogLinks {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  async ensure(logged: LoggedContainer): Promise<void> {
    if (logged.logPath === '') return;
    const { podLink, containerLink } = this.#paths(logged);
    await mkdir(join(this.#podDir(logged.pod), logged.container), { recursive: true, mode: 0o755 });
    await mkdir(join(this.#root, 'containers'), { recursive: true, mode: 0o755 });
    await ensureLink(podLink, logged.logPath);
    await ensureLink(containerLink, podLink);
  }

  async remove(logged: LoggedContainer): Promise<void> {
    const { podLink, containerLink } = this.#paths(logged);
    await rm(containerLink, { force: true });
    await rm(podLink, { force: true });
  }

  /** Everything of a pod that is gone. The links by container go with `remove`. */
  async removePod(pod: PodIdentity): Promise<void> {
    await rm(this.#podDir(pod), { recursive: true, force: true });
    // The last pod takes the folders along, where nobody else uses them.
    await rmdir(join(this.#root, 'pods')).catch(() => {});
    await rmdir(join(this.#root, 'containers')).catch(() => {});
  }

  #podDir({ namespace, name, uid }: PodIdentity): string {
    return join(this.#root, 'pods', `${namespace}_${name}_${uid}`);
  }

  #paths({ pod, container, attempt, id }: LoggedContainer): { podLink: string; containerLink: string } {
    return {
      podLink: join(this.#podDir(pod), container, `${attempt}.log`),
      containerLink: join(this.#root, 'containers', `${pod.name}_${pod.namespace}_${container}-${id}.log`),
    };
  }
}

async function ensureLink(path: string, target: string): Promise<void> {
  const current = await readlink(path).catch(() => undefined);
  if (current === target) return;
  await rm(path, { force: true });
  await symlink(target, path);
}
