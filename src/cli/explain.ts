import { portHolder } from './port-holder.ts';

export interface Surroundings {
  readonly dataDir: string;
  /** The flag that sets each port this process listens on. */
  readonly portFlags: Readonly<Record<number, string>>;
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal;
}

/** What to do about a file system that refuses, by the code of the system's error. */
const CURES: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space and start again',
  EDQUOT: 'the disk quota is used up; free some space and start again',
  EROFS: 'the file system is read-only; mount it writable, or choose another data folder with --data-dir',
  EACCES: 'permission denied; run as root, or choose another data folder with --data-dir',
  EPERM: 'permission denied; run as root, or choose another data folder with --data-dir',
  ENOTDIR: 'a part of its path is a file, not a folder; choose another data folder with --data-dir',
  EEXIST: 'it is a file, not a folder; choose another data folder with --data-dir',
  EIO: 'the disk reports an error; check it, for example with "dmesg"',
};

/** An error of a start as the person at the machine needs it: what could not be done, who is in the way, and the cure. */
export async function explainStart(error: unknown, { dataDir, portFlags, signal }: Surroundings): Promise<unknown> {
  // A start that is cancelled fails in many ways; parts that do not stop are told all the same.
  if (signal.aborted && !(error instanceof AggregateError)) return signal.reason;
  if (!(error instanceof Error)) return error;
  if (codeOf(error.cause) === 'EADDRINUSE') {
    const { port = 0 } = error.cause as { port?: number };
    const holder = await portHolder(port);
    const flag = portFlags[port];
    const who = holder === undefined ? 'another program listens there' : `${holder} listens there`;
    const cure = `stop it${flag === undefined ? '' : `, or choose another port with ${flag}`}`;
    return new Error(`Port ${port} is in use: ${who}; ${cure}`, { cause: error });
  }
  const { code, path = dataDir } = error as NodeJS.ErrnoException;
  const cure = code === undefined ? undefined : CURES[code];
  // Errors that bear a message for people say more than their code.
  if (cure === undefined || !error.message.startsWith(`${code}:`)) return error;
  return new Error(`Cannot use the data folder "${dataDir}": ${cure}${path === dataDir ? '' : ` (at ${path})`}`, {
    cause: error,
  });
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
}
