import { createServer } from 'node:net';
import { describe, expect, test } from 'vitest';
import { listeningSockets, portHolder } from './port-holder.ts';

const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:192B 0100007F:A001 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1
   2: 00000000:280A 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
`;

describe('listeningSockets', () => {
  test.each([
    { name: 'the one that listens, not its connections', port: 6443, expected: ['socket:[4711]'] },
    { name: 'on any address', port: 10250, expected: ['socket:[4713]'] },
    { name: 'nothing on another port', port: 80, expected: [] },
  ])('$name', ({ port, expected }) => {
    expect(listeningSockets(table, port)).toEqual(expected);
  });
});

test('finds this very process, and nobody on a port nobody listens on', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  expect(await portHolder(port)).toMatch(new RegExp(`\\(process ${process.pid}\\)$`));
  await new Promise((resolve) => server.close(resolve));
  expect(await portHolder(port)).toBeUndefined();
});
