import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { ContainerRuntime, LogOptions } from '#agent/runtime/container-runtime.ts';
import { RuntimeError } from '#agent/runtime/container-runtime.ts';
import type { ContainerStatus, PodStatus } from '#api/core/v1.ts';
import { parseTime } from '#api/meta/time.ts';
import { isOn } from './api-request.ts';
import { HttpError } from './http-error.ts';

export interface LogQuery {
  readonly options: LogOptions;
  readonly previous: boolean;
  readonly limitBytes: number | undefined;
}

/** Reads a log request's query. Throws HttpError 422 for what makes no sense. */
export function parseLogQuery(query: URLSearchParams, now: number): LogQuery {
  const tail = whole(query, 'tailLines', 0);
  const limitBytes = whole(query, 'limitBytes', 1);
  const sinceSeconds = whole(query, 'sinceSeconds', 1);
  const sinceTime = query.get('sinceTime');
  if (sinceTime !== null && sinceSeconds !== undefined) {
    throw new HttpError(422, 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  }
  if (sinceTime !== null && parseTime(sinceTime) === undefined)
    throw new HttpError(422, `sinceTime: invalid time "${sinceTime}"`);
  const since = sinceTime ?? (sinceSeconds === undefined ? undefined : String((now - sinceSeconds * 1000) / 1000));
  const stream = streamOf(query.get('stream') ?? 'All');
  const options: LogOptions = {
    ...(isOn(query, 'follow') ? { follow: true } : {}),
    ...(isOn(query, 'timestamps') ? { timestamps: true } : {}),
    ...(since === undefined ? {} : { since }),
    ...(tail === undefined ? {} : { tail }),
    ...(stream === undefined ? {} : { stream }),
  };
  return { options, previous: isOn(query, 'previous'), limitBytes };
}

function whole(query: URLSearchParams, name: string, least: number): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < least)
    throw new HttpError(422, `${name}: Invalid value: "${text}": must be an integer of at least ${least}`);
  return value;
}

function streamOf(text: string): LogOptions['stream'] {
  const streams: Readonly<Record<string, LogOptions['stream'] | 'all'>> = {
    All: 'all',
    Stdout: 'stdout',
    Stderr: 'stderr',
  };
  const stream = streams[text];
  if (stream === undefined)
    throw new HttpError(422, `stream: Unsupported value: "${text}": supported values: "All", "Stderr", "Stdout"`);
  return stream === 'all' ? undefined : stream;
}

const PULL_PROBLEMS: Readonly<Record<string, string>> = {
  ErrImagePull: "image can't be pulled",
  ImagePullBackOff: 'trying and failing to pull image',
};

/** The engine's container whose log is meant. Throws HttpError 400 where there is none. */
export function loggedContainer(
  status: PodStatus,
  { pod, container, previous }: { pod: string; container: string; previous: boolean },
): string {
  const all = [
    ...(status.containerStatuses ?? []),
    ...(status.initContainerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ];
  const found = all.find(({ name }) => name === container);
  const where = `container "${container}" in pod "${pod}"`;
  if (found === undefined) throw new HttpError(400, `${where} is not available`);
  const last = found.lastState?.terminated?.containerID;
  if (previous) {
    if (last === undefined) throw new HttpError(400, `previous terminated ${where} not found`);
    return bareId(last);
  }
  const id = currentId(found) ?? last;
  if (id !== undefined) return bareId(id);
  const reason = found.state?.waiting?.reason ?? '';
  const why = PULL_PROBLEMS[reason] ?? reason;
  throw new HttpError(
    400,
    why === '' ? `${where} is waiting to start - no logs yet` : `${where} is waiting to start: ${why}`,
  );
}

function currentId({ state, containerID }: ContainerStatus): string | undefined {
  if (state?.running !== undefined) return containerID;
  return state?.terminated?.containerID;
}

const bareId = (id: string) => id.replace(/^.*:\/\//, '');

/** Streams a log to the client until it ends or the client leaves. */
export async function sendLog(
  runtime: Pick<ContainerRuntime, 'logs'>,
  { id, query, response }: { id: string; query: LogQuery; response: ServerResponse },
): Promise<void> {
  const abort = new AbortController();
  response.once('close', () => abort.abort(new Error('The client has left')));
  const log = await runtime.logs(id, query.options, abort.signal).catch((error: unknown) => {
    if (!(error instanceof RuntimeError)) throw error;
    throw new HttpError(
      error.code === 'not-found' ? 404 : 500,
      `unable to retrieve container logs for docker://${id}`,
      { cause: error },
    );
  });
  response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' });
  // The client shall see that following has begun before there is a line.
  response.flushHeaders();
  try {
    const { limitBytes = Number.POSITIVE_INFINITY } = query;
    await pipeline(log, (source: AsyncIterable<Buffer>) => limited(source, limitBytes), response);
  } catch (error) {
    if (!abort.signal.aborted && !response.writableFinished) throw error;
  } finally {
    log.destroy();
  }
}

/** Ends both sides once so much has passed. */
async function* limited(source: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const chunk of source) {
    yield chunk.subarray(0, left);
    left -= chunk.length;
    if (left <= 0) return;
  }
}
