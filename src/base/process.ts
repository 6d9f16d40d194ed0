import { execFile } from 'node:child_process';

export interface RunOptions {
  /** Written to the program's standard input. */
  input?: string | Uint8Array;
  signal?: AbortSignal;
  timeoutMs?: number;
  env?: NodeJS.ProcessEnv;
}

/** A program that could not be run or ended with an exit code other than 0. */
export class CommandError extends Error {
  readonly exitCode: number | undefined;
  readonly stderr: string;

  constructor(
    message: string,
    { exitCode, stderr, cause }: { exitCode?: number | undefined; stderr: string; cause: unknown },
  ) {
    super(message, { cause });
    this.name = 'CommandError';
    this.exitCode = exitCode;
    this.stderr = stderr;
  }
}

/** Runs a program without a shell and returns its standard output. Throws `CommandError` with what it said on standard error. */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { input, signal, timeoutMs, env } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      [...args],
      {
        maxBuffer: 64 * 1024 * 1024,
        ...(signal && { signal }),
        ...(timeoutMs && { timeout: timeoutMs }),
        ...(env && { env }),
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const exitCode = typeof error.code === 'number' ? error.code : undefined;
        const why = stderr.trim() || error.message;
        reject(new CommandError(`Cannot run "${file} ${args.join(' ')}": ${why}`, { exitCode, stderr, cause: error }));
      },
    );
    // A program may end without reading its input.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input ?? '');
  });
}
