import type { IncomingMessage } from 'node:http';
import { type UpgradeConnection, watchIdle } from './connection.ts';
import type { PortForward, PortForwardOptions } from './port-forward.ts';
import { TUNNEL_PROTOCOL } from './spdy-port-forward.ts';
import { offeredProtocols, rejectUpgrade, UpgradeError } from './upgrade.ts';
import { acceptWebSocket, Channels, closeNormally } from './web-socket.ts';

const BINARY = 'v4.channel.k8s.io';
const PROTOCOLS = [BINARY, 'v4.base64.channel.k8s.io'];

export function isTunnel(request: IncomingMessage): boolean {
  return offeredProtocols(request, 'sec-websocket-protocol').includes(TUNNEL_PROTOCOL);
}

/** The browsers' protocol: for each port of the query one channel for data and one for an error, and one connection only. */
export async function acceptChannelPortForward(
  { request, socket, head }: UpgradeConnection,
  { ports, onConnection, idleTimeoutMs }: Required<PortForwardOptions>,
): Promise<PortForward> {
  if (ports.length === 0) {
    rejectUpgrade(socket, 400, 'query parameter "port" is required');
    throw new UpgradeError(400, 'No ports to forward');
  }
  const { webSocket, protocol } = await acceptWebSocket(request, socket, { head, served: PROTOCOLS, fallback: BINARY });
  watchIdle(socket, idleTimeoutMs);
  const channels = new Channels(webSocket, { isBase64: protocol !== BINARY });
  const abort = new AbortController();
  webSocket.once('close', () => abort.abort(new Error('The connection is closed')));
  const begin = (port: number, index: number) => {
    const channel = { data: 2 * index, error: 2 * index + 1 };
    const announcement = Buffer.alloc(2);
    announcement.writeUInt16LE(port);
    channels.send(channel.data, announcement);
    channels.send(channel.error, announcement);
    const data = channels.duplex(channel.data);
    const fail = (message: string) => {
      channels.send(channel.error, Buffer.from(message));
      data.end();
    };
    onConnection({ port, data, fail });
  };
  ports.forEach(begin);
  return { closed: abort.signal, close: () => void closeNormally(webSocket) };
}
