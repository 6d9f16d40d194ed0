import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '#test/support/eventually.ts';
import { SpdyClient } from '#test/support/spdy-client.ts';
import { startUpgradeServer } from '#test/support/upgrade-server.ts';
import { acceptPortForward } from './accept-port-forward.ts';
import type { ForwardedConnection, PortForward } from './port-forward.ts';

let server: Awaited<ReturnType<typeof startUpgradeServer>>;
let ports: number[];
let accepted: PromiseWithResolvers<PortForward>;
let connections: ForwardedConnection[];

beforeEach(async () => {
  ports = [];
  connections = [];
  accepted = Promise.withResolvers();
  accepted.promise.catch(() => {});
  server = await startUpgradeServer((request, socket, head) => {
    const onConnection = (connection: ForwardedConnection) => {
      connections.push(connection);
      // Port 1 is closed, every other port sends back what it gets.
      if (connection.port === 1) connection.fail('connection refused');
      else connection.data.pipe(connection.data);
    };
    acceptPortForward(request, socket, head, { ports, onConnection }).then(accepted.resolve, accepted.reject);
  });
});
afterEach(() => server.close());

describe.each([
  { name: 'SPDY', open: async () => (await server.spdy('/', 'portforward.k8s.io')).client },
  {
    name: 'SPDY in a WebSocket',
    open: async () => new SpdyClient(await server.tunnel('/', 'SPDY/3.1+portforward.k8s.io')),
  },
])('$name', ({ open }) => {
  const openPair = async (client: SpdyClient, headers: Record<string, string>) => ({
    error: await client.open({ streamType: 'error', ...headers }),
    data: await client.open({ streamType: 'data', ...headers }),
  });

  test('carries connections side by side, each ends on its own', async () => {
    const client = await open();
    const first = await openPair(client, { port: '80', requestID: '0' });
    const second = await openPair(client, { port: '8080', requestID: '1' });
    client.send(second.data, 'two', { end: true });
    expect(await client.all(second.data)).toBe('two');
    expect(await client.all(second.error)).toBe('');
    expect(client.hasEnded(first.error)).toBe(false);
    client.send(first.data, 'one', { end: true });
    expect(await client.all(first.data)).toBe('one');
    expect(connections.map(({ port }) => port)).toEqual([80, 8080]);
  });

  test('tells why a connection does not work', async () => {
    const client = await open();
    const pair = await openPair(client, { port: '1', requestID: '0' });
    expect(await client.all(pair.error)).toBe('connection refused');
    expect(await client.all(pair.data)).toBe('');
  });

  test('pairs streams without a request id', async () => {
    const client = await open();
    const pair = await openPair(client, { port: '80' });
    client.send(pair.data, 'x', { end: true });
    expect(await client.all(pair.data)).toBe('x');
  });

  test('the error stream ends as soon as the port has closed its side', async () => {
    const client = await open();
    const pair = await openPair(client, { port: '80', requestID: '0' });
    await eventually(() => expect(connections).toHaveLength(1));
    connections[0]?.data.unpipe().end('bye');
    expect(await client.all(pair.data)).toBe('bye');
    expect(await client.all(pair.error)).toBe('');
  });

  test.each([
    { name: 'a port out of range', headers: { streamType: 'data', port: '65536' } },
    { name: 'no port', headers: { streamType: 'error' } },
    { name: 'an unknown type', headers: { streamType: 'stdin', port: '80' } },
  ])('a stream with $name is refused', async ({ headers }) => {
    const client = await open();
    await client.control(3, await client.open(headers));
    expect(connections).toEqual([]);
  });

  test('closes with everything it carries', async () => {
    const client = await open();
    await openPair(client, { port: '80', requestID: '0' });
    await eventually(() => expect(connections).toHaveLength(1));
    const forward = await accepted.promise;
    forward.close();
    await eventually(() => {
      expect(forward.closed.aborted).toBe(true);
      expect(connections[0]?.data.destroyed).toBe(true);
    });
  });
});

describe('WebSocket channels', () => {
  test.each([
    {
      name: 'binary',
      protocol: 'v4.channel.k8s.io',
      encode: (channel: number, data: Buffer) => Buffer.concat([Buffer.from([channel]), data]),
    },
    {
      name: 'base64',
      protocol: 'v4.base64.channel.k8s.io',
      encode: (channel: number, data: Buffer) => Buffer.from(`${channel}${data.toString('base64')}`),
    },
  ])('$name: two per port, which begin with its number', async ({ protocol, encode }) => {
    ports = [80, 1];
    const { webSocket, messages } = await server.webSocket('/', [protocol]);
    const number = (port: number) => Buffer.from([port & 0xff, port >> 8]);
    await eventually(() => expect(messages).toHaveLength(5));
    const announcements = [encode(0, number(80)), encode(1, number(80)), encode(2, number(1)), encode(3, number(1))];
    expect(messages.slice(0, 4)).toEqual(announcements);
    expect(messages[4]).toEqual(encode(3, Buffer.from('connection refused')));
    webSocket.send(encode(0, Buffer.from('echo')));
    await eventually(() => expect(messages[5]).toEqual(encode(0, Buffer.from('echo'))));
    const gone = once(connections[0]?.data ?? webSocket, 'close');
    webSocket.close();
    await gone;
    expect((await accepted.promise).closed.aborted).toBe(true);
  });

  test('without ports there is nothing to forward', async () => {
    const answer = await server.upgrade('/', { Upgrade: 'websocket', 'Sec-WebSocket-Protocol': 'v4.channel.k8s.io' });
    expect(answer).toMatchObject({ status: 400, body: 'query parameter "port" is required' });
    await expect(accepted.promise).rejects.toMatchObject({ name: 'UpgradeError' });
  });
});

test('an upgrade to something else is refused', async () => {
  expect((await server.upgrade('/', { Upgrade: 'h2c' })).status).toBe(400);
});
