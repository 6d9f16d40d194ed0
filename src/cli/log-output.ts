import { writeSync } from 'node:fs';
import type { DestinationStream } from 'pino';

const RETRIES = 20;
const RETRY_MS = 5;

/**
 * Where the process logs to: standard error. A line that cannot be written is lost and nothing more: a full disk or a reader
 * that went away must not end the cluster.
 */
export function logOutput(write: (text: Buffer) => number = (text) => writeSync(2, text)): DestinationStream {
  return {
    write(line) {
      let rest = Buffer.from(line);
      for (let tries = 0; rest.length > 0 && tries < RETRIES; tries++) {
        try {
          rest = rest.subarray(write(rest));
        } catch (error) {
          // A pipe whose reader is slow takes more soon.
          if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') return;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
        }
      }
    },
  };
}
