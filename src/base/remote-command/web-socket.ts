import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Duplex, Readable, Writable } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { offeredProtocols, refuseProtocols, rejectUpgrade, UpgradeError } from './upgrade.ts';

const HEADER = 'sec-websocket-protocol';
/** Clients send at most 32 KiB at once. */
const MAX_MESSAGE_BYTES = 1024 * 1024;
/** How much may wait for a slow reader before the connection is held up. */
const READ_BUFFER_BYTES = 1024 * 1024;

/**
 * Completes a WebSocket handshake with the first of `served` that the client offers. A client that offers none gets
 * `fallback`, unnamed.
 */
export async function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  { head, served, fallback }: { head: Buffer; served: readonly string[]; fallback?: string },
): Promise<{ webSocket: WebSocket; protocol: string }> {
  const offered = offeredProtocols(request, HEADER);
  const chosen = served.find((protocol) => offered.includes(protocol)) ?? (offered.length === 0 ? fallback : undefined);
  if (chosen === undefined) return refuseProtocols(socket, offered, served);
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES });
  // Names of protocols bear a slash, which ws takes for an error of syntax: so the header is kept from it and answered here.
  delete request.headers[HEADER];
  server.on('headers', (lines) => {
    if (offered.length > 0) lines.push(`Sec-WebSocket-Protocol: ${chosen}`);
  });
  const webSocket = await new Promise<WebSocket>((resolve, reject) => {
    server.on('wsClientError', (error) => {
      rejectUpgrade(socket, 400, error.message);
      reject(new UpgradeError(400, error.message));
    });
    server.handleUpgrade(request, socket, head, resolve);
  });
  webSocket.on('error', () => {});
  return { webSocket, protocol: chosen };
}

/**
 * The Kubernetes way to carry several streams in one WebSocket: each message belongs to the channel that its first byte
 * names. In the base64 form, the first character is the channel's digit and the rest is base64.
 */
export class Channels {
  readonly #webSocket: WebSocket;
  readonly #isBase64: boolean;
  readonly #inputs = new Map<number, (data: Buffer) => void>();

  constructor(webSocket: WebSocket, { isBase64 }: { isBase64: boolean }) {
    this.#webSocket = webSocket;
    this.#isBase64 = isBase64;
    webSocket.on('message', (message) => this.#onMessage(message as Buffer));
  }

  onInput(channel: number, listener: (data: Buffer) => void): void {
    this.#inputs.set(channel, listener);
  }

  /** Calls back once the message has left this process. */
  send(channel: number, data: Buffer, callback: (error?: Error | null) => void = () => {}): void {
    const message = this.#isBase64
      ? `${channel}${data.toString('base64')}`
      : Buffer.concat([Buffer.from([channel]), data]);
    this.#webSocket.send(message, callback);
  }

  /** What the client sends on a channel. `end` is to be called where the protocol can tell that a channel has ended. */
  readable(channel: number): { readable: Readable; end: () => void } {
    const readable = new Readable({ highWaterMark: READ_BUFFER_BYTES, read: () => this.#webSocket.resume() });
    readable.on('error', () => {});
    this.onInput(channel, (data) => {
      if (!readable.readableEnded && !readable.destroyed && !readable.push(data)) this.#webSocket.pause();
    });
    const end = () => {
      this.#inputs.delete(channel);
      readable.push(null);
    };
    // Nobody reads any more: what comes is dropped, but the connection goes on.
    readable.once('close', () => {
      this.#inputs.delete(channel);
      this.#webSocket.resume();
    });
    this.#webSocket.once('close', end);
    return { readable, end };
  }

  writable(channel: number): Writable {
    const writable = new Writable({
      write: (chunk: Buffer, _encoding, callback) => this.send(channel, chunk, callback),
    });
    writable.on('error', () => {});
    this.#webSocket.once('close', () => writable.destroy());
    return writable;
  }

  /** A channel that flows both ways. It closes without an error when the connection does. */
  duplex(channel: number): Duplex {
    const duplex = new Duplex({
      readableHighWaterMark: READ_BUFFER_BYTES,
      read: () => this.#webSocket.resume(),
      write: (chunk: Buffer, _encoding, callback) => this.send(channel, chunk, callback),
    });
    duplex.on('error', () => {});
    this.onInput(channel, (data) => {
      if (!duplex.destroyed && !duplex.push(data)) this.#webSocket.pause();
    });
    duplex.once('close', () => {
      this.#inputs.delete(channel);
      this.#webSocket.resume();
    });
    this.#webSocket.once('close', () => duplex.destroy());
    return duplex;
  }

  #onMessage(message: Buffer): void {
    if (message.length === 0) return;
    const channel = this.#isBase64 ? Number(String.fromCharCode(message[0] ?? 0)) : (message[0] ?? 0);
    const data = this.#isBase64 ? Buffer.from(message.toString('latin1', 1), 'base64') : message.subarray(1);
    this.#inputs.get(channel)?.(data);
  }
}

/** Resolves once the client has agreed, or is gone. */
export async function closeNormally(webSocket: WebSocket): Promise<void> {
  if (webSocket.readyState === webSocket.CLOSED) return;
  const closed = once(webSocket, 'close');
  // Paused by a reader that is gone, it would never see the client's answer.
  webSocket.resume();
  webSocket.close(1000);
  await closed;
}
