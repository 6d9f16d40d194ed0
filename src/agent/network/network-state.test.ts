import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EMPTY_STATE, NetworkStateFile } from './network-state.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'skiff-state-'));
});
afterAll(() => rm(folder, { recursive: true }));

const stateOf = (count: number) => ({
  ...EMPTY_STATE,
  podCidr: '10.42.1.0/24',
  addresses: { assigned: { pod: `10.42.1.${count}` }, freed: [] },
});

test('starts empty, and finds again what was saved', async () => {
  const path = join(folder, 'a', 'network.json');
  const file = new NetworkStateFile(path);
  expect(await file.load()).toEqual(EMPTY_STATE);
  await file.save(stateOf(2));
  expect(await new NetworkStateFile(path).load()).toEqual(stateOf(2));
  await file.remove();
  expect(await file.load()).toEqual(EMPTY_STATE);
});

test('every save that resolved is on disk, however many overlap', async () => {
  const path = join(folder, 'b.json');
  const file = new NetworkStateFile(path);
  await Promise.all(
    Array.from({ length: 40 }, async (_, count) => {
      await file.save(stateOf(count));
      const { addresses } = JSON.parse(await readFile(path, 'utf8')) as typeof EMPTY_STATE;
      expect(Number(addresses.assigned['pod']?.split('.').at(-1))).toBeGreaterThanOrEqual(count);
    }),
  );
  expect(await file.load()).toEqual(stateOf(39));
});

test('a broken file is an error that names the cure', async () => {
  const path = join(folder, 'c.json');
  await writeFile(path, '{"addresses":');
  await expect(new NetworkStateFile(path).load()).rejects.toThrow(`"${path}": delete the file to start anew`);
});
