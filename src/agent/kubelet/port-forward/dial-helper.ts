import { connect, type Socket } from 'node:net';

/** Asks the helper for a connection to a port of the network namespace it runs in. */
export interface DialRequest {
  readonly id: number;
  readonly port: number;
}

/** Comes with the connected socket, or says why there is none. */
export interface DialAnswer {
  readonly id: number;
  readonly error?: string;
}

/** The ends of the channel that `child_process` opens between two Node processes. */
export interface HelperChannel {
  on(event: 'message', listener: (message: unknown) => void): unknown;
  on(event: 'disconnect', listener: () => void): unknown;
  send?(message: DialAnswer, socket?: Socket): boolean;
}

const LOOPBACK = ['127.0.0.1', '::1'];

/**
 * The program of a helper process that was started in a pod's network namespace: connects to ports on the pod's loopback and
 * hands the sockets to its parent, so no data ever passes through it. Ends with its parent.
 */
export function serveDials(channel: HelperChannel, exit: () => void): void {
  channel.on('disconnect', exit);
  channel.on('message', (message) => {
    const { id, port } = message as DialRequest;
    void dialAny(port).then(
      (socket) => channel.send?.({ id }, socket),
      (error: Error) => channel.send?.({ id, error: error.message }),
    );
  });
}

async function dialAny(port: number): Promise<Socket> {
  let failure: unknown;
  for (const host of LOOPBACK) {
    try {
      return await dial(host, port);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function dial(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true });
    // What the server says first must be left for the parent to read.
    socket.pause();
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}
