import { RuntimeError, type RuntimeErrorCode } from '../container-runtime.ts';

/** Docker's answer to a failed request as an error with a code. `message` is Docker's own. */
export function refusal(status: number, message: string): RuntimeError {
  return new RuntimeError(codeOf(status, message), message);
}

/** Nobody answers on the socket, or the connection broke. */
export function unavailable(socketPath: string, cause: unknown): RuntimeError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RuntimeError('unavailable', `Cannot reach Docker at "${socketPath}": ${why}`, { cause });
}

/** The signal's reason if it has aborted: what then failed, failed because of it. */
export function unlessAborted(signal: AbortSignal | undefined): unknown {
  return signal?.aborted ? (signal.reason ?? new Error('Aborted')) : undefined;
}

/** What runc says when the process itself cannot be run; whether the host withheld a privilege is told by other words. */
const BAD_COMMAND =
  /executable file not found|exec: ".*": (?:permission denied|is a directory|stat )|exec .*: (?:no such file|exec format error|permission denied)|no such file or directory: unknown|unable to find user|no matching entries in passwd|unable to find group|chdir to cwd/;

function codeOf(status: number, message: string): RuntimeErrorCode {
  if (/invalid reference format|must be lowercase|invalid tag format|invalid repository name/.test(message))
    return 'bad-image';
  if (/^No such image/i.test(message)) return 'bad-image';
  if (BAD_COMMAND.test(message)) return 'bad-command';
  if (status === 404) return 'not-found';
  if (status === 409) return 'conflict';
  if (status === 400 || status === 401 || status === 403) return 'refused';
  if (/operation not permitted|permission denied/.test(message)) return 'refused';
  return 'failed';
}
