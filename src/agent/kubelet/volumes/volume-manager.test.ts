import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Pod, Volume } from '#api/core/v1.ts';
import { createLogger } from '#base/logger.ts';
import { emptyDirDriver } from './empty-dir.ts';
import type { VolumeDriver } from './volume-driver.ts';
import { VolumeManager } from './volume-manager.ts';

const { signal } = new AbortController();
let root: string;
let content: string | Error;

/** Shows one word, which may change. */
const wordDriver: VolumeDriver = {
  name: 'word',
  medium: 'memory',
  isLive: true,
  matches: ({ configMap }) => configMap !== undefined,
  async setUp({ path }) {
    if (content instanceof Error) throw content;
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'word'), content);
    return { hostPath: path, readOnly: true };
  },
};

const podWith = (...volumes: Volume[]): Pod => ({
  metadata: { name: 'web', uid: 'u1' },
  spec: { containers: [], volumes },
});

const scratch: Volume = { name: 'scratch', emptyDir: {} };
const word: Volume = { name: 'word', configMap: { name: 'x' } };

let manager: VolumeManager;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'skiff-volumes-'));
  content = 'one';
  manager = new VolumeManager({
    podsDir: join(root, 'pods'),
    memoryDir: join(root, 'memory'),
    drivers: [emptyDirDriver(), wordDriver],
    log: createLogger({ level: 'silent' }),
  });
});

afterEach(() => rm(root, { recursive: true, force: true }));

const wordFile = () => join(root, 'memory/u1/volumes/word/word/word');

test('makes a path for each volume, secrets apart from the rest', async () => {
  const { volumes } = await manager.prepare(podWith(scratch, word), signal);
  expect(volumes).toEqual(
    new Map([
      ['scratch', { hostPath: join(root, 'pods/u1/volumes/kubernetes.io~empty-dir/scratch') }],
      ['word', { hostPath: join(root, 'memory/u1/volumes/word/word'), readOnly: true }],
    ]),
  );
});

test('leaves the content of a volume alone when it is prepared again', async () => {
  const pod = podWith(scratch);
  const { volumes } = await manager.prepare(pod, signal);
  const path = volumes?.get('scratch')?.hostPath ?? '';
  await writeFile(join(path, 'kept'), 'x');
  await manager.prepare(pod, signal);
  expect(await readdir(path)).toEqual(['kept']);
  expect((await stat(path)).mode & 0o7777).toBe(0o777);
});

test('brings live volumes up to date', async () => {
  const pod = podWith(scratch, word);
  await manager.prepare(pod, signal);
  content = 'two';
  await manager.refresh(pod, signal);
  expect(await readFile(wordFile(), 'utf8')).toBe('two');
});

test('refreshes nothing that was not prepared, or is released', async () => {
  const pod = podWith(word);
  await manager.refresh(pod, signal);
  await expect(stat(wordFile())).rejects.toThrow('ENOENT');
  await manager.prepare(pod, signal);
  await manager.release('u1');
  await manager.refresh(pod, signal);
  await expect(stat(wordFile())).rejects.toThrow('ENOENT');
});

test('removes everything of a pod, and finds what is left of others', async () => {
  await manager.prepare(podWith(scratch, word), signal);
  expect(await manager.leftovers()).toEqual(['u1']);
  await manager.release('u1');
  await manager.release('u1');
  await manager.removePodDir('u1');
  expect(await manager.leftovers()).toEqual([]);
});

test('says in which volume something is wrong', async () => {
  content = new Error('configmap "x" not found');
  await expect(manager.prepare(podWith(word), signal)).rejects.toMatchObject({
    reason: 'FailedMount',
    message: 'MountVolume.SetUp failed for volume "word" : configmap "x" not found',
  });
});

test('says that a kind of volume is not known', async () => {
  const claim: Volume = { name: 'claim', persistentVolumeClaim: { claimName: 'x' } };
  await expect(manager.prepare(podWith(claim), signal)).rejects.toMatchObject({
    reason: 'FailedMount',
    message: 'MountVolume.SetUp failed for volume "claim" : no driver for volumes of type persistentVolumeClaim',
  });
});
