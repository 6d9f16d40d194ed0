import { finished } from 'node:stream/promises';
import type { ContainerRuntime } from '#agent/runtime/container-runtime.ts';

export interface ExecResult {
  readonly exitCode: number;
  /** Standard output and error as they came, cut at `maxBytes`. */
  readonly output: string;
}

/** Runs a command in a container to its end. Rejects with the signal's reason when it aborts. */
export async function execCapture(
  runtime: Pick<ContainerRuntime, 'exec'>,
  { id, command, maxBytes = 10 * 1024 }: { id: string; command: readonly string[]; maxBytes?: number },
  signal: AbortSignal,
): Promise<ExecResult> {
  const session = await runtime.exec(id, { command }, signal);
  const chunks: Buffer[] = [];
  let size = 0;
  const collect = (chunk: Buffer) => {
    // Beyond the limit the output is read on, so that the process is not held up, and dropped.
    if (size < maxBytes) chunks.push(chunk.subarray(0, maxBytes - size));
    size += chunk.length;
  };
  for (const stream of [session.stdout, session.stderr]) {
    stream.on('data', collect);
    stream.on('error', () => {});
  }
  const ends = [session.stdout, session.stderr].map((stream) => finished(stream, { writable: false }).catch(() => {}));
  const [exitCode] = await Promise.race([Promise.all([session.exitCode, ...ends]), aborted(signal)]);
  return { exitCode, output: Buffer.concat(chunks).toString() };
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
