import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { eventually } from '#test/support/eventually.ts';
import { startUpgradeServer } from '#test/support/upgrade-server.ts';
import { acceptRemoteCommand } from './accept-remote-command.ts';
import type { RemoteCommand, RemoteCommandOptions, TerminalSize } from './remote-command.ts';
import { exitStatus } from './status.ts';

const FAILED = exitStatus(7);

let server: Awaited<ReturnType<typeof startUpgradeServer>>;
let options: RemoteCommandOptions;
let accepted: PromiseWithResolvers<RemoteCommand>;

beforeEach(async () => {
  options = { stdin: true, stdout: true, stderr: true, tty: false };
  accepted = Promise.withResolvers();
  accepted.promise.catch(() => {});
  server = await startUpgradeServer((request, socket, head) => {
    acceptRemoteCommand(request, socket, head, options).then(accepted.resolve, accepted.reject);
  });
});
afterEach(() => server.close());

/** The client's input, which must have been asked for. */
function inputOf({ stdin }: RemoteCommand): Readable {
  if (stdin === undefined) throw new Error('There is no stdin');
  return stdin;
}

/** What came on a channel, without its number. */
function channel(messages: readonly Buffer[], number: number, isBase64: boolean): string {
  return messages
    .map((message) =>
      isBase64
        ? [Number(message.toString()[0]), Buffer.from(message.toString().slice(1), 'base64')]
        : [message[0], message.subarray(1)],
    )
    .filter(([of]) => of === number)
    .map(([, data]) => String(data))
    .join('');
}

