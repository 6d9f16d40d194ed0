import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import type { TestServer } from './test-server.ts';

export interface ApiRequestOptions {
  readonly method?: string;
  /** Objects are sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Without the administrator's certificate. */
  readonly anonymous?: boolean;
}

export interface ApiAnswer {
  readonly code: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
  readonly text: string;
  /** The body as JSON; throws when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers freely
  readonly json: any;
}

/** Connection settings of the administrator, or of nobody. */
export function connectionOf(
  { url, ca, adminCertificate }: TestServer,
  { anonymous = false }: { anonymous?: boolean } = {},
): RequestOptions {
  const { hostname, port } = new URL(url);
  return { hostname, port, ca, ...(!anonymous && adminCertificate) };
}

/** One request over HTTP/1.1 on a connection of its own. */
export async function apiRequest(
  server: TestServer,
  path: string,
  options: ApiRequestOptions = {},
): Promise<ApiAnswer> {
  const { method = 'GET', body, headers = {}, anonymous = false } = options;
  const agent = new Agent({ keepAlive: false });
  const isRaw = typeof body === 'string' || Buffer.isBuffer(body);
  const payload = body === undefined || isRaw ? (body as string | Buffer | undefined) : JSON.stringify(body);
  const { answer, bytes } = await new Promise<{ answer: IncomingMessage; bytes: Buffer }>((resolve, reject) => {
    const length = payload === undefined ? {} : { 'content-length': Buffer.byteLength(payload) };
    const type = payload !== undefined && !isRaw ? { 'content-type': 'application/json' } : {};
    const sent = { 'user-agent': 'test', ...type, ...length };
    const outgoing = request(
      { ...connectionOf(server, { anonymous }), agent, path, method, headers: { ...sent, ...headers } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('end', () => resolve({ answer, bytes: Buffer.concat(chunks) }));
        answer.on('error', reject);
      },
    );
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
  return {
    code: answer.statusCode ?? 0,
    headers: answer.headers,
    bytes,
    get text() {
      return bytes.toString();
    },
    get json() {
      return JSON.parse(bytes.toString());
    },
  };
}
