import { UsageError } from '#base/options.ts';
import { allCommands } from '#cli/all.ts';
import { runCli } from '#cli/cli.ts';
import { nodeVersionProblem } from '#cli/node-version.ts';

const stopping = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    // A second signal is somebody's impatience.
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort(new Error(`Stopped by ${name}`));
  });
}
// Whoever read the output may be gone before all is said.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

const tooOld = nodeVersionProblem(process.versions.node);
if (tooOld === undefined) run();
else end(new UsageError(tooOld));

function run(): void {
  runCli(allCommands, {
    argv: process.argv.slice(2),
    env: process.env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    signal: stopping.signal,
  }).then(() => process.exit(process.exitCode ?? 0), end);
}

/** Says what went wrong and ends: with 0 when that was only that somebody asked for the end, with 2 for wrong usage. */
function end(error: unknown): never {
  if (stopping.signal.aborted && error === stopping.signal.reason) process.exit(0);
  process.stderr.write(`skiff: ${messageOf(error)}\n`);
  const isUsage = error instanceof UsageError;
  if (!isUsage && process.env['SKIFF_DEBUG'] !== undefined && error instanceof Error) {
    process.stderr.write(`${error.stack}\n`);
  }
  process.exit(isUsage ? 2 : 1);
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return [error.message, ...error.errors.map(messageOf)].join('\n');
  return error instanceof Error ? error.message : String(error);
}
