import { readFile } from 'node:fs/promises';
import { PassThrough, pipeline, type Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AttachOptions,
  type ExecOptions,
  type ExecSession,
  type LogOptions,
  RuntimeError,
  type StreamSession,
} from '../container-runtime.ts';
import type { DockerApi } from './docker-api.ts';
import { payloads } from './frames.ts';
import { streamSession } from './session.ts';

interface InspectedExec {
  Running: boolean;
  ExitCode: number | null;
  Pid: number;
}

/** How long Docker may take to note the end of a process whose output has ended. */
const EXIT_TRIES = 100;
const EXIT_EVERY_MS = 20;

/** Runs a process in a container. Aborting kills it. */
export async function execIn(
  api: DockerApi,
  containerId: string,
  { command, stdin = false, tty = false, signal }: ExecOptions & { signal: AbortSignal },
): Promise<ExecSession> {
  const body = { Cmd: [...command], AttachStdin: stdin, AttachStdout: true, AttachStderr: true, Tty: tty };
  const path = `/containers/${containerId}/exec`;
  const { Id } = await api.json<{ Id: string }>({ method: 'POST', path, body, signal });
  const socket = await api.hijack({
    method: 'POST',
    path: `/exec/${Id}/start`,
    body: { Detach: false, Tty: tty },
    signal,
  });
  const session = streamSession(socket, {
    tty,
    stdin,
    resize: ({ width, height }) =>
      api.json({ method: 'POST', path: `/exec/${Id}/resize`, query: { w: width, h: height } }),
  });
  const inspect = () => api.json<InspectedExec>({ method: 'GET', path: `/exec/${Id}/json` });
  const onAbort = () => {
    void killExec(inspect, containerId).finally(session.close);
  };
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  const exitCode = session.ended
    .then(
      () => exitCodeOf(inspect),
      (error) => {
        throw signal.aborted ? signal.reason : error;
      },
    )
    .finally(() => signal.removeEventListener('abort', onAbort));
  // Whoever only wants the streams need not handle how it ended.
  exitCode.catch(() => {});
  const { stdin: input, stdout, stderr, resize, close } = session;
  return { stdin: input, stdout, stderr, resize, close, exitCode };
}

async function exitCodeOf(inspect: () => Promise<InspectedExec>): Promise<number> {
  for (let tries = 0; tries < EXIT_TRIES; tries++) {
    const { Running, ExitCode } = await inspect();
    if (!Running && ExitCode !== null) return ExitCode;
    await delay(EXIT_EVERY_MS);
  }
  throw new RuntimeError('failed', 'Docker does not say how the process ended');
}

/** Docker has no call to end an exec. Its process is killed only if it surely is one of this container. */
async function killExec(inspect: () => Promise<InspectedExec>, containerId: string): Promise<void> {
  try {
    const { Running, Pid } = await inspect();
    if (!Running || Pid <= 0) return;
    const cgroups = await readFile(`/proc/${Pid}/cgroup`, 'utf8');
    if (cgroups.includes(containerId)) process.kill(Pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile, or Docker is gone and with it the way to find it.
  }
}

/** Connects with the streams of a container's main process. Aborting lets go of it. */
export async function attachTo(
  api: DockerApi,
  containerId: string,
  { stdin = false, tty = false, signal }: AttachOptions & { signal: AbortSignal },
): Promise<StreamSession> {
  const query = { stream: true, stdin, stdout: true, stderr: true };
  const socket = await api.hijack({ method: 'POST', path: `/containers/${containerId}/attach`, query, signal });
  const session = streamSession(socket, {
    tty,
    stdin,
    resize: ({ width, height }) =>
      api.json({ method: 'POST', path: `/containers/${containerId}/resize`, query: { w: width, h: height } }),
  });
  session.ended.catch(() => {}).finally(() => signal.removeEventListener('abort', session.close));
  signal.addEventListener('abort', session.close, { once: true });
  if (signal.aborted) session.close();
  const { stdin: input, stdout, stderr, resize, close } = session;
  return { stdin: input, stdout, stderr, resize, close };
}

/** The container's output, from its log. */
export async function logsOf(
  api: DockerApi,
  containerId: string,
  options: LogOptions & { signal: AbortSignal },
): Promise<Readable> {
  const { follow = false, timestamps = false, since, tail, stream, signal } = options;
  const path = `/containers/${containerId}`;
  const { Config } = await api.json<{ Config: { Tty: boolean } }>({ method: 'GET', path: `${path}/json`, signal });
  const query = {
    follow,
    timestamps,
    stdout: stream !== 'stderr',
    stderr: stream !== 'stdout',
    ...(since !== undefined && { since: toDockerTime(since) }),
    ...(tail !== undefined && { tail }),
  };
  const response = await api.stream({ method: 'GET', path: `${path}/logs`, query, signal });
  // A terminal has one stream, which Docker does not wrap. Failures reach the reader, and nobody else.
  const output = Config.Tty ? new PassThrough() : payloads();
  output.on('error', () => {});
  return pipeline(response, output, () => {});
}

/** Seconds since the epoch with nanoseconds, which Docker understands in every version. */
export function toDockerTime(time: string): string {
  if (/^\d+(\.\d+)?$/.test(time)) return time;
  const milliseconds = Date.parse(time);
  if (Number.isNaN(milliseconds)) throw new RuntimeError('refused', `"${time}" is not a time`);
  const fraction = /\.(\d{1,9})/.exec(time)?.[1] ?? '';
  return `${Math.floor(milliseconds / 1000)}.${fraction.padEnd(9, '0')}`;
}
