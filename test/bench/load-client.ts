import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import type { Credentials } from '#client/https-transport.ts';

export interface LoadRequest {
  method: 'GET' | 'POST' | 'PUT';
  path: string;
  body?: Buffer;
}

/** One HTTP/2 connection that does as little as possible with what comes back: the same for everybody who is measured. */
export class LoadClient {
  readonly #session: ClientHttp2Session;

  private constructor(session: ClientHttp2Session) {
    this.#session = session;
  }

  static async connect(server: string, { ca, cert, key }: Credentials): Promise<LoadClient> {
    const settings = { initialWindowSize: WINDOW_BYTES };
    const session = connect(server, { ca, ...(cert && { cert }), ...(key && { key }), settings });
    session.on('connect', () => session.setLocalWindowSize(WINDOW_BYTES));
    await once(session, 'connect');
    session.on('error', () => {});
    return new LoadClient(session);
  }

  /** The whole answer. Throws unless the server says that all is well. */
  async send(request: LoadRequest): Promise<Buffer> {
    const chunks: Buffer[] = [];
    await this.#exchange(request, (chunk) => chunks.push(chunk));
    return Buffer.concat(chunks);
  }

  /** The size of the answer. Throws unless the server says that all is well. */
  async measure(request: LoadRequest): Promise<number> {
    let size = 0;
    await this.#exchange(request, (chunk) => {
      size += chunk.length;
    });
    return size;
  }

  /** Opens a stream that stays open; resolves once it is. */
  async watch(path: string, onData: (chunk: Buffer) => void): Promise<void> {
    const stream = this.#open({ method: 'GET', path });
    stream.on('data', onData);
    stream.on('error', () => {});
    const status = await statusOf(stream);
    if (status !== 200) throw new Error(`GET ${path} was answered with ${status}`);
  }

  close(): void {
    this.#session.destroy();
  }

  async #exchange(request: LoadRequest, onData: (chunk: Buffer) => void): Promise<void> {
    const stream = this.#open(request);
    stream.on('data', onData);
    const ended = new Promise<void>((resolve, reject) => {
      stream.once('end', resolve);
      stream.once('error', reject);
    });
    const [status] = await Promise.all([statusOf(stream), ended]);
    if (status >= 300) throw new Error(`${request.method} ${request.path} was answered with ${status}`);
  }

  #open({ method, path, body }: LoadRequest): ClientHttp2Stream {
    const headers = {
      ':method': method,
      ':path': path,
      accept: 'application/json',
      ...(body && { 'content-type': 'application/json', 'content-length': body.length }),
    };
    const stream = this.#session.request(headers, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    return stream;
  }
}

/** Like that of kubectl: a server shall seldom have to wait for leave to send. */
const WINDOW_BYTES = 4 * 1024 * 1024;

function statusOf(stream: ClientHttp2Stream): Promise<number> {
  return new Promise((resolve, reject) => {
    stream.once('response', (headers) => resolve(Number(headers[':status'])));
    stream.once('error', reject);
  });
}