describe('WebSocket', () => {
  test.each([
    { name: 'v5', offered: ['v5.channel.k8s.io'], isBase64: false, isJson: true },
    { name: 'v4', offered: ['v4.channel.k8s.io'], isBase64: false, isJson: true },
    { name: 'v4 in base64', offered: ['v4.base64.channel.k8s.io'], isBase64: true, isJson: true },
    { name: 'v1', offered: ['channel.k8s.io'], isBase64: false, isJson: false },
    { name: 'v1 in base64', offered: ['base64.channel.k8s.io'], isBase64: true, isJson: false },
    { name: 'none named, which is v1', offered: [], isBase64: false, isJson: false },
    {
      name: 'the best of several',
      offered: ['x', 'v4.channel.k8s.io', 'v5.channel.k8s.io'],
      isBase64: false,
      isJson: true,
    },
  ])('protocol $name', async ({ offered, isBase64, isJson }) => {
    const { webSocket, messages, closed } = await server.webSocket('/', offered);
    expect(webSocket.protocol).toBe(offered.at(-1) ?? '');
    const command = await accepted.promise;
    await eventually(() => expect(messages).toHaveLength(1));
    expect(messages[0]?.toString('latin1')).toBe(isBase64 ? '1' : '\x01');

    const input = once(inputOf(command), 'data') as Promise<Buffer[]>;
    webSocket.send(isBase64 ? `0${btoa('hello')}` : Buffer.from('\0hello'));
    expect(String((await input)[0])).toBe('hello');
    command.stdout?.write('out');
    command.stderr?.write('err');
    await command.finish(FAILED);
    expect(await closed).toBe(1000);
    expect(channel(messages, 1, isBase64)).toBe('out');
    expect(channel(messages, 2, isBase64)).toBe('err');
    expect(channel(messages, 3, isBase64)).toBe(isJson ? JSON.stringify(FAILED) : FAILED.message);
    expect(command.closed.aborted).toBe(true);
  });

  test('v1 tells nothing of success', async () => {
    const { messages, closed } = await server.webSocket('/', ['channel.k8s.io']);
    await (await accepted.promise).finish(exitStatus(0));
    await closed;
    expect(channel(messages, 3, false)).toBe('');
  });

  test('v5 can end the input alone', async () => {
    const { webSocket } = await server.webSocket('/', ['v5.channel.k8s.io']);
    const command = await accepted.promise;
    webSocket.send(Buffer.from('\0last'));
    webSocket.send(Buffer.from([255, 0]));
    expect(await text(inputOf(command))).toBe('last');
    expect(command.closed.aborted).toBe(false);
  });

  test('only what was asked for is there, and the sign of life comes on the lowest channel', async () => {
    options = { stdin: false, stdout: false, stderr: true, tty: false };
    const { webSocket, messages } = await server.webSocket('/', ['v4.channel.k8s.io']);
    const command = await accepted.promise;
    expect([command.stdin, command.stdout]).toEqual([undefined, undefined]);
    await eventually(() => expect(messages[0]).toEqual(Buffer.from([2])));
    webSocket.send(Buffer.from('\0unasked'));
    webSocket.send(Buffer.alloc(0));
    command.stderr?.write('fine');
    await eventually(() => expect(channel(messages, 2, false)).toBe('fine'));
  });

  test('sizes of the terminal, the latest only; nonsense is ignored', async () => {
    options = { ...options, tty: true };
    const { webSocket } = await server.webSocket('/', ['v5.channel.k8s.io']);
    const command = await accepted.promise;
    expect(command.stderr).toBeUndefined();
    const resize = (text: string) => webSocket.send(Buffer.from(`\x04${text}`));
    for (const text of ['{"Width":80,"Height":24}', '{"Width":-1,"Height":24}', 'no json', '{"Width":100,"Height":40}'])
      resize(text);
    webSocket.send(Buffer.from('\0x'));
    await once(inputOf(command), 'data');
    webSocket.close();
    const sizes: TerminalSize[] = [];
    for await (const size of command.resizes) sizes.push(size);
    expect(sizes).toEqual([{ width: 100, height: 40 }]);
  });

  test('a client that is gone ends the input and is not waited for', async () => {
    const { webSocket } = await server.webSocket('/', ['v5.channel.k8s.io']);
    const command = await accepted.promise;
    webSocket.terminate();
    expect(await text(inputOf(command))).toBe('');
    await eventually(() => expect(command.closed.aborted).toBe(true));
    command.stdout?.write('to nobody');
    await command.finish(FAILED);
  });

  test('a reader that is slow holds up the client, not the memory, and is no obstacle to the end', async () => {
    const { webSocket, messages, closed } = await server.webSocket('/', ['v5.channel.k8s.io']);
    const command = await accepted.promise;
    for (let count = 0; count < 1000; count++) webSocket.send(Buffer.alloc(32_768));
    await eventually(() => expect(command.stdin?.readableLength).toBeGreaterThan(1_000_000));
    expect(command.stdin?.readableLength).toBeLessThan(1_200_000);
    await command.finish(FAILED);
    await closed;
    expect(channel(messages, 3, false)).toBe(JSON.stringify(FAILED));
  });

  test('pings are answered', async () => {
    const { webSocket } = await server.webSocket('/', ['v5.channel.k8s.io']);
    webSocket.ping('are you there');
    expect(String((await once(webSocket, 'pong'))[0])).toBe('are you there');
  });

  test.each([
    {
      name: 'an unknown protocol',
      headers: { 'Sec-WebSocket-Protocol': 'v9.channel.k8s.io' },
      status: 403,
      body: /client supports \[v9.channel.k8s.io\]/,
    },
    {
      name: 'a handshake without key',
      headers: { 'Sec-WebSocket-Protocol': 'v5.channel.k8s.io' },
      status: 400,
      body: /./,
    },
  ])('$name is refused', async ({ headers, status, body }) => {
    const answer = await server.upgrade('/', { Upgrade: 'websocket', ...headers });
    expect(answer.status).toBe(status);
    expect(answer.body).toMatch(body);
    await expect(accepted.promise).rejects.toMatchObject({ name: 'UpgradeError' });
  });
});

