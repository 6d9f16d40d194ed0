import { randomUUID } from 'node:crypto';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { UserInfo } from '#api/admission/request.ts';
import { retryAfterSeconds, type StatusError } from '#api/meta/errors.ts';
import { goQuote } from '#api/meta/go-text.ts';
import type { Encoded } from '../forms/encode.ts';
import type { RequestInfo } from './request-info.ts';

const GZIP_FROM_BYTES = 128 * 1024;
const gzipAsync = promisify(gzip);

/** One for all requests: an error of its own, with its stack, would be a tenth of what a GET costs. */
const ENDED = new DOMException('The request has ended', 'AbortError');

/** One HTTP request with its answer; knows the headers that every answer of the API carries. */
export class Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly info: RequestInfo;
  readonly auditId: string;
  readonly startedAt = performance.now();
  readonly #warnings = new Set<string>();
  readonly #abort = new AbortController();
  user: UserInfo = { username: '', groups: [] };

  constructor(request: IncomingMessage, response: ServerResponse, info: RequestInfo) {
    this.request = request;
    this.response = response;
    this.info = info;
    this.auditId = header(request, 'audit-id') || randomUUID();
    response.once('close', () => this.#abort.abort(ENDED));
  }

  /** Aborts when the answer is out or the client is gone. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  get userAgent(): string {
    return header(this.request, 'user-agent');
  }

  /** Each text once. */
  warn(text: string): void {
    this.#warnings.add(text);
  }

  /** The headers of every answer, with further ones. */
  headers(extra: OutgoingHttpHeaders = {}): OutgoingHttpHeaders {
    const headers: OutgoingHttpHeaders = { 'audit-id': this.auditId, 'cache-control': 'no-cache, private', ...extra };
    // One header line per warning; some clients do not split them.
    if (this.#warnings.size > 0) {
      Object.assign(headers, { warning: warningHeaders([...this.#warnings]) });
    }
    return headers;
  }

  /** Sends a finished body, compressed if it is large and comes from another machine. */
  async send(code: number, { contentType, parts }: Encoded, extra: OutgoingHttpHeaders = {}): Promise<void> {
    const { response } = this;
    const headers = this.headers({ 'content-type': contentType, ...extra });
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length > GZIP_FROM_BYTES && this.#acceptsGzip()) {
      const body = await gzipAsync(Buffer.concat(parts), { level: 1 });
      response.writeHead(code, {
        ...headers,
        'content-encoding': 'gzip',
        vary: 'Accept-Encoding',
        'content-length': body.length,
      });
      response.end(body);
      return;
    }
    response.writeHead(code, { ...headers, 'content-length': length });
    for (const part of parts.slice(0, -1)) response.write(part);
    response.end(parts.at(-1));
  }

  sendJson(code: number, value: unknown, extra: OutgoingHttpHeaders = {}): Promise<void> {
    const body = Buffer.from(`${JSON.stringify(value)}\n`);
    return this.send(code, { contentType: 'application/json', parts: [body] }, extra);
  }

  sendText(code: number, text: string, contentType = 'text/plain; charset=utf-8'): Promise<void> {
    return this.send(code, { contentType, parts: [Buffer.from(text)] });
  }

  /** Answers with an error's Status. */
  async fail(error: StatusError): Promise<void> {
    if (this.response.headersSent) {
      this.response.destroy();
      return;
    }
    const seconds = retryAfterSeconds(error);
    const isHttp1 = this.request.httpVersionMajor === 1;
    await this.sendJson(error.code, error.status, {
      ...(seconds !== undefined && { 'retry-after': String(seconds) }),
      // What the client still sends will not be read.
      ...(error.code === 413 && isHttp1 && { connection: 'close' }),
    });
  }

  #acceptsGzip(): boolean {
    const accepted = header(this.request, 'accept-encoding');
    // Within one machine compressing takes longer than sending.
    return /\bgzip\b/.test(accepted) && !isLoopback(this.request.socket.remoteAddress ?? '');
  }
}

/** Clients give up on an answer with longer headers. */
const MAX_WARNINGS_LENGTH = 4096;
const MAX_SHORT_WARNING_LENGTH = 256;

/** The values of the Warning headers: as many as fit, and when not all fit, each cut short. */
export function warningHeaders(warnings: readonly string[]): string[] {
  const total = warnings.reduce((sum, text) => sum + text.length, 0);
  const limit = total > MAX_WARNINGS_LENGTH ? MAX_SHORT_WARNING_LENGTH : MAX_WARNINGS_LENGTH;
  const headers: string[] = [];
  let length = 0;
  for (const text of warnings) {
    // UTF-8, which Node takes for headers only byte by byte.
    const value = Buffer.from(`299 - ${goQuote(text.slice(0, limit).toWellFormed())}`).toString('latin1');
    length += value.length;
    if (length > 2 * MAX_WARNINGS_LENGTH) break;
    headers.push(value);
  }
  return headers;
}

/** A header's text; empty if it is absent. */
export function header({ headers }: Pick<IncomingMessage, 'headers'>, name: string): string {
  const value = headers[name];
  return Array.isArray(value) ? value.join(', ') : (value ?? '');
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.');
}
