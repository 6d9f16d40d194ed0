import { expect, test } from 'vitest';
import { explainStart } from './explain.ts';

const system = (code: string, path?: string) =>
  Object.assign(new Error(`${code}: words of the system, open`), { code, ...(path && { path }) });

test.each([
  {
    name: 'a full disk',
    error: system('ENOSPC'),
    message: 'Cannot use the data folder "/data": the disk is full; free some space and start again',
  },
  {
    name: 'a read-only disk, with the file',
    error: system('EROFS', '/data/tls/ca.key'),
    message:
      'Cannot use the data folder "/data": the file system is read-only; mount it writable, or choose another data folder with --data-dir (at /data/tls/ca.key)',
  },
  {
    name: 'a port that nobody can be seen to hold',
    error: new Error('Cannot listen', { cause: Object.assign(new Error('x'), { code: 'EADDRINUSE', port: 1 }) }),
    message: 'Port 1 is in use: another program listens there; stop it, or choose another port with --some-port',
  },
  {
    name: 'what has been explained already',
    error: Object.assign(new Error('Cannot do it: the disk is full'), { code: 'ENOSPC' }),
    message: 'Cannot do it: the disk is full',
  },
  { name: 'what nobody knows', error: system('EWHAT'), message: 'EWHAT: words of the system, open' },
])('$name', async ({ error, message }) => {
  const explained = await explainStart(error, {
    dataDir: '/data',
    portFlags: { 1: '--some-port' },
    signal: new AbortController().signal,
  });
  expect(explained).toMatchObject({ message });
});

test('a cancelled start is no failure, parts that do not stop are', async () => {
  const reason = new Error('Stopped by SIGTERM');
  const around = { dataDir: '/data', portFlags: {}, signal: AbortSignal.abort(reason) };
  expect(await explainStart(new Error('The start of the store was cancelled'), around)).toBe(reason);
  const unclean = new AggregateError([new Error('x')], 'Some components did not stop cleanly');
  expect(await explainStart(unclean, around)).toBe(unclean);
});
