import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { RemoteCommand, RemoteCommandOptions } from './remote-command.ts';
import { acceptSpdyCommand } from './spdy-command.ts';
import { isSpdy, isWebSocket, refuseUpgrade } from './upgrade.ts';
import { acceptWebSocketCommand } from './web-socket-command.ts';

/**
 * Answers an HTTP upgrade for exec or attach, by SPDY/3.1 or WebSocket, and resolves once all streams are open. If that
 * cannot be, the request has been answered and this rejects with `UpgradeError`.
 */
export async function acceptRemoteCommand(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  options: RemoteCommandOptions,
): Promise<RemoteCommand> {
  const connection = { request, socket, head };
  const wanted = {
    openTimeoutMs: 30_000,
    idleTimeoutMs: 4 * 3600_000,
    ...options,
    stderr: options.stderr && !options.tty,
  };
  if (isWebSocket(request)) return acceptWebSocketCommand(connection, wanted);
  if (isSpdy(request)) return acceptSpdyCommand(connection, wanted);
  return refuseUpgrade(request, socket);
}
