import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2SecureServer, Http2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { type FastifyInstance, fastify } from 'fastify';
import type { Component } from './component.ts';
import type { Logger } from './logger.ts';

export interface ServerTls {
  /** PEM, leaf first. */
  readonly cert: string | Buffer;
  readonly key: string | Buffer;
  /** PEM of the authorities whose client certificates count. Absent: clients are not asked for one. */
  readonly clientCa?: string | Buffer | readonly (string | Buffer)[] | undefined;
}

/** HTTP/1.1 and HTTP/2 alike: the latter's compatible objects serve both. */
export type HttpHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export type UpgradeHandler = (request: IncomingMessage, socket: Duplex, head: Buffer) => void | Promise<void>;

export interface HttpServerOptions {
  readonly name: string;
  readonly log: Logger;
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly tls: ServerTls;
  /** Gets every request with its body unread; must answer it. What it throws is logged and ends the request. */
  readonly handler: HttpHandler;
  /** Gets HTTP/1.1 upgrades; without it they are ordinary requests. Must answer or destroy the socket. */
  readonly upgrade?: UpgradeHandler;
  /** How long open requests may go on once the server stops. */
  readonly graceMs?: number;
}

/** An HTTPS server for HTTP/2 and HTTP/1.1 on one port, with optional client certificates. */
export class HttpServer implements Component {
  readonly name: string;
  readonly #options: HttpServerOptions;
  readonly #sockets = new Set<TLSSocket>();
  readonly #sessions = new Set<Http2Session>();
  readonly #certificates = new WeakMap<object, { readonly value: X509Certificate | undefined }>();
  #tls: ServerTls;
  #app: FastifyInstance<Http2SecureServer> | undefined;

  constructor(options: HttpServerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#tls = options.tls;
  }

  /** The port it listens on; 0 while it does not. */
  get port(): number {
    const address = this.#app?.server.address() as AddressInfo | null | undefined;
    return address?.port ?? 0;
  }

  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { host, port } = this.#options.listen;
    const app = this.#build();
    this.#app = app;
    try {
      // Not with the signal: Node would close the listener whenever it aborts, long after the start too.
      await app.listen({ host, port });
    } catch (error) {
      this.#app = undefined;
      throw listenError(error, host, port);
    }
  }

  async stop(): Promise<void> {
    const app = this.#app;
    this.#app = undefined;
    if (app === undefined) return;
    const closed = app.close();
    for (const session of this.#sessions) session.close();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, this.#options.graceMs ?? 1000);
    await closed;
    clearTimeout(timer);
  }

  /** Uses another certificate, key or client authority for new connections; open ones go on. */
  reload(tls: ServerTls): void {
    this.#tls = tls;
    this.#app?.server.setSecureContext(secureOptions(tls));
  }

  /** The client's certificate if it showed one that an authority of ours signed. The same object for one connection. */
  clientCertificate(request: IncomingMessage): X509Certificate | undefined {
    const socket = socketOf(request);
    const known = this.#certificates.get(socket);
    if (known !== undefined) return known.value;
    const value = socket.authorized ? socket.getPeerX509Certificate() : undefined;
    this.#certificates.set(socket, { value });
    return value;
  }

  #build(): FastifyInstance<Http2SecureServer> {
    const { handler, upgrade, log } = this.#options;
    const app = fastify({
      http2: true,
      https: {
        allowHTTP1: true,
        ...secureOptions(this.#tls),
        // Large lists on one connection must not make the session refuse further streams.
        maxSessionMemory: 1024,
      },
      clientErrorHandler: (err, socket) => {
        log.debug({ err }, 'malformed request');
        if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n');
      },
      exposeHeadRoutes: false,
      // One route takes all: the handler reads the URL from the request as it came.
      rewriteUrl: () => '/',
    });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('*', (_request, _payload, done) => done(null));
    for (const method of ['PROPFIND', 'MKCOL', 'COPY', 'MOVE', 'LOCK', 'UNLOCK']) app.addHttpMethod(method);
    // Before the framework looks at the headers: what is wrong with them is the handler's to say, in its own words.
    app.addHook('onRequest', (request, reply, done) => {
      reply.hijack();
      const raw = request.raw as unknown as IncomingMessage;
      raw.url = request.originalUrl;
      this.#run(raw, reply.raw as unknown as ServerResponse, handler);
      done();
    });
    app.all('/', () => {});
    const { server } = app;
    server.on('secureConnection', (socket) => this.#onConnection(socket));
    server.on('session', (session) => {
      this.#sessions.add(session);
      session.once('close', () => this.#sessions.delete(session));
    });
    server.on('tlsClientError', (err) => log.debug({ err }, 'handshake failed'));
    server.on('sessionError', (err) => log.debug({ err }, 'session failed'));
    // Idle clients reuse their connection; reconnecting over TLS is dear.
    (server as unknown as { keepAliveTimeout: number }).keepAliveTimeout = 60_000;
    if (upgrade !== undefined) {
      server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        socket.on('error', () => socket.destroy());
        Promise.resolve(upgrade(request, socket, head)).catch((err: unknown) => {
          log.error({ err, path: request.url }, 'upgrade failed');
          socket.destroy();
        });
      });
    }
    return app;
  }

  #run(request: IncomingMessage, response: ServerResponse, handler: HttpHandler): void {
    const fail = (err: unknown) => {
      this.#options.log.error({ err, path: request.url }, 'request handler failed');
      if (response.headersSent) return response.destroy();
      response.writeHead(500);
      response.end();
    };
    try {
      Promise.resolve(handler(request, response)).catch(fail);
    } catch (err) {
      fail(err);
    }
  }

  #onConnection(socket: TLSSocket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    socket.setNoDelay(true);
    // Finds peers that vanished while a watch was silent.
    socket.setKeepAlive(true, 30_000);
  }
}

function secureOptions({ cert, key, clientCa }: ServerTls) {
  const common = { cert, key, minVersion: 'TLSv1.2' as const };
  if (clientCa === undefined) return common;
  const ca = typeof clientCa === 'string' || Buffer.isBuffer(clientCa) ? clientCa : [...clientCa];
  return { ...common, ca, requestCert: true, rejectUnauthorized: false };
}

function socketOf(request: IncomingMessage): TLSSocket {
  const { stream } = request as unknown as { stream?: { session?: { socket: TLSSocket } } };
  return stream?.session?.socket ?? (request.socket as TLSSocket);
}

function listenError(cause: unknown, host: string, port: number): Error {
  const code = (cause as NodeJS.ErrnoException).code;
  const target = `${host}:${port}`;
  const why: Record<string, string> = {
    EADDRINUSE: 'another program uses this port; stop it or choose another port',
    EACCES: 'no permission for this port; run as root or choose a port above 1023',
    EADDRNOTAVAIL: 'this machine has no such address; choose another address to listen on',
  };
  const text = (code !== undefined ? why[code] : undefined) ?? (cause as Error).message;
  return new Error(`Cannot listen on ${target}: ${text}`, { cause });
}
