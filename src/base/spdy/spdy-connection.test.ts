import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { eventually } from '#test/support/eventually.ts';
import { SpdyClient } from '#test/support/spdy-client.ts';
import { controlFrame, FRAME, numbers, RESET } from './frame.ts';
import { SpdyConnection } from './spdy-connection.ts';
import type { SpdyStream } from './spdy-stream.ts';

/** A connection between a bare client and the server under test, which accepts every stream. */
function connect(onStream: (stream: SpdyStream) => void = () => {}) {
  const [near, far] = duplexPair();
  const streams: SpdyStream[] = [];
  const closed = Promise.withResolvers<Error | undefined>();
  const connection = new SpdyConnection(far, {
    onStream(stream) {
      streams.push(stream);
      onStream(stream);
    },
    onClose: closed.resolve,
  });
  const stream = (id: number) =>
    eventually(() => {
      const found = streams.find((candidate) => candidate.id === id);
      if (found === undefined) throw new Error(`The server has no stream ${id}`);
      return found;
    });
  return { client: new SpdyClient(near), connection, far, closed: closed.promise, stream };
}

describe('SpdyConnection', () => {
  test('answers streams and reads their headers, which share one compressor', async () => {
    const { client, stream } = connect();
    const first = await client.open({ streamType: 'error', port: '80' });
    const second = await client.open({ streamType: 'data', port: '80' });
    expect({ ...(await stream(first)).headers }).toEqual({ streamtype: 'error', port: '80' });
    expect({ ...(await stream(second)).headers }).toEqual({ streamtype: 'data', port: '80' });
    expect({ ...(await client.accepted(first)) }).toEqual({});
    expect({ ...(await client.accepted(second)) }).toEqual({});
  });

  test('each direction ends on its own', async () => {
    const { client, stream } = connect();
    const id = await client.open({});
    client.send(id, 'ques');
    client.send(id, 'tion', { end: true });
    const server = await stream(id);
    expect(await text(server)).toBe('question');
    server.write('ans');
    expect(client.hasEnded(id)).toBe(false);
    server.end('wer');
    expect(await client.all(id)).toBe('answer');
    await eventually(() => expect(server.destroyed).toBe(true));
    // What is complete needs no reset.
    client.transport.write(controlFrame(FRAME.ping, numbers(1)));
    await client.control(FRAME.ping);
    expect(client.frames.some((frame) => frame.kind === 'control' && frame.type === FRAME.rstStream)).toBe(false);
  });

  test('a stream may end in the frame that opens it', async () => {
    const { client, stream } = connect();
    const id = await client.open({}, { flags: 1 });
    expect(await text(await stream(id))).toBe('');
  });

  test('a long write is cut into frames', async () => {
    const { client, stream } = connect();
    const id = await client.open({});
    const content = Buffer.alloc(300_000, 'abc');
    (await stream(id)).end(content);
    await client.all(id);
    expect(client.received(id).equals(content)).toBe(true);
    const sizes = client.frames.flatMap((frame) => (frame.kind === 'data' ? [frame.payload.length] : []));
    expect(Math.max(...sizes)).toBeLessThanOrEqual(65_536);
  });

  test('answers pings of the client only', async () => {
    const { client } = connect();
    client.transport.write(controlFrame(FRAME.ping, numbers(2)));
    client.transport.write(controlFrame(FRAME.ping, numbers(7)));
    expect((await client.control(FRAME.ping)).readUInt32BE()).toBe(7);
    expect(client.frames).toHaveLength(1);
  });

  test('a stream that is destroyed at once is refused', async () => {
    const { client, connection } = connect((stream) => stream.destroy());
    const id = await client.open({});
    expect((await client.control(FRAME.rstStream, id)).readUInt32BE(4)).toBe(RESET.cancel);
    expect(client.frames.some((frame) => frame.kind === 'control' && frame.type === FRAME.synReply)).toBe(false);
    connection.destroy();
  });

  test('a reset by the client closes the stream without an error, the others go on', async () => {
    const { client, stream } = connect();
    const [id, other] = [await client.open({}), await client.open({})];
    const [server, otherServer] = [await stream(id), await stream(other)];
    const closed = once(server, 'close');
    client.reset(id);
    await closed;
    expect(server.errored).toBeNull();
    otherServer.end('still here');
    expect(await client.all(other)).toBe('still here');
  });

  test('a slow reader holds up the connection instead of filling the memory, and gets everything', async () => {
    const { client, stream, far } = connect();
    const id = await client.open({});
    const chunk = Buffer.alloc(60_000, 'x');
    for (let count = 0; count < 100; count++) client.send(id, chunk);
    client.send(id, '', { end: true });
    const server = await stream(id);
    await eventually(() => expect(server.readableLength).toBeGreaterThan(1_000_000));
    expect(server.readableLength).toBeLessThan(1_200_000);
    expect(far.readableLength + client.transport.writableLength).toBeGreaterThan(4_000_000);
    expect((await buffer(server)).length).toBe(6_000_000);
  });

  test('a write waits until the client takes it', async () => {
    const { client, stream } = connect();
    const id = await client.open({});
    const server = await stream(id);
    client.transport.pause();
    let written = 0;
    for (let count = 0; count < 50; count++) {
      server.write(Buffer.alloc(10_000), () => {
        written++;
      });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(written).toBeLessThan(50);
    client.transport.resume();
    await eventually(() => expect(written).toBe(50));
  });

  test('close sends what was written, says goodbye and hangs up', async () => {
    const { client, connection, stream, closed } = connect();
    const id = await client.open({});
    (await stream(id)).end('last words');
    await client.all(id);
    const ended = once(client.transport, 'end');
    connection.close();
    connection.close();
    await ended;
    expect((await client.control(FRAME.goAway)).readUInt32BE(0)).toBe(id);
    client.transport.end();
    expect(await closed).toBeUndefined();
  });

  test('when the client vanishes, its streams close without an error', async () => {
    const { client, stream, closed } = connect();
    const server = await stream(await client.open({}));
    const gone = once(server, 'close');
    client.transport.destroy();
    await gone;
    expect(server.errored).toBeNull();
    expect(await closed).toBeUndefined();
    expect(server.write('to nobody')).toBe(false);
  });

  test.each([
    {
      name: 'another version of SPDY',
      bytes: Buffer.from('80020001000000080000000100000000', 'hex'),
      message: /version 2/,
    },
    { name: 'a frame without end', bytes: Buffer.from('8003000101ffffff', 'hex'), message: /too large/ },
    {
      name: 'a header block that is none',
      bytes: controlFrame(FRAME.synStream, Buffer.alloc(40, 7)),
      message: /header check/,
    },
    {
      name: 'a frame that is too short',
      bytes: controlFrame(FRAME.rstStream, Buffer.alloc(1)),
      message: /outside buffer bounds/,
    },
  ])('$name ends the connection', async ({ bytes, message }) => {
    const { client, closed, far } = connect();
    client.transport.write(bytes);
    expect((await closed)?.message).toMatch(message);
    expect(far.destroyed).toBe(true);
  });

  test.each([
    { name: 'used twice', ids: [3, 3] },
    { name: 'going backwards', ids: [5, 3] },
    { name: 'of the server', ids: [2] },
  ])('a stream id $name ends the connection', async ({ ids }) => {
    const { client, closed } = connect();
    for (const id of ids) await client.open({}, { id });
    expect((await closed)?.message).toMatch(/out of order/);
  });
});
