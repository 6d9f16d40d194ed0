import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod, Volume } from '#api/core/v1.ts';
import type { Logger } from '#base/logger.ts';
import { errorText, PodError, type PodHook, type PodInputs, type PreparedVolume } from '../pod-hook.ts';
import { mountPointsUnder, mountTmpfs, unmountAll } from './mount-table.ts';
import type { VolumeDriver } from './volume-driver.ts';

export interface VolumeManagerDeps {
  /** Holds one folder per pod UID. */
  readonly podsDir: string;
  /** The same for what must not reach a disk; the manager mounts memory there. */
  readonly memoryDir: string;
  readonly drivers: readonly VolumeDriver[];
  readonly log: Logger;
}

/** Turns the volumes a pod declares into host paths its containers can mount, and keeps live ones up to date. */
export class VolumeManager implements PodHook {
  readonly name = 'volumes';
  readonly #deps: VolumeManagerDeps;
  readonly #prepared = new Set<string>();
  readonly #turns = new Map<string, Promise<unknown>>();

  constructor(deps: VolumeManagerDeps) {
    this.#deps = deps;
  }

  /** One piece of memory for all secrets of the node: a mount for each of them would cost every pod's start. */
  async start(): Promise<void> {
    const { memoryDir, log } = this.#deps;
    await mkdir(memoryDir, { recursive: true, mode: 0o750 });
    if ((await mountPointsUnder(memoryDir)).length > 0) return;
    try {
      await mountTmpfs(memoryDir, { mode: '0750' });
    } catch (err) {
      log.warn({ err }, 'secrets of pods are kept on disk');
    }
  }

  /** Pods whose folders are left. */
  async leftovers(): Promise<string[]> {
    const { podsDir, memoryDir } = this.#deps;
    const found = await Promise.all([podsDir, memoryDir].map((dir) => readdir(dir).catch(() => [])));
    return [...new Set(found.flat())];
  }

  /** The last of what was kept for a pod, beside its volumes. */
  async removePodDir(podUid: string): Promise<void> {
    await rm(join(this.#deps.podsDir, podUid), { recursive: true, force: true });
  }

  async prepare(pod: Pod, signal: AbortSignal): Promise<PodInputs> {
    const uid = pod.metadata.uid ?? '';
    return this.#inTurn(uid, async () => {
      const volumes = new Map<string, PreparedVolume>();
      for (const volume of pod.spec.volumes ?? []) volumes.set(volume.name, await this.#setUp(pod, volume, signal));
      this.#prepared.add(uid);
      return { volumes };
    });
  }

  /** Brings the live volumes of a pod up to date; of a pod that has none yet, nothing happens. */
  async refresh(pod: Pod, signal: AbortSignal): Promise<void> {
    const uid = pod.metadata.uid ?? '';
    if (!this.#prepared.has(uid)) return;
    await this.#inTurn(uid, async () => {
      for (const volume of pod.spec.volumes ?? []) {
        // It may have been released while this waited.
        if (this.#driverOf(volume)?.isLive && this.#prepared.has(uid)) await this.#setUp(pod, volume, signal);
      }
    });
  }

  async release(podUid: string): Promise<void> {
    this.#prepared.delete(podUid);
    await this.#inTurn(podUid, async () => {
      for (const dir of this.#dirsOf(podUid)) {
        for (const driver of this.#deps.drivers) await this.#tearDown(driver, join(dir, driver.name));
        // A mount left behind would be emptied with the folder.
        await unmountAll(dir);
        await rm(dir, { recursive: true, force: true });
      }
    });
    this.#turns.delete(podUid);
    await rm(join(this.#deps.memoryDir, podUid), { recursive: true, force: true });
  }

  #dirsOf(podUid: string): string[] {
    const { podsDir, memoryDir } = this.#deps;
    return [join(podsDir, podUid, 'volumes'), join(memoryDir, podUid, 'volumes')];
  }

  async #tearDown({ tearDown }: VolumeDriver, dir: string): Promise<void> {
    if (tearDown === undefined) return;
    for (const name of await readdir(dir).catch(() => [])) await tearDown(join(dir, name));
  }

  #driverOf(volume: Volume): VolumeDriver | undefined {
    return this.#deps.drivers.find((driver) => driver.matches(volume));
  }

  async #setUp(pod: Pod, volume: Volume, signal: AbortSignal): Promise<PreparedVolume> {
    const driver = this.#driverOf(volume);
    if (driver === undefined) {
      const kind = Object.keys(volume)
        .filter((key) => key !== 'name')
        .join(', ');
      throw new PodError(
        'FailedMount',
        `MountVolume.SetUp failed for volume "${volume.name}" : no driver for volumes of type ${kind || '(none)'}`,
      );
    }
    const { podsDir, memoryDir } = this.#deps;
    const root = driver.medium === 'memory' ? memoryDir : podsDir;
    const path = join(root, pod.metadata.uid ?? '', 'volumes', driver.name, volume.name);
    try {
      return await driver.setUp({ pod, volume, path }, signal);
    } catch (error) {
      signal.throwIfAborted();
      const message = `MountVolume.SetUp failed for volume "${volume.name}" : ${errorText(error)}`;
      throw new PodError('FailedMount', message, { cause: error });
    }
  }

  /** One after the other per pod. */
  #inTurn<T>(podUid: string, task: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(podUid) ?? Promise.resolve()).then(task, task);
    this.#turns.set(
      podUid,
      turn.catch(() => {}),
    );
    return turn;
  }
}
