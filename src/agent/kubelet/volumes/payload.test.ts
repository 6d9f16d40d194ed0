import { lstat, mkdtemp, readdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Payload, selectKeys, writePayload } from './payload.ts';

let dir: string;

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'skiff-payload-')), 'volume');
});

afterEach(() => rm(join(dir, '..'), { recursive: true, force: true }));

const payload = (files: Record<string, string>, mode = 0o644): Payload =>
  new Map(Object.entries(files).map(([path, text]) => [path, { data: Buffer.from(text), mode }]));

const write = (files: Payload) => writePayload(dir, files, { fsGroup: undefined });
const read = (path: string) => readFile(join(dir, path), 'utf8');
const names = async () => (await readdir(dir)).filter((name) => !name.startsWith('..')).sort();

describe('writePayload', () => {
  test('shows files through one link', async () => {
    await write(payload({ a: '1', 'sub/b': '2', '.hidden': '3' }));
    expect(await names()).toEqual(['.hidden', 'a', 'sub']);
    expect([await read('a'), await read('sub/b'), await read('.hidden')]).toEqual(['1', '2', '3']);
    expect(await readlink(join(dir, 'a'))).toBe('..data/a');
    expect((await lstat(join(dir, '..data'))).isSymbolicLink()).toBe(true);
  });

  test('gives files their modes', async () => {
    await write(new Map([['run', { data: Buffer.from(''), mode: 0o555 }]]));
    expect((await stat(join(dir, 'run'))).mode & 0o777).toBe(0o555);
  });

  test('leaves alone what is the same already', async () => {
    await write(payload({ a: '1' }));
    const version = await readlink(join(dir, '..data'));
    await write(payload({ a: '1' }));
    expect(await readlink(join(dir, '..data'))).toBe(version);
  });

  test('switches to a new version at once and removes the old one', async () => {
    await write(payload({ a: '1', b: '1' }));
    const before = await readlink(join(dir, '..data'));
    await write(payload({ a: '2', c: '2' }));
    expect(await names()).toEqual(['a', 'c']);
    expect(await read('a')).toBe('2');
    expect(await readdir(dir)).not.toContain(before);
  });

  test.each([
    ['a mode', payload({ a: '1' }, 0o600)],
    ['a file more', payload({ a: '1', b: '' })],
    ['no file', payload({})],
  ])('sees %s', async (_, next) => {
    await write(payload({ a: '1' }));
    const version = await readlink(join(dir, '..data'));
    await write(next);
    expect(await readlink(join(dir, '..data'))).not.toBe(version);
  });

  test('mends what somebody has changed', async () => {
    await write(payload({ a: '1' }));
    await writeFile(join(dir, 'a'), 'forged');
    await write(payload({ a: '1' }));
    expect(await read('a')).toBe('1');
  });

  test.each(['../x', '/x', 'a/../../x', '..x', ''])('refuses the path "%s"', async (path) => {
    await expect(write(payload({ [path]: '' }))).rejects.toThrow(`invalid path "${path}"`);
  });
});

describe('selectKeys', () => {
  const data = new Map([
    ['a', Buffer.from('1')],
    ['b', Buffer.from('2')],
  ]);
  const options = { items: undefined, defaultMode: 0o644, optional: undefined, source: 'config' };

  test('takes all keys by default', () => {
    expect([...selectKeys(data, options).keys()]).toEqual(['a', 'b']);
  });

  test('takes named keys to their paths', () => {
    const items = [
      { key: 'b', path: 'x/y', mode: 0o400 },
      { key: 'a', path: 'z' },
    ];
    expect(selectKeys(data, { ...options, items })).toEqual(
      new Map([
        ['x/y', { data: Buffer.from('2'), mode: 0o400 }],
        ['z', { data: Buffer.from('1'), mode: 0o644 }],
      ]),
    );
  });

  test('misses a key, unless it is optional', () => {
    const items = [{ key: 'c', path: 'c' }];
    expect(() => selectKeys(data, { ...options, items })).toThrow('references non-existent config key: c');
    expect(selectKeys(data, { ...options, items, optional: true }).size).toBe(0);
  });
});
