import { open } from 'node:fs/promises';
import type { ContainerRuntime } from '#agent/runtime/container-runtime.ts';
import { LABEL } from '../pod-names.ts';
import type { EndedContainer } from '../pods/runtime-mirror.ts';
import { messageFile, podPaths } from '../spec/pod-files.ts';

const MAX_BYTES = 4096;
const MAX_LOG_BYTES = 2048;
const MAX_LOG_LINES = 80;

/** What a container left as its last words: its message file, or the end of its log where it failed and asks for that. */
export async function terminationMessage(
  { id, pod, container, attempt, exitCode, labels }: EndedContainer,
  { podsDir, runtime }: { podsDir: string; runtime: Pick<ContainerRuntime, 'logs'> },
): Promise<string | undefined> {
  const text = await readStart(messageFile(podPaths(podsDir, pod.uid), container, attempt));
  if (text !== '') return text;
  if (labels[LABEL.messagePolicy] !== 'FallbackToLogsOnError' || exitCode === 0) return undefined;
  const tail = await readLog(runtime, id);
  return tail === '' ? undefined : tail;
}

async function readStart(path: string): Promise<string> {
  try {
    const file = await open(path, 'r');
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(MAX_BYTES), 0, MAX_BYTES, 0);
      return buffer.subarray(0, bytesRead).toString();
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}

async function readLog(runtime: Pick<ContainerRuntime, 'logs'>, id: string): Promise<string> {
  try {
    const stream = await runtime.logs(id, { tail: MAX_LOG_LINES }, AbortSignal.timeout(10_000));
    const chunks: Buffer[] = [];
    for await (const chunk of stream) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).subarray(-MAX_LOG_BYTES).toString();
  } catch {
    return '';
  }
}
