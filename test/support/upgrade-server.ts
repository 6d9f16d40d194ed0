import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { type ClientOptions, WebSocket } from 'ws';
import { SpdyClient } from './spdy-client.ts';

type Handler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** An HTTP server on the loopback interface that hands every upgrade to `handler`. */
export async function startUpgradeServer(handler: Handler) {
  const sockets = new Set<Duplex>();
  const server = createServer((_request, response) => response.writeHead(404).end());
  server.on('upgrade', (upgrade, socket, head) => {
    sockets.add(socket);
    handler(upgrade, socket, head);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  /** Asks for an upgrade by hand; the answer, with its body where it was refused. */
  const upgrade = async (path: string, headers: Record<string, string>, method = 'POST') => {
    const asked = request({
      port,
      host: '127.0.0.1',
      path,
      method,
      headers: { Connection: 'Upgrade', ...headers },
    });
    asked.end();
    const answer = Promise.withResolvers<{ response: IncomingMessage; socket: Duplex | undefined }>();
    asked.once('error', answer.reject);
    asked.once('response', (response) => answer.resolve({ response, socket: undefined }));
    asked.once('upgrade', (response, socket, head) => {
      socket.unshift(head);
      sockets.add(socket);
      answer.resolve({ response, socket });
    });
    const { response, socket } = await answer.promise;
    return { status: response.statusCode, headers: response.headers, socket, body: socket ? '' : await text(response) };
  };

  return {
    upgrade,
    /** A SPDY connection, upgraded with the protocol given; undefined names none. */
    async spdy(path: string, protocol: string | undefined) {
      const { headers, socket } = await upgrade(path, {
        Upgrade: 'SPDY/3.1',
        ...(protocol !== undefined && { 'X-Stream-Protocol-Version': protocol }),
      });
      if (socket === undefined) throw new Error('The upgrade was refused');
      return { client: new SpdyClient(socket), protocol: headers['x-stream-protocol-version'] };
    },
    async webSocket(path: string, protocols: string[], options: ClientOptions = {}) {
      const webSocket = new WebSocket(`ws://127.0.0.1:${port}${path}`, protocols, options);
      const messages: Buffer[] = [];
      webSocket.on('message', (message) => messages.push(message as Buffer));
      const closed = once(webSocket, 'close').then(([code]) => code as number);
      await once(webSocket, 'open');
      return { webSocket, messages, closed };
    },
    /** The binary messages of a WebSocket as one stream of bytes, for protocols whose names the usual client refuses. */
    async tunnel(path: string, protocol: string): Promise<Duplex> {
      const { socket, headers } = await upgrade(
        path,
        {
          Upgrade: 'websocket',
          'Sec-WebSocket-Protocol': protocol,
          'Sec-WebSocket-Version': '13',
          'Sec-WebSocket-Key': Buffer.alloc(16).toString('base64'),
        },
        'GET',
      );
      if (socket === undefined || headers['sec-websocket-protocol'] !== protocol)
        throw new Error('The upgrade was refused');
      return messageStream(socket);
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A client's end of a WebSocket by hand: every write is a message, masked with zeros, and every message is read as it is. */
function messageStream(socket: Duplex): Duplex {
  let pending = Buffer.alloc(0);
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, callback) {
      const header = Buffer.alloc(14);
      header.writeUInt8(0x82, 0);
      header.writeUInt8(0x80 | 127, 1);
      header.writeBigUInt64BE(BigInt(chunk.length), 2);
      socket.write(Buffer.concat([header, chunk]), () => callback());
    },
    final(callback) {
      socket.end(callback);
    },
  });
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (;;) {
      const short = (pending[1] ?? 0) & 0x7f;
      const offset = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (pending.length < offset) return;
      const length = short < 126 ? short : short === 126 ? pending.readUInt16BE(2) : Number(pending.readBigUInt64BE(2));
      if (pending.length < offset + length) return;
      const opcode = (pending[0] ?? 0) & 0x0f;
      if (opcode === 8) socket.end();
      if (opcode <= 2) stream.push(pending.subarray(offset, offset + length));
      pending = pending.subarray(offset + length);
    }
  });
  socket.once('close', () => stream.destroy());
  return stream;
}
