import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex, Writable } from 'node:stream';

/** An HTTP request to upgrade, as Node's servers hand it out. */
export interface UpgradeConnection {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
}

const KEEP_ALIVE_MS = 30_000;

/** Closes a connection on which nothing moves, and finds out about a peer that vanished without a word. */
export function watchIdle(socket: Duplex, idleTimeoutMs: number): void {
  if (!isSocket(socket)) return;
  socket.setTimeout(idleTimeoutMs, () => socket.destroy());
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  socket.setNoDelay(true);
}

/** Resolves once everything written is on its way, or cannot be any more. */
export async function endOf(stream: Writable | undefined): Promise<void> {
  if (stream === undefined || stream.destroyed || stream.writableFinished) return;
  const finished = Promise.race([once(stream, 'finish'), once(stream, 'close')]);
  if (!stream.writableEnded) stream.end();
  await finished.catch(() => {});
}

function isSocket(stream: Duplex): stream is Socket {
  return 'setKeepAlive' in stream;
}