describe('SPDY', () => {
  test.each([
    { offered: 'v5.channel.k8s.io, v4.channel.k8s.io, v3.channel.k8s.io', chosen: 'v4.channel.k8s.io', isJson: true },
    { offered: 'v3.channel.k8s.io, v2.channel.k8s.io', chosen: 'v3.channel.k8s.io', isJson: false },
    { offered: 'v2.channel.k8s.io', chosen: 'v2.channel.k8s.io', isJson: false },
    { offered: 'channel.k8s.io', chosen: 'channel.k8s.io', isJson: false },
    { offered: undefined, chosen: undefined, isJson: false },
  ])('protocol $chosen', async ({ offered, chosen, isJson }) => {
    const { client, protocol } = await server.spdy('/', offered);
    expect(protocol).toBe(chosen);
    const [error, stdin, stdout, stderr] = [
      await client.open({ streamType: 'error' }),
      await client.open({ streamType: 'stdin' }),
      await client.open({ streamType: 'stdout' }),
      await client.open({ streamType: 'stderr' }),
    ];
    for (const id of [error, stdin, stdout, stderr]) await client.accepted(id);
    const command = await accepted.promise;
    client.send(stdin, 'hello', { end: true });
    expect(await text(inputOf(command))).toBe('hello');
    expect(client.hasEnded(stdin)).toBe(false);
    command.stdout?.write('out');
    command.stderr?.write('err');
    await command.finish(FAILED);
    expect(await client.all(stdout)).toBe('out');
    expect(await client.all(stderr)).toBe('err');
    expect(await client.all(error)).toBe(isJson ? JSON.stringify(FAILED) : FAILED.message);
    await eventually(() => expect(command.closed.aborted).toBe(true));
  });

  test('a terminal has a resize stream and no stderr', async () => {
    options = { ...options, tty: true };
    const { client } = await server.spdy('/', 'v4.channel.k8s.io');
    for (const streamType of ['error', 'stdin', 'stdout']) await client.open({ streamType });
    const resize = await client.open({ streamType: 'resize' });
    const command = await accepted.promise;
    expect(command.stderr).toBeUndefined();
    client.send(resize, '{"Width":80,"Hei');
    client.send(resize, 'ght":24}\n');
    const { value } = await command.resizes[Symbol.asyncIterator]().next();
    expect(value).toEqual({ width: 80, height: 24 });
  });

  test('streams that nobody asked for are refused', async () => {
    options = { ...options, stdin: false };
    const { client } = await server.spdy('/', 'v4.channel.k8s.io');
    const unasked = await client.open({ streamType: 'stdin' });
    await client.control(3, unasked);
    for (const streamType of ['error', 'stdout', 'stderr']) await client.open({ streamType });
    expect((await accepted.promise).stdin).toBeUndefined();
  });

  test('a client that does not open its streams in time is sent away', async () => {
    options = { ...options, openTimeoutMs: 50 };
    const { client } = await server.spdy('/', 'v4.channel.k8s.io');
    await client.open({ streamType: 'error' });
    await expect(accepted.promise).rejects.toMatchObject({ status: 408 });
    await eventually(() => expect(client.transport.destroyed).toBe(true));
  });

  test('a client that leaves early is noticed', async () => {
    const { client } = await server.spdy('/', 'v4.channel.k8s.io');
    client.transport.destroy();
    await expect(accepted.promise).rejects.toMatchObject({ status: 400 });
  });

  test('a connection on which nothing moves is closed', async () => {
    options = { ...options, idleTimeoutMs: 100 };
    const { client } = await server.spdy('/', 'v4.channel.k8s.io');
    for (const streamType of ['error', 'stdin', 'stdout', 'stderr']) await client.open({ streamType });
    const command = await accepted.promise;
    await eventually(() => expect(command.closed.aborted).toBe(true));
  });

  test('an unknown protocol is refused', async () => {
    const answer = await server.upgrade('/', { Upgrade: 'SPDY/3.1', 'X-Stream-Protocol-Version': 'v9' });
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('client supports [v9], server accepts [v4.channel.k8s.io');
  });
});

test('an upgrade to something else is refused', async () => {
  const answer = await server.upgrade('/', { Upgrade: 'h2c' });
  expect(answer.status).toBe(400);
  expect(answer.body).toContain('not "h2c"');
  await expect(accepted.promise).rejects.toMatchObject({ name: 'UpgradeError', status: 400 });
});
