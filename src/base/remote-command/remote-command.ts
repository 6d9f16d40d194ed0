import type { Readable, Writable } from 'node:stream';
import type { CommandStatus } from './status.ts';

export interface RemoteCommandOptions {
  stdin: boolean;
  stdout: boolean;
  /** Without meaning with a tty, whose output is one stream. */
  stderr: boolean;
  tty: boolean;
  /** How long a client may take to open its streams. */
  openTimeoutMs?: number;
  /** A connection on which nothing moves for so long is closed. */
  idleTimeoutMs?: number;
}

export interface TerminalSize {
  width: number;
  height: number;
}

/** The client's end of an exec or attach, whatever protocol it speaks. */
export interface RemoteCommand {
  /** Ends when the client has no more to say, or is gone. Undefined if it was not asked for, as the others. */
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** Sizes of the client's terminal, the latest only; ends with the connection. */
  readonly resizes: AsyncIterable<TerminalSize>;
  /** Aborts when the connection is over, whoever ended it. */
  readonly closed: AbortSignal;
  /** Sends what was written, then how the command ended, and hangs up. To be called once; fine if the client is gone. */
  finish(status: CommandStatus): Promise<void>;
}
