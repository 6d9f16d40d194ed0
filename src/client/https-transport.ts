import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { deepFreeze } from '#api/meta/clone.ts';
import { StatusError, serviceUnavailable, statusErrorFrom } from '#api/meta/errors.ts';
import type { ApiObject, WatchEvent } from '#api/meta/types.ts';
import { requestContentType, requestMethod, requestPath } from './request-path.ts';
import type { ApiRequest, Transport } from './transport.ts';

export interface Credentials {
  /** PEM of the authorities that may sign the server's certificate. */
  readonly ca: string;
  /** PEM of a client certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
  /** Bearer token. */
  readonly token?: string;
}

export interface HttpsTransportOptions {
  /** `https://host:port` */
  readonly server: string;
  /** Asked at every new connection, so that renewed certificates are used without a restart. */
  readonly credentials: () => Credentials;
  readonly userAgent: string;
  /** How long an answer to anything but a watch may take. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 30_000;

/** A silent connection is asked for a sign of life after this time, and given up when none comes. */
const PING_AFTER_MS = 15_000;
const PING_TIMEOUT_MS = 10_000;

/** Speaks to an API server over one HTTP/2 connection, made anew when it breaks. */
export class HttpsTransport implements Transport {
  readonly #options: HttpsTransportOptions;
  #session: ClientHttp2Session | undefined;

  constructor(options: HttpsTransportOptions) {
    this.#options = options;
  }

  async request(request: ApiRequest): Promise<unknown> {
    const { timeoutMs = TIMEOUT_MS } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    const signal = request.signal === undefined ? timeout : AbortSignal.any([request.signal, timeout]);
    const { status, text } = await this.#guard(request, async () => {
      const answer = await this.#send(request, signal);
      return { status: answer.status, text: await readAll(answer.stream) };
    });
    const answer = parseAnswer(text, status);
    if (status >= 400) throw statusErrorFrom(answer);
    return deepFreeze(answer);
  }

  async *watch(request: ApiRequest): AsyncGenerator<WatchEvent<ApiObject>> {
    const { status, stream } = await this.#guard(request, () => this.#send(request, request.signal));
    try {
      if (status >= 400) {
        const text = await this.#guard(request, () => readAll(stream));
        throw statusErrorFrom(parseAnswer(text, status));
      }
      const texts = lines(stream);
      for (;;) {
        const next = await this.#guard(request, () => texts.next());
        if (next.done === true) return;
        const event = JSON.parse(next.value) as WatchEvent<ApiObject>;
        if (event.type === 'ERROR') throw statusErrorFrom(event.object);
        yield deepFreeze(event);
      }
    } finally {
      stream.close(constants.NGHTTP2_CANCEL);
    }
  }

  /** What goes wrong on the way is an unavailable server, unless the caller gave up himself. */
  async #guard<T>({ signal }: ApiRequest, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (signal?.aborted === true) throw signal.reason;
      const { server, timeoutMs = TIMEOUT_MS } = this.#options;
      const silent = cause instanceof Error && (cause.name === 'TimeoutError' || cause.name === 'AbortError');
      const why = silent ? `no answer within ${timeoutMs / 1000} s` : reason(cause);
      throw serviceUnavailable(`Cannot reach the API server at ${server}: ${why}`);
    }
  }

  close(): void {
    this.#session?.destroy();
    this.#session = undefined;
  }

  async #send(
    request: ApiRequest,
    signal: AbortSignal | undefined,
  ): Promise<{ status: number; stream: ClientHttp2Stream }> {
    signal?.throwIfAborted();
    const { token } = this.#options.credentials();
    const body = request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
    const headers = {
      ':method': requestMethod(request.verb),
      ':path': requestPath(request),
      accept: 'application/json',
      'user-agent': this.#options.userAgent,
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': requestContentType(request), 'content-length': body.length }),
    };
    const stream = this.#connection().request(headers, { endStream: body === undefined, ...(signal && { signal }) });
    if (body !== undefined) stream.end(body);
    return { status: await statusOf(stream), stream };
  }

  #connection(): ClientHttp2Session {
    const present = this.#session;
    if (present !== undefined && !present.closed && !present.destroyed) return present;
    const { ca, cert, key } = this.#options.credentials();
    const session = connect(this.#options.server, {
      ca,
      ...(cert && { cert }),
      ...(key && { key }),
      ALPNProtocols: ['h2'],
    });
    const forget = () => {
      clearInterval(heartbeat);
      if (this.#session === session) this.#session = undefined;
    };
    const heartbeat = setInterval(() => checkAlive(session), PING_AFTER_MS);
    heartbeat.unref();
    // Requests on the session fail by themselves; without a listener the process would end.
    session.on('error', forget);
    session.on('goaway', forget);
    session.on('close', forget);
    this.#session = session;
    return session;
  }
}

function checkAlive(session: ClientHttp2Session): void {
  if (session.destroyed) return;
  const deadline = setTimeout(() => session.destroy(new Error('no answer to a ping')), PING_TIMEOUT_MS);
  const sent = session.ping((_error) => clearTimeout(deadline));
  if (!sent) clearTimeout(deadline);
}

function statusOf(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((resolve, reject) => {
    stream.once('response', (headers) => resolve(Number(headers[':status'])));
    stream.once('error', reject);
    stream.once('close', () => reject(new Error('the connection was closed')));
  });
}

async function readAll(stream: ClientHttp2Stream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

async function* lines(stream: ClientHttp2Stream): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      pending.push(rest.subarray(0, end));
      const line = Buffer.concat(pending).toString();
      pending = [];
      rest = rest.subarray(end + 1);
      if (line !== '') yield line;
    }
    if (rest.length > 0) pending.push(rest);
  }
}

function parseAnswer(text: string, status: number): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    // A connection that breaks may look like the end of the answer.
    if (status < 400) throw serviceUnavailable(`The answer of the API server was cut off: ${reason(cause)}`);
    throw new StatusError(
      { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', code: status, message: text.slice(0, 500) },
      { cause },
    );
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
