import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { offeredProtocols, refuseProtocols } from './upgrade.ts';

const HEADER = 'x-stream-protocol-version';

/**
 * Answers a SPDY upgrade and returns the protocol for its streams: the first of `served` that the client offers. A client
 * that offers none gets `fallback`, unnamed, as the first clients did.
 */
export function acceptSpdy(
  request: IncomingMessage,
  socket: Duplex,
  { head, served, fallback }: { head: Buffer; served: readonly string[]; fallback: string },
): string {
  const offered = offeredProtocols(request, HEADER);
  const chosen = served.find((protocol) => offered.includes(protocol));
  if (chosen === undefined && offered.length > 0) refuseProtocols(socket, offered, served);
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Connection: Upgrade',
    'Upgrade: SPDY/3.1',
    ...(chosen === undefined ? [] : [`X-Stream-Protocol-Version: ${chosen}`]),
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  return chosen ?? fallback;
}
