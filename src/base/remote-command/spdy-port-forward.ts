import type { Duplex } from 'node:stream';
import { createWebSocketStream } from 'ws';
import { SpdyConnection } from '../spdy/spdy-connection.ts';
import type { SpdyStream } from '../spdy/spdy-stream.ts';
import { type UpgradeConnection, watchIdle } from './connection.ts';
import type { PortForward, PortForwardOptions } from './port-forward.ts';
import { acceptSpdy } from './spdy-upgrade.ts';
import { acceptWebSocket } from './web-socket.ts';

const PROTOCOL = 'portforward.k8s.io';
/** Carries the bytes of a SPDY connection in binary messages. */
export const TUNNEL_PROTOCOL = `SPDY/3.1+${PROTOCOL}`;
/** How long the second stream of a pair may take. */
const PAIR_TIMEOUT_MS = 30_000;

export async function acceptSpdyPortForward(
  { request, socket, head }: UpgradeConnection,
  options: Required<PortForwardOptions>,
): Promise<PortForward> {
  acceptSpdy(request, socket, { head, served: [PROTOCOL], fallback: PROTOCOL });
  watchIdle(socket, options.idleTimeoutMs);
  return forward(socket, options);
}

export async function acceptTunnelledPortForward(
  { request, socket, head }: UpgradeConnection,
  options: Required<PortForwardOptions>,
): Promise<PortForward> {
  const { webSocket } = await acceptWebSocket(request, socket, { head, served: [TUNNEL_PROTOCOL] });
  watchIdle(socket, options.idleTimeoutMs);
  return forward(createWebSocketStream(webSocket), options);
}

interface Pair {
  error?: SpdyStream;
  data?: SpdyStream;
  timer: NodeJS.Timeout;
}

/** Each forwarded connection is a pair of streams, one for data and one for an error, which bear the same request id. */
function forward(transport: Duplex, { onConnection }: PortForwardOptions): PortForward {
  const abort = new AbortController();
  const pairs = new Map<string, Pair>();
  const connection = new SpdyConnection(transport, {
    onStream(stream) {
      const { streamtype: type, port: portText = '' } = stream.headers;
      const port = Number(portText);
      const isValid = Number.isInteger(port) && port > 0 && port < 65_536;
      if (!isValid || (type !== 'error' && type !== 'data')) return void stream.destroy();
      const id = requestId(stream);
      const pair = pairs.get(id) ?? newPair(id);
      if (pair[type] !== undefined) return void stream.destroy();
      pair[type] = stream;
      const { error, data } = pair;
      if (error === undefined || data === undefined) return;
      clearTimeout(pair.timer);
      pairs.delete(id);
      begin({ port, error, data });
    },
    onClose() {
      for (const { timer } of pairs.values()) clearTimeout(timer);
      abort.abort(new Error('The connection is closed'));
    },
  });
  const newPair = (id: string): Pair => {
    const timer = setTimeout(() => {
      const { error, data } = pairs.get(id) ?? {};
      pairs.delete(id);
      error?.destroy();
      data?.destroy();
    }, PAIR_TIMEOUT_MS);
    const pair = { timer };
    pairs.set(id, pair);
    return pair;
  };
  const begin = ({ port, error, data }: { port: number; error: SpdyStream; data: SpdyStream }) => {
    error.resume();
    // Clients wait for the end of the error stream before they close their side of a connection that the port has closed.
    for (const event of ['finish', 'close']) data.once(event, () => error.end());
    const fail = (message: string) => {
      error.end(message);
      data.end();
      data.resume();
    };
    onConnection({ port, data, fail });
  };
  return { closed: abort.signal, close: () => connection.close() };
}

/** The first clients sent no id and opened the data stream right after the error stream. */
function requestId({ id, headers }: SpdyStream): string {
  return headers['requestid'] ?? `stream-${headers['streamtype'] === 'data' ? id - 2 : id}`;
}
