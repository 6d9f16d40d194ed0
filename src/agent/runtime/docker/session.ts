import type { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { RuntimeError, type StreamSession } from '../container-runtime.ts';
import { demultiplex } from './frames.ts';

export interface SessionOptions {
  tty: boolean;
  stdin: boolean;
  /** Asks Docker for another terminal size; may throw while the process is only starting. */
  resize: (size: { width: number; height: number }) => Promise<unknown>;
}

/** Docker starts the process of an exec only after it has handed out its streams; until then it has no terminal. */
const RESIZE_TRIES = 20;
const RESIZE_EVERY_MS = 25;

/** The streams of a hijacked connection. `ended` settles when everything has been read, or the engine was lost. */
export function streamSession(socket: Socket, options: SessionOptions): StreamSession & { ended: Promise<void> } {
  const outputs = options.tty ? { stdout: passOn(socket), stderr: Readable.from([]) } : demultiplex(socket);
  let isOpen = true;
  const settled = [outputs.stdout, outputs.stderr].map((output) => finished(output, { writable: false }));
  const ended = Promise.all(settled).then(
    () => {},
    (cause) => {
      throw new RuntimeError('unavailable', `Cannot read on from the process: ${cause.message}`, { cause });
    },
  );
  const close = () => {
    isOpen = false;
    for (const stream of [socket, outputs.stdout, outputs.stderr]) stream.destroy();
  };
  ended.then(close, close);
  // Failures after the output has ended concern nobody: a process may end without reading its input.
  socket.on('error', () => {});
  return {
    ...outputs,
    stdin: options.stdin ? inputOf(socket) : undefined,
    ended,
    close,
    async resize(size) {
      if (!options.tty) return;
      for (let tries = 0; isOpen && tries < RESIZE_TRIES; tries++) {
        try {
          await options.resize(size);
          return;
        } catch {
          await delay(RESIZE_EVERY_MS);
        }
      }
    },
  };
}

/** Ending it closes only the container's input, the output goes on. */
function inputOf(socket: Socket): Writable {
  const input = new Writable({
    write(chunk, _encoding, callback) {
      socket.write(chunk, () => callback());
    },
    final(callback) {
      socket.end(() => callback());
    },
  });
  socket.once('close', () => input.destroy());
  return input;
}

function passOn(socket: Socket): Readable {
  const output = new Readable({
    read() {
      socket.resume();
    },
  });
  output.on('error', () => {});
  socket.on('data', (chunk) => {
    if (!output.push(chunk)) socket.pause();
  });
  socket.once('end', () => output.push(null));
  socket.once('error', (error) => output.destroy(error));
  socket.once('close', () => output.push(null));
  return output;
}
