import { Agent, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { inspect } from 'node:util';
import Dockerode from 'dockerode';
import type { RegistryAuth, RuntimeError } from '../container-runtime.ts';
import { refusal, unavailable, unlessAborted } from './errors.ts';

export interface DockerRequest {
  method: 'GET' | 'POST' | 'DELETE';
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: object;
  /** Sent as the body instead of JSON. */
  archive?: Readable;
  auth?: RegistryAuth | undefined;
  signal?: AbortSignal | undefined;
}

/** Docker's HTTP API on a Unix socket. Every failure is a `RuntimeError`, or the signal's reason. */
export class DockerApi {
  readonly socketPath: string;
  // docker-modem writes out every request's options in full, for a debug log that is off: with the agent's sockets that took
  // longer than the request.
  readonly #agent = Object.assign(new Agent({ keepAlive: true }), { [inspect.custom]: () => 'Agent' });
  readonly #modem: Dockerode['modem'];

  constructor(socketPath: string) {
    this.socketPath = socketPath;
    // dockerode would take what is undefined here from DOCKER_HOST and its siblings.
    const fixed = {
      host: undefined,
      protocol: 'http',
      timeout: undefined,
      ca: undefined,
      cert: undefined,
      key: undefined,
    };
    this.#modem = new Dockerode({ ...fixed, socketPath, agent: this.#agent } as Dockerode.DockerOptions).modem;
  }

  /** The whole answer, parsed; undefined where Docker answers without a body. */
  async json<T>(request: DockerRequest): Promise<T> {
    const response = await this.stream(request);
    try {
      const chunks: Buffer[] = [];
      for await (const chunk of response) chunks.push(chunk);
      const text = Buffer.concat(chunks).toString();
      return (text === '' ? undefined : JSON.parse(text)) as T;
    } catch (error) {
      throw unlessAborted(request.signal) ?? this.#lost(error);
    }
  }

  /** Opens an answer of one JSON object after another. Iterating throws when the connection breaks. */
  async openMessages(request: DockerRequest): Promise<AsyncIterable<unknown>> {
    const response = await this.stream(request);
    return this.#parseLines(response, request.signal);
  }

  async *#parseLines(response: IncomingMessage, signal: AbortSignal | undefined): AsyncIterable<unknown> {
    try {
      let rest = '';
      response.setEncoding('utf8');
      for await (const chunk of response) {
        const lines: string[] = (rest + chunk).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) if (line.trim() !== '') yield JSON.parse(line);
      }
      if (rest.trim() !== '') yield JSON.parse(rest);
    } catch (error) {
      throw unlessAborted(signal) ?? this.#lost(error);
    }
  }

  /** The answer's body as it arrives. */
  async stream(request: DockerRequest): Promise<IncomingMessage> {
    return (await this.#dial(request, { isStream: true })) as IncomingMessage;
  }

  /** Turns the connection into a raw, half-closable stream of the container's. */
  async hijack(request: DockerRequest): Promise<Socket> {
    return (await this.#dial(request, { isStream: true, hijack: true })) as Socket;
  }

  close(): void {
    this.#agent.destroy();
  }

  #dial(request: DockerRequest, kind: { isStream: true; hijack?: true }): Promise<unknown> {
    const { method, path, query = {}, body, archive, auth, signal } = request;
    const defined = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const done = (error: Error | null, result: unknown) => {
        if (error === null) resolve(result);
        else reject(unlessAborted(signal) ?? toRuntimeError(error, this.socketPath));
      };
      const dialed = {
        ...kind,
        method,
        path: `${path}?`,
        options: { _query: defined, _body: body ?? {} },
        // A hijacked request must announce its length, or the end of its (empty) body would reach the container as input.
        ...(kind.hijack && { allowEmpty: true }),
        ...(archive && { file: archive }),
        ...(auth && { authconfig: registryHeader(auth) }),
        ...(signal && { abortSignal: signal }),
        statusCodes: { 101: true, 200: true, 201: true, 204: true, 304: true },
      };
      this.#modem.dial(dialed, done);
    });
  }

  #lost(cause: unknown): RuntimeError {
    return unavailable(this.socketPath, cause);
  }
}

function registryHeader(auth: RegistryAuth): Record<string, string> {
  const { username, password, serverAddress, identityToken } = auth;
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(serverAddress !== undefined && { serveraddress: serverAddress }),
    ...(identityToken !== undefined && { identitytoken: identityToken }),
  };
}

function toRuntimeError(error: Error & { statusCode?: number }, socketPath: string): RuntimeError {
  if (error.statusCode === undefined) return unavailable(socketPath, error);
  const message = error.message.replace(/^\(HTTP code \d+\) \w+ - /, '').trim();
  return refusal(error.statusCode, message);
}
