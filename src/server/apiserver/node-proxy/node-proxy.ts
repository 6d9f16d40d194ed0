import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import { request as httpsRequest, type RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect as tlsConnect } from 'node:tls';
import { nodes, pods, services } from '#api/core/v1.ts';
import {
  badRequest,
  internalError,
  notFound,
  StatusError,
  serviceUnavailable,
  toStatusError,
} from '#api/meta/errors.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import { genericServerResponse } from '#api/meta/server-response.ts';
import type { Cache } from '#client/cache.ts';
import type { NodeDialer, NodeEndpoint } from './node-dialer.ts';
import { logRequest, streamRequest } from './pod-streams.ts';
import { locatePod, locateService, parseProxyName } from './proxy-location.ts';

/** What of a request decides where it is handed on to. */
export interface ProxyTarget {
  readonly ref: ResourceRef;
  readonly subresource: string;
  readonly namespace: string | undefined;
  readonly name: string;
  /** Path behind `/proxy`, with its leading slash; empty if there was none. */
  readonly tail: string;
  readonly query: URLSearchParams;
}

/** One server behind, with the request to send there. */
interface Backend {
  readonly isTls: boolean;
  readonly options: RequestOptions;
}

/** Headers that belong to one connection, and credentials that are not for others. */
const DROPPED = new Set([
  'authorization',
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'content-length',
]);

/** Hands requests on to kubelets, pods and services; upgraded connections pass through as raw bytes. */
export class NodeProxy {
  readonly #cache: Cache;
  readonly #dialer: NodeDialer | undefined;

  constructor({ cache, dialer }: { cache: Cache; dialer: NodeDialer | undefined }) {
    this.#cache = cache;
    this.#dialer = dialer;
  }

  /** Answers an ordinary request: logs, and whatever is behind `/proxy`. */
  async serve(
    target: ProxyTarget,
    io: {
      readonly request: IncomingMessage;
      readonly response: ServerResponse;
      readonly headers: OutgoingHttpHeaders;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    const { request, response } = io;
    if (target.subresource === 'log') return this.#serveLog(target, io);
    if (target.subresource !== 'proxy') {
      throw badRequest('Upgrade request required');
    }
    if (target.tail === '' && (request.method === 'GET' || request.method === 'HEAD')) {
      const url = request.url ?? '';
      const mark = url.indexOf('?');
      const location = mark < 0 ? `${url}/` : `${url.slice(0, mark)}/${url.slice(mark)}`;
      response.writeHead(301, { ...io.headers, location }).end();
      return;
    }
    const backend = await this.#locate(target, request);
    const { method = 'GET' } = request;
    const answer = await send(backend, {
      method,
      headers: forwardedHeaders(request),
      body: request,
      signal: io.signal,
    });
    const prefix = proxyPrefix(request.url ?? '', target.tail);
    response.writeHead(answer.statusCode ?? 502, answerHeaders(answer, prefix));
    await pipeline(answer, response).catch(() => response.destroy());
  }

  /** Connects an upgraded client with its backend until either hangs up. Throws StatusError before the upgrade only. */
  async upgrade(
    target: ProxyTarget,
    { request, socket, head }: { request: IncomingMessage; socket: Duplex; head: Buffer },
  ): Promise<void> {
    const backend =
      target.subresource === 'proxy'
        ? await this.#locate(target, request)
        : await this.#kubelet(streamRequest(this.#requirePod(target), target.subresource, target.query));
    const headers = { ...forwardedHeaders(request), connection: 'Upgrade', upgrade: request.headers.upgrade };
    const upgraded = await openUpgrade(backend, { method: request.method ?? 'GET', headers });
    socket.write(upgraded.response);
    if (upgraded.head.length > 0) socket.write(upgraded.head);
    if (head.length > 0) upgraded.socket.write(head);
    join(socket, upgraded.socket);
  }

  async #serveLog(
    target: ProxyTarget,
    { response, headers, signal }: { response: ServerResponse; headers: OutgoingHttpHeaders; signal: AbortSignal },
  ): Promise<void> {
    const wanted = logRequest(this.#requirePod(target), target.query);
    if (wanted === undefined) {
      response.writeHead(204, headers).end();
      return;
    }
    const backend = await this.#kubelet(wanted);
    const answer = await send(backend, { method: 'GET', headers: {}, signal });
    if (answer.statusCode !== 200) throw await kubeletError(answer, target);
    response.writeHead(200, { ...headers, 'content-type': answer.headers['content-type'] ?? 'text/plain' });
    response.flushHeaders();
    // A client that goes away is the usual end of `logs -f`.
    await pipeline(answer, response).catch(() => response.destroy());
  }

  #requirePod({ namespace, name }: ProxyTarget) {
    const pod = this.#cache.get(pods, { namespace, name });
    if (pod === undefined) throw notFound(pods, name);
    return pod;
  }

  async #kubelet({ nodeName, path }: { nodeName: string; path: string }): Promise<Backend> {
    if (this.#dialer === undefined) throw serviceUnavailable(`no way to reach node "${nodeName}"`);
    const endpoint = await this.#dialer.connect(nodeName);
    return { isTls: true, options: kubeletOptions(endpoint, path) };
  }

