import { describeOptions, type OptionSpecs, option, parseOptions, UsageError } from '#base/options.ts';
import type { Command, CommandContext } from './command.ts';
import { readConfigFiles } from './config-files.ts';

export type CliContext = Omit<CommandContext<OptionSpecs>, 'options' | 'args'> & { readonly argv: readonly string[] };

const CONFIG = option.string({ help: 'configuration file', value: 'FILE', default: '/etc/skiff/config.yaml' });

/** Finds the command, reads its options and runs it. Throws `UsageError` for anything wrong with the arguments. */
export async function runCli(commands: readonly Command[], context: CliContext): Promise<void> {
  const { argv, stdout } = context;
  const found = findCommand(commands, argv);
  if (found === undefined) {
    const [first] = argv;
    if (first === undefined || first === 'help' || first === '--help' || first === '-h')
      return void stdout.write(overview(commands));
    if (first === '--version') return runCli(commands, { ...context, argv: ['version'] });
    throw new UsageError(noCommand(commands, argv));
  }
  const { command, rest } = found;
  if (rest.includes('--help') || rest.includes('-h')) return void stdout.write(commandHelp(command));
  const { options, args } = readOptions(command, rest, context);
  await command.run({ ...context, options, args });
}

function readOptions(command: Command, argv: readonly string[], { env }: CliContext) {
  if (command.configurable !== true) {
    const { values, rest } = parseOptions(command.options, { argv });
    if (command.usage === undefined) refuseArguments(command, rest);
    return { options: values, args: rest };
  }
  const specs = { ...command.options, config: CONFIG };
  // The file must be known before the other options can be.
  const named = argv.findIndex((argument) => argument === '--config' || argument.startsWith('--config='));
  const flag = named < 0 ? undefined : (/=(.*)$/s.exec(argv[named] ?? '')?.[1] ?? argv[named + 1]);
  const path = flag ?? env['SKIFF_CONFIG'] ?? CONFIG.default;
  const files = readConfigFiles(path, { required: flag !== undefined });
  const { values, rest } = parseOptions(specs, { argv, env, envPrefix: 'SKIFF_', files });
  refuseArguments(command, rest);
  return { options: values, args: rest };
}

function refuseArguments({ name }: Command, [first]: readonly string[]): void {
  if (first !== undefined) {
    throw new UsageError(`"skiff ${name}" takes no argument "${first}"; see "skiff ${name} --help"`);
  }
}

function noCommand(commands: readonly Command[], [first = '', second]: readonly string[]): string {
  const names = commands.filter(({ hidden }) => hidden !== true).map(({ name }) => name);
  const below = names.filter((name) => name.startsWith(`${first} `));
  if (below.length > 0) {
    const what = second === undefined ? 'needs one more word' : `has no "${second}"`;
    return `"skiff ${first}" ${what}; commands are ${below.map((name) => `"skiff ${name}"`).join(', ')}`;
  }
  return `There is no command "${first}"; see "skiff --help"`;
}

function findCommand(commands: readonly Command[], argv: readonly string[]) {
  // Longest name first, so that `token create` wins over `token`.
  for (let words = Math.min(3, argv.length); words > 0; words--) {
    const command = commands.find(({ name }) => name === argv.slice(0, words).join(' '));
    if (command !== undefined) return { command, rest: argv.slice(words) };
  }
  return undefined;
}

function overview(commands: readonly Command[]): string {
  const shown = commands.filter(({ hidden }) => hidden !== true);
  const width = Math.max(...shown.map(({ name }) => name.length));
  const rows = shown.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`);
  return `skiff: a whole Kubernetes in one executable\n\nCommands:\n${rows.join('\n')}\n\nsee "skiff COMMAND --help" for the flags of each\n`;
}

/** The text of `skiff COMMAND --help`. */
export function commandHelp({ name, summary, usage, options, configurable }: Command): string {
  const specs = configurable === true ? { ...options, config: CONFIG } : options;
  const flags = describeOptions(specs);
  const where =
    configurable === true
      ? '\nEvery flag may also stand in the configuration file, or in the environment as SKIFF_ and its name.\n'
      : '';
  return `${summary}\n\nusage: skiff ${name}${usage === undefined ? '' : ` ${usage}`}${flags === '' ? '' : ` [flags]\n\nFlags:\n${flags}`}\n${where}`;
}
