import { UsageError } from '#base/options.ts';
import { allCommands } from '#cli/all.ts';
import { runCli } from '#cli/cli.ts';

const stopping = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) {
  process.on(name, () => {
    // A second signal is somebody's impatience.
    if (stopping.signal.aborted) process.exit(130);
    stopping.abort(new Error(`Stopped by ${name}`));
  });
}

runCli(allCommands, {
  argv: process.argv.slice(2),
  env: process.env,
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  signal: stopping.signal,
}).then(
  () => process.exit(process.exitCode ?? 0),
  (error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`skiff: ${message}\n`);
    if (!(error instanceof UsageError) && process.env['SKIFF_DEBUG'] !== undefined && error instanceof Error)
      process.stderr.write(`${error.stack}\n`);
    process.exit(error instanceof UsageError ? 2 : 1);
  },
);
