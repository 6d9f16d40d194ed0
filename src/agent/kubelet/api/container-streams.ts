import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { ContainerRuntime, StreamSession } from '#agent/runtime/container-runtime.ts';
import type { Logger } from '#base/logger.ts';
import { acceptPortForward } from '#base/remote-command/accept-port-forward.ts';
import { acceptRemoteCommand } from '#base/remote-command/accept-remote-command.ts';
import type { ForwardedConnection } from '#base/remote-command/port-forward.ts';
import type { RemoteCommand } from '#base/remote-command/remote-command.ts';
import { exitStatus, failureStatus } from '#base/remote-command/status.ts';
import { errorText } from '../pod-hook.ts';
import { isOn } from './api-request.ts';

export interface UpgradedRequest {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  readonly query: URLSearchParams;
}

interface Wanted {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

function wantedStreams(query: URLSearchParams): Wanted {
  const tty = isOn(query, 'tty');
  return {
    stdin: isOn(query, 'input', 'stdin'),
    stdout: isOn(query, 'output', 'stdout'),
    stderr: isOn(query, 'error', 'stderr') && !tty,
    tty,
  };
}

/** Runs a command in a container for a client, and tells it how that ended. A client that leaves ends the command. */
export async function serveExec(
  runtime: Pick<ContainerRuntime, 'exec'>,
  containerId: string,
  upgraded: UpgradedRequest,
): Promise<void> {
  const { request, socket, head, query } = upgraded;
  const wanted = wantedStreams(query);
  const remote = await acceptRemoteCommand(request, socket, head, wanted);
  try {
    const options = { command: query.getAll('command'), stdin: wanted.stdin, tty: wanted.tty };
    const session = await runtime.exec(containerId, options, remote.closed);
    const outputs = connect(session, remote);
    const exitCode = await session.exitCode;
    await outputs;
    await remote.finish(exitStatus(exitCode));
  } catch (error) {
    await remote.finish(failureStatus(errorText(error)));
  }
}

/** Connects a client with the main process of a container. The process outlives the client. */
export async function serveAttach(
  runtime: Pick<ContainerRuntime, 'attach'>,
  { containerId, tty }: { containerId: string; tty: boolean },
  upgraded: UpgradedRequest,
): Promise<void> {
  const { request, socket, head, query } = upgraded;
  const wanted = { ...wantedStreams(query), tty };
  const remote = await acceptRemoteCommand(request, socket, head, wanted);
  const abort = new AbortController();
  try {
    const session = await runtime.attach(containerId, { stdin: wanted.stdin, tty }, abort.signal);
    remote.closed.addEventListener('abort', () => session.close(), { once: true });
    await connect(session, remote);
    await remote.finish(exitStatus(0));
  } catch (error) {
    await remote.finish(failureStatus(errorText(error)));
  }
}

/** Joins both ends; resolves once the output has been passed on. */
async function connect(session: StreamSession, remote: RemoteCommand): Promise<void> {
  if (session.stdin !== undefined) {
    session.stdin.on('error', () => {});
    remote.stdin?.pipe(session.stdin);
  }
  void followSizes(session, remote);
  const outputs = [
    [session.stdout, remote.stdout],
    [session.stderr, remote.stderr],
  ] as const;
  await Promise.all(
    outputs.map(async ([from, to]) => {
      if (to === undefined) from.resume();
      else from.pipe(to, { end: false });
      await finished(from, { writable: false }).catch(() => {});
    }),
  );
}

async function followSizes(session: StreamSession, remote: RemoteCommand): Promise<void> {
  for await (const size of remote.resizes) await session.resize(size).catch(() => {});
}

/** Passes connections of a client on to ports of a pod until the client leaves. */
export async function servePortForward(
  dial: (port: number) => Promise<Socket>,
  { request, socket, head, query }: UpgradedRequest,
  log: Logger,
): Promise<void> {
  const ports = [...query.getAll('port'), ...query.getAll('ports')].flatMap((text) => text.split(',')).map(Number);
  await acceptPortForward(request, socket, head, {
    ports: ports.filter((port) => Number.isInteger(port) && port > 0 && port < 65_536),
    onConnection: (connection) => void forward(connection, dial, log),
  });
}

async function forward(
  connection: ForwardedConnection,
  dial: (port: number) => Promise<Socket>,
  log: Logger,
): Promise<void> {
  const { port, data } = connection;
  let target: Socket;
  try {
    target = await dial(port);
  } catch (err) {
    log.debug({ err, port }, 'cannot forward a connection');
    connection.fail(`error forwarding port ${port} to pod: ${errorText(err)}`);
    return;
  }
  // Each direction ends on its own; an error ends both.
  const end = () => {
    target.destroy();
    data.destroy();
  };
  target.on('error', end);
  data.on('error', end);
  data.on('close', () => target.destroy());
  data.pipe(target);
  target.pipe(data);
}
