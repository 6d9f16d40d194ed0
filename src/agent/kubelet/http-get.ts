import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Container, HTTPGetAction } from '#api/core/v1.ts';

export interface HttpResult {
  readonly status: number;
  /** At most the first 10 KiB. */
  readonly body: string;
  /** Where another host was pointed to, which was not followed. */
  readonly redirectedTo?: string;
}

export interface HttpGetOptions {
  readonly host: string;
  readonly port: number;
  readonly action: HTTPGetAction;
  readonly userAgent: string;
}

const MAX_BODY = 10 * 1024;
const MAX_REDIRECTS = 10;

/** The number of a port given as number or by its name in the container. Throws when there is none of that name. */
export function resolvePort(container: Container, port: number | string): number {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port);
  const number = named?.containerPort ?? (/^\d+$/.test(port) ? Number(port) : undefined);
  if (number === undefined) throw new Error(`couldn't find port: ${JSON.stringify(port)}`);
  return number;
}

/** GET as a probe or hook asks for it: certificates are not verified, redirects to the same host are followed. */
export async function httpGet(
  { host, port, action, userAgent }: HttpGetOptions,
  signal: AbortSignal,
): Promise<HttpResult> {
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const address = host.includes(':') ? `[${host}]` : host;
  const path = action.path === undefined || action.path === '' ? '/' : action.path;
  let url = new URL(path.startsWith('/') ? path : `/${path}`, `${scheme}://${address}:${port}`);
  const first = url.hostname;
  for (let followed = 0; ; followed++) {
    const result = await get(url, headersOf(action, userAgent), signal);
    const location = result.location;
    if (location === undefined || result.status < 301 || result.status > 308 || followed >= MAX_REDIRECTS)
      return result;
    const next = new URL(location, url);
    if (next.hostname !== first) return { ...result, redirectedTo: next.href };
    url = next;
  }
}

function headersOf({ httpHeaders = [] }: HTTPGetAction, userAgent: string): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = { 'User-Agent': userAgent, Accept: '*/*' };
  for (const { name, value } of httpHeaders) {
    const known = Object.keys(headers).find((key) => key.toLowerCase() === name.toLowerCase());
    const isOwn = known === 'User-Agent' || known === 'Accept';
    if (known === undefined || isOwn) {
      if (known !== undefined) delete headers[known];
      // An empty value takes the header away.
      if (value !== '' || !isOwn) headers[name] = value;
    } else {
      headers[known] = [headers[known] ?? [], value].flat();
    }
  }
  return headers;
}

function get(
  url: URL,
  headers: Record<string, string | string[]>,
  signal: AbortSignal,
): Promise<HttpResult & { location: string | undefined }> {
  const { promise, resolve, reject } = Promise.withResolvers<HttpResult & { location: string | undefined }>();
  const onResponse = (response: IncomingMessage) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= MAX_BODY) finish();
    });
    const finish = () => {
      const body = Buffer.concat(chunks).subarray(0, MAX_BODY).toString();
      resolve({ status: response.statusCode ?? 0, body, location: response.headers.location });
      request.destroy();
    };
    response.on('end', finish);
    response.on('error', reject);
  };
  // A connection per request: a probe must see whether a new one is accepted.
  const options = { headers, signal, agent: false as const };
  const request =
    url.protocol === 'https:'
      ? httpsRequest(url, { ...options, rejectUnauthorized: false }, onResponse)
      : httpRequest(url, options, onResponse);
  request.on('error', reject);
  request.end();
  return promise;
}
