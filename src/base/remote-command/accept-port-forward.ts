import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { PortForward, PortForwardOptions } from './port-forward.ts';
import { acceptSpdyPortForward, acceptTunnelledPortForward } from './spdy-port-forward.ts';
import { isSpdy, isWebSocket, refuseUpgrade } from './upgrade.ts';
import { acceptChannelPortForward, isTunnel } from './web-socket-port-forward.ts';

/**
 * Answers an HTTP upgrade for port-forward: SPDY/3.1, SPDY within a WebSocket, or WebSocket channels. If that cannot be, the
 * request has been answered and this rejects with `UpgradeError`.
 */
export async function acceptPortForward(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  options: PortForwardOptions,
): Promise<PortForward> {
  const connection = { request, socket, head };
  const wanted = { idleTimeoutMs: 4 * 3600_000, ports: [], ...options };
  if (isWebSocket(request)) {
    return isTunnel(request)
      ? acceptTunnelledPortForward(connection, wanted)
      : acceptChannelPortForward(connection, wanted);
  }
  if (isSpdy(request)) return acceptSpdyPortForward(connection, wanted);
  return refuseUpgrade(request, socket);
}
