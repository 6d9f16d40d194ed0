import { endOf, type UpgradeConnection, watchIdle } from './connection.ts';
import type { RemoteCommand, RemoteCommandOptions } from './remote-command.ts';
import { Resizes } from './resizes.ts';
import { formatStatus } from './status.ts';
import { acceptWebSocket, Channels, closeNormally } from './web-socket.ts';

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4, close: 255 } as const;
const V1 = 'channel.k8s.io';
/** With a message that ends stdin; the others cannot tell. */
const V5 = 'v5.channel.k8s.io';
const PROTOCOLS = [V5, 'v4.channel.k8s.io', 'v4.base64.channel.k8s.io', V1, 'base64.channel.k8s.io'];

/** Serves an exec or attach over a WebSocket with one channel per stream. */
export async function acceptWebSocketCommand(
  { request, socket, head }: UpgradeConnection,
  options: Required<RemoteCommandOptions>,
): Promise<RemoteCommand> {
  const { webSocket, protocol } = await acceptWebSocket(request, socket, { head, served: PROTOCOLS, fallback: V1 });
  watchIdle(socket, options.idleTimeoutMs);
  const channels = new Channels(webSocket, { isBase64: protocol.includes('base64') });
  const abort = new AbortController();
  const resizes = new Resizes();
  const stdin = options.stdin ? channels.readable(CHANNEL.stdin) : undefined;
  const stdout = options.stdout ? channels.writable(CHANNEL.stdout) : undefined;
  const stderr = options.stderr ? channels.writable(CHANNEL.stderr) : undefined;
  if (options.tty) channels.onInput(CHANNEL.resize, (data) => resizes.receive(data.toString()));
  if (protocol === V5) {
    channels.onInput(CHANNEL.close, ([channel]) => {
      if (channel === CHANNEL.stdin) stdin?.end();
    });
  }
  webSocket.once('close', () => {
    abort.abort(new Error('The connection is closed'));
    resizes.end();
  });
  // Clients take the first message, even an empty one, as the sign that all is well.
  channels.send(options.stdout ? CHANNEL.stdout : options.stderr ? CHANNEL.stderr : CHANNEL.error, Buffer.alloc(0));
  return {
    stdin: stdin?.readable,
    stdout,
    stderr,
    resizes,
    closed: abort.signal,
    async finish(status) {
      // Input that nobody reads any more must not hold up the goodbye.
      stdin?.readable.resume();
      await Promise.all([endOf(stdout), endOf(stderr)]);
      const message = formatStatus(status, protocol);
      if (message !== '') channels.send(CHANNEL.error, Buffer.from(message));
      await closeNormally(webSocket);
    },
  };
}
