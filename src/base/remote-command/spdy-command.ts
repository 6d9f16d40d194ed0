import { SpdyConnection } from '../spdy/spdy-connection.ts';
import type { SpdyStream } from '../spdy/spdy-stream.ts';
import { endOf, type UpgradeConnection, watchIdle } from './connection.ts';
import type { RemoteCommand, RemoteCommandOptions } from './remote-command.ts';
import { Resizes } from './resizes.ts';
import { acceptSpdy } from './spdy-upgrade.ts';
import { formatStatus } from './status.ts';
import { UpgradeError } from './upgrade.ts';

const V1 = 'channel.k8s.io';
const V4 = 'v4.channel.k8s.io';
const PROTOCOLS = [V4, 'v3.channel.k8s.io', 'v2.channel.k8s.io', V1];
const WITH_RESIZE = new Set([V4, 'v3.channel.k8s.io']);

/** Serves an exec or attach over SPDY: one stream each for error, stdin, stdout, stderr and resize, told apart by a header. */
export async function acceptSpdyCommand(
  { request, socket, head }: UpgradeConnection,
  options: Required<RemoteCommandOptions>,
): Promise<RemoteCommand> {
  const protocol = acceptSpdy(request, socket, { head, served: PROTOCOLS, fallback: V1 });
  watchIdle(socket, options.idleTimeoutMs);
  const abort = new AbortController();
  const resizes = new Resizes();
  const streams = new Map<string, SpdyStream>();
  const expected = expectedStreams(options, WITH_RESIZE.has(protocol));
  const complete = Promise.withResolvers<void>();
  const connection = new SpdyConnection(socket, {
    onStream(stream) {
      const type = stream.headers['streamtype'] ?? '';
      if (!expected.has(type) || streams.has(type)) return void stream.destroy();
      streams.set(type, stream);
      if (streams.size === expected.size) complete.resolve();
    },
    onClose() {
      complete.reject(new UpgradeError(400, 'The client left before it had opened its streams'));
      abort.abort(new Error('The connection is closed'));
      resizes.end();
    },
  });
  const timer = setTimeout(() => {
    complete.reject(new UpgradeError(408, 'The client did not open its streams in time'));
    connection.destroy();
  }, options.openTimeoutMs);
  try {
    await complete.promise;
  } finally {
    clearTimeout(timer);
  }
  readResizes(streams.get('resize'), resizes);
  const error = streams.get('error');
  // Nothing is to come by these, and if something does, it may not fill the memory.
  for (const type of ['error', 'stdout', 'stderr']) streams.get(type)?.resume();
  const outputs = [streams.get('stdout'), streams.get('stderr')];
  return {
    stdin: streams.get('stdin'),
    stdout: outputs[0],
    stderr: outputs[1],
    resizes,
    closed: abort.signal,
    async finish(status) {
      // Input that nobody reads any more must not hold up the goodbye. Our end of stdin tells the client to stop reading
      // its terminal, so it must not come earlier.
      streams.get('stdin')?.resume().end();
      await Promise.all(outputs.map(endOf));
      if (error !== undefined) {
        error.write(formatStatus(status, protocol));
        await endOf(error);
      }
      connection.close();
    },
  };
}

function expectedStreams(options: RemoteCommandOptions, canResize: boolean): Set<string> {
  const { stdin, stdout, stderr, tty } = options;
  const wanted = { error: true, stdin, stdout, stderr, resize: tty && canResize };
  return new Set(Object.entries(wanted).flatMap(([type, isWanted]) => (isWanted ? [type] : [])));
}

/** Each size is one JSON object; they follow each other without separator, one per frame. */
function readResizes(stream: SpdyStream | undefined, resizes: Resizes): void {
  let pending = '';
  stream?.on('data', (chunk: Buffer) => {
    pending += chunk.toString();
    const end = pending.lastIndexOf('}');
    for (const message of pending.slice(0, end + 1).match(/\{[^}]*\}/g) ?? []) resizes.receive(message);
    pending = pending.slice(end + 1).slice(-1024);
  });
}
