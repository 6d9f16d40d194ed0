import type { Duplex } from 'node:stream';

/** One connection that a client wants to have to a port. */
export interface ForwardedConnection {
  readonly port: number;
  /** What flows; each direction ends on its own. */
  readonly data: Duplex;
  /** Tells the client why it does not work, and ends the connection. */
  fail(message: string): void;
}

export interface PortForwardOptions {
  /** Called for each connection, any number of times, also for the same port. */
  onConnection: (connection: ForwardedConnection) => void;
  /** Ports from the request's query, of which only the oldest protocol makes use. */
  ports?: readonly number[];
  idleTimeoutMs?: number;
}

export interface PortForward {
  /** Aborts when the connection to the client is over, with all that it carried. */
  readonly closed: AbortSignal;
  close(): void;
}
