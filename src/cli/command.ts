import type { OptionSpecs, OptionValues } from '#base/options.ts';

export interface CommandContext<S extends OptionSpecs> {
  readonly options: OptionValues<S>;
  /** Arguments that are no flags. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream;
  readonly stdout: NodeJS.WritableStream;
  readonly stderr: NodeJS.WritableStream;
  /** Aborted when the process is asked to end. */
  readonly signal: AbortSignal;
}

/** One command of the executable. `run` throws `UsageError` for exit code 2, anything else for 1. */
export interface Command<S extends OptionSpecs = OptionSpecs> {
  /** Words after `skiff`. */
  readonly name: string;
  readonly summary: string;
  /** Shown after the name in help, e.g. `NAME`. */
  readonly usage?: string;
  readonly options: S;
  /** Understands `SKIFF_...` variables and the configuration file, like the roles do. */
  readonly configurable?: boolean;
  /** For the program's own use: not listed in help. */
  readonly hidden?: boolean;
  run(context: CommandContext<S>): Promise<void>;
}

/** Keeps the option types of a command while it is stored among others. */
export function defineCommand<S extends OptionSpecs>(command: Command<S>): Command {
  return command as unknown as Command;
}