  async #locate({ ref, namespace = '', name, tail }: ProxyTarget, { url = '' }: IncomingMessage): Promise<Backend> {
    const mark = url.indexOf('?');
    const path = `${tail === '' ? '/' : tail}${mark < 0 ? '' : url.slice(mark)}`;
    if (ref.plural === nodes.plural) {
      const nodeName = parseProxyName(name).name;
      if (this.#cache.get(nodes, { name: nodeName }) === undefined) throw notFound(nodes, nodeName);
      return this.#kubelet({ nodeName, path });
    }
    const locate = ref.plural === services.plural ? locateService : locatePod;
    const { scheme, host, port } = locate(this.#cache, namespace, name);
    // Certificates of pods are their own affair.
    return { isTls: scheme === 'https', options: { host, port, path, rejectUnauthorized: false, agent: false } };
  }
}

function kubeletOptions({ host, port, tls, createConnection }: NodeEndpoint, path: string): RequestOptions {
  const base: RequestOptions = { host, port, path, agent: false, ...tls };
  if (createConnection === undefined) return base;
  return { ...base, createConnection: () => tlsConnect({ socket: createConnection(), ...tls }) };
}

interface Sending {
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: IncomingMessage;
  readonly signal?: AbortSignal;
}

function send({ isTls, options }: Backend, { method, headers, body, signal }: Sending): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const make = isTls ? httpsRequest : httpRequest;
    const length = body?.headers['content-length'];
    const sent = { ...headers, ...(length !== undefined && { 'content-length': length }) };
    const outgoing = make({ ...options, method, headers: sent, ...(signal && { signal }) }, resolve);
    outgoing.once('error', (error) => reject(unreachable(error)));
    if (body === undefined) outgoing.end();
    else body.pipe(outgoing);
  });
}

interface Upgraded {
  readonly socket: Duplex;
  readonly head: Buffer;
  /** The backend's answer head, ready for the client. */
  readonly response: string;
}

function openUpgrade(backend: Backend, { method, headers }: Omit<Sending, 'body' | 'signal'>): Promise<Upgraded> {
  return new Promise((resolve, reject) => {
    const make = backend.isTls ? httpsRequest : httpRequest;
    const outgoing = make({ ...backend.options, method, headers });
    outgoing.once('upgrade', (answer, socket, head) => resolve({ socket, head, response: rawHead(answer) }));
    outgoing.once('response', (answer) => {
      readText(answer).then(
        (text) => reject(statusOf(answer.statusCode ?? 500, text)),
        (error: unknown) => reject(unreachable(error)),
      );
    });
    outgoing.once('error', (error) => reject(unreachable(error)));
    outgoing.end();
  });
}

function rawHead({ statusCode = 101, statusMessage = '', rawHeaders }: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) lines.push(`${rawHeaders[i]}: ${rawHeaders[i + 1]}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

function join(a: Duplex, b: Duplex): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
    from.pipe(to);
  }
}

function forwardedHeaders({ headers, socket }: IncomingMessage): OutgoingHttpHeaders {
  const kept = Object.entries(headers).filter(
    ([name]) => !DROPPED.has(name) && !name.startsWith(':') && !name.startsWith('impersonate-'),
  );
  const before = headers['x-forwarded-for'];
  const from = [...(before === undefined ? [] : [before].flat()), socket.remoteAddress ?? ''].join(', ');
  return { ...Object.fromEntries(kept), 'x-forwarded-for': from };
}

function answerHeaders({ headers }: IncomingMessage, prefix: string): OutgoingHttpHeaders {
  const kept = Object.entries(headers).filter(([name]) => !DROPPED.has(name) || name === 'content-length');
  const result: OutgoingHttpHeaders = Object.fromEntries(kept);
  // A redirect to an absolute path stays behind the proxy.
  if (headers.location?.startsWith('/')) result['location'] = prefix + headers.location;
  return result;
}

function proxyPrefix(url: string, tail: string): string {
  const path = url.split('?', 1)[0] ?? '';
  return tail === '' ? path : path.slice(0, path.length - tail.length);
}

async function kubeletError(answer: IncomingMessage, { ref, name }: ProxyTarget): Promise<StatusError> {
  const text = await readText(answer);
  const code = answer.statusCode ?? 500;
  if (code === 400 || code >= 500) return statusOf(code, text);
  return genericServerResponse({ code, verb: 'get', resource: ref, name, serverMessage: text });
}

function statusOf(code: number, text: string): StatusError {
  const message = text.trim();
  if (code === 400) return badRequest(message);
  if (code >= 500 && code !== 503) return internalError(message);
  return genericServerResponse({ code, verb: 'get', serverMessage: message });
}

const MAX_ERROR_BYTES = 64 * 1024;

async function readText(stream: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += String(chunk);
    if (text.length > MAX_ERROR_BYTES) break;
  }
  return text;
}

function unreachable(error: unknown): StatusError {
  if (error instanceof StatusError) return toStatusError(error);
  return serviceUnavailable(`error trying to reach service: ${(error as Error).message}`);
}
