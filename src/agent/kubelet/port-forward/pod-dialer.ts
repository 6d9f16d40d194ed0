import { type ChildProcess, spawn } from 'node:child_process';
import { connect, type Socket } from 'node:net';
import type { Logger } from '#base/logger.ts';
import type { DialAnswer, DialRequest } from './dial-helper.ts';

export interface PodDialerOptions {
  /** Program and arguments of a process that calls `serveDials`, e.g. this executable with a hidden command. */
  readonly helper: readonly string[];
  readonly log: Logger;
  /** How long a helper is kept that nobody uses. */
  readonly idleMs?: number;
}

interface Helper {
  readonly child: ChildProcess;
  readonly waiting: Map<number, PromiseWithResolvers<Socket>>;
  timer: NodeJS.Timeout | undefined;
}

/**
 * Opens connections to ports within pods, those on their loopback too: one helper process per pod in use makes them in the
 * pod's network namespace and passes the sockets on.
 */
export class PodDialer {
  readonly #options: Required<PodDialerOptions>;
  readonly #helpers = new Map<string, Helper>();
  #nextId = 1;

  constructor(options: PodDialerOptions) {
    this.#options = { idleMs: 30_000, ...options };
  }

  /** `namespacePath` undefined is the node's own network. Rejects when nobody listens. */
  dial(namespacePath: string | undefined, port: number): Promise<Socket> {
    if (namespacePath === undefined) return dialHere(port);
    const helper = this.#helpers.get(namespacePath) ?? this.#start(namespacePath);
    clearTimeout(helper.timer);
    const request: DialRequest = { id: this.#nextId++, port };
    const waiting = Promise.withResolvers<Socket>();
    helper.waiting.set(request.id, waiting);
    helper.child.send(request, (error) => {
      if (error === null) return;
      helper.waiting.delete(request.id);
      waiting.reject(error);
    });
    return waiting.promise.finally(() => this.#rest(namespacePath, helper));
  }

  stop(): void {
    for (const [path, helper] of this.#helpers) this.#end(path, helper);
  }

  #start(namespacePath: string): Helper {
    const child = spawn('nsenter', [`--net=${namespacePath}`, ...this.#options.helper], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const helper: Helper = { child, waiting: new Map(), timer: undefined };
    this.#helpers.set(namespacePath, helper);
    child.on('message', (message, socket) => {
      const { id, error } = message as DialAnswer;
      const waiting = helper.waiting.get(id);
      helper.waiting.delete(id);
      if (waiting === undefined) (socket as Socket | undefined)?.destroy();
      else if (socket === undefined) waiting.reject(new Error(error ?? 'The connection was lost'));
      else waiting.resolve(prepared(socket as Socket));
    });
    const fail = (why: Error) => {
      if (this.#helpers.get(namespacePath) === helper) this.#helpers.delete(namespacePath);
      for (const { reject } of helper.waiting.values()) reject(why);
      helper.waiting.clear();
    };
    child.on('error', fail);
    child.on('exit', (code) => fail(new Error(`Cannot enter the network of the pod: helper ended with ${code}`)));
    this.#options.log.debug({ namespacePath, pid: child.pid }, 'started dial helper');
    return helper;
  }

  #rest(namespacePath: string, helper: Helper): void {
    if (helper.waiting.size > 0) return;
    clearTimeout(helper.timer);
    helper.timer = setTimeout(() => this.#end(namespacePath, helper), this.#options.idleMs);
    helper.timer.unref();
  }

  #end(namespacePath: string, helper: Helper): void {
    clearTimeout(helper.timer);
    if (this.#helpers.get(namespacePath) === helper) this.#helpers.delete(namespacePath);
    helper.child.kill();
  }
}

function prepared(socket: Socket): Socket {
  socket.allowHalfOpen = true;
  socket.setNoDelay(true);
  return socket;
}

async function dialHere(port: number): Promise<Socket> {
  const attempt = (host: string) =>
    new Promise<Socket>((resolve, reject) => {
      const socket = connect({ host, port, allowHalfOpen: true });
      socket.once('connect', () => resolve(prepared(socket)));
      socket.once('error', reject);
    });
  return attempt('127.0.0.1').catch((error: unknown) =>
    attempt('::1').catch(() => {
      throw error;
    }),
  );
}
