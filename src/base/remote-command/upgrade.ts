import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** A request for a stream that cannot be served. It has been answered already, and its connection closed. */
export class UpgradeError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'UpgradeError';
    this.status = status;
  }
}

/** Answers an HTTP upgrade that will not happen, and closes the connection. `body` is text, or sent as JSON. */
export function rejectUpgrade(socket: Duplex, status: number, body: string | object): void {
  const isText = typeof body === 'string';
  const content = isText ? body : JSON.stringify(body);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Connection: close',
    `Content-Type: ${isText ? 'text/plain; charset=utf-8' : 'application/json'}`,
    `Content-Length: ${Buffer.byteLength(content)}`,
  ];
  socket.on('error', () => {});
  socket.end(`${lines.join('\r\n')}\r\n\r\n${content}`);
}

/** What a client offers, best first. */
export function offeredProtocols(request: IncomingMessage, header: string): string[] {
  const value = request.headers[header] ?? '';
  const values = typeof value === 'string' ? value : value.join(',');
  return values
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

export function isWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

export function isSpdy(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'spdy/3.1';
}

/** Answers and throws where no protocol of ours was offered. */
export function refuseProtocols(socket: Duplex, offered: readonly string[], served: readonly string[]): never {
  const message = `unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${served.join(' ')}]`;
  rejectUpgrade(socket, 403, message);
  throw new UpgradeError(403, message);
}

/** Answers and throws where the client asks for neither SPDY nor WebSocket. */
export function refuseUpgrade(request: IncomingMessage, socket: Duplex): never {
  const message = `Upgrade request required, to SPDY/3.1 or websocket, not "${request.headers.upgrade ?? ''}"`;
  rejectUpgrade(socket, 400, message);
  throw new UpgradeError(400, message);
}
