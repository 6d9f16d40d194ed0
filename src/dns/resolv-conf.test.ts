import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseResolvConf, readUpstreams } from './resolv-conf.ts';
import { parseUpstream } from './upstream.ts';

test('parseResolvConf takes addresses and nothing else', () => {
  const text =
    '# nameserver 1.1.1.1\nsearch a b\nnameserver 192.0.2.1\nnameserver\tfd00::1 \nnameserver fe80::1%eth0\nnameserver example.com\nnameserver\n';
  expect(parseResolvConf(text)).toEqual(['192.0.2.1', 'fd00::1', 'fe80::1%eth0']);
});

describe('readUpstreams', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'skiff-dns-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each([
    { name: 'takes the first file', files: ['192.0.2.1 192.0.2.2', '192.0.2.9'], expected: ['192.0.2.1', '192.0.2.2'] },
    {
      name: 'looks behind the stub of systemd-resolved',
      files: ['127.0.0.53', '192.0.2.9 127.0.0.53'],
      expected: ['192.0.2.9'],
    },
    { name: 'keeps the stub where nothing is behind it', files: ['127.0.0.53', ''], expected: ['127.0.0.53'] },
    { name: 'leaves out our own address', files: ['10.43.0.10 192.0.2.1'], expected: ['192.0.2.1'] },
    { name: 'counts a server once', files: ['192.0.2.1 192.0.2.1'], expected: ['192.0.2.1'] },
    { name: 'stands a missing file', files: [], expected: [] },
  ])('$name', async ({ files, expected }) => {
    const paths = ['a', 'b'].map((file) => join(folder, file));
    for (const path of paths) await rm(path, { force: true });
    for (const [index, servers] of files.entries()) {
      await writeFile(
        paths[index]!,
        servers
          .split(' ')
          .map((server) => `nameserver ${server}\n`)
          .join(''),
      );
    }
    expect((await readUpstreams(paths, ['10.43.0.10'])).map(({ host }) => host)).toEqual(expected);
  });
});

test.each([
  { text: '192.0.2.1', expected: { host: '192.0.2.1', port: 53 } },
  { text: '192.0.2.1:5353', expected: { host: '192.0.2.1', port: 5353 } },
  { text: '[fd00::1]:54', expected: { host: 'fd00::1', port: 54 } },
  { text: 'fd00::1', expected: { host: 'fd00::1', port: 53 } },
  { text: 'example.com', expected: undefined },
  { text: '192.0.2.1:99999', expected: undefined },
])('parseUpstream reads $text', ({ text, expected }) => {
  expect(parseUpstream(text)).toEqual(expected);
});
