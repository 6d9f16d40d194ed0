/** One option of a role or command: where it may come from, what it means. `--help`, README and errors are made from it. */
export interface OptionSpec<T = unknown> {
  readonly help: string;
  /** Shown in help, e.g. `CIDR`; a boolean has none. */
  readonly value?: string;
  readonly default: T;
  /** Turns text into the value; throws an Error that says what is wrong. */
  readonly parse: (text: string) => T;
  /** May be given several times, or as a list in a file; `parse` is called per item. */
  readonly list?: boolean;
  readonly boolean?: boolean;
  /** Understood but not shown. */
  readonly hidden?: boolean;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;
export type OptionValues<S extends OptionSpecs> = {
  readonly [K in keyof S]: S[K] extends OptionSpec<infer T> ? T : never;
};

/** Bad flags, environment or configuration: the message names every problem and its cure. Exit code 2. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UsageError';
  }
}

type Spec<T> = Omit<OptionSpec<T>, 'parse' | 'default'> & { default: T };

export const option = {
  string: (spec: Spec<string>): OptionSpec<string> => ({ ...spec, parse: (text) => text }),
  optional: (spec: Omit<Spec<string>, 'default'>): OptionSpec<string | undefined> => ({
    ...spec,
    default: undefined,
    parse: (text) => text,
  }),
  boolean: (spec: Omit<Spec<boolean>, 'default'> & { default?: boolean }): OptionSpec<boolean> => ({
    ...spec,
    default: spec.default ?? false,
    boolean: true,
    parse: parseBoolean,
  }),
  integer: (spec: Spec<number> & { min?: number; max?: number }): OptionSpec<number> => ({
    ...spec,
    parse: (text) => parseInteger(text, spec),
  }),
  strings: (
    spec: Omit<Spec<readonly string[]>, 'default' | 'list'> & { default?: readonly string[] },
  ): OptionSpec<readonly string[]> => ({
    ...spec,
    default: spec.default ?? [],
    list: true,
    parse: (text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
  }),
  /** The same option, refusing a text whose value `check` throws for. */
  checked: <T>(spec: OptionSpec<T>, check: (value: T) => unknown): OptionSpec<T> => ({
    ...spec,
    parse: (text) => {
      const value = spec.parse(text);
      check(value);
      return value;
    },
  }),
  choice: <const C extends string>(spec: Spec<C> & { choices: readonly C[] }): OptionSpec<C> => ({
    ...spec,
    parse: (text) => {
      const found = spec.choices.find((choice) => choice === text);
      if (found === undefined) throw new Error(`must be one of ${spec.choices.join(', ')}`);
      return found;
    },
  }),
} as const;

export interface OptionSources {
  /** Arguments after the command's name. */
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Prefix of environment names, e.g. `SKIFF_`. */
  readonly envPrefix?: string;
  /** Parsed configuration files in order; later ones win, lists of keys with a trailing `+` are appended. */
  readonly files?: readonly { readonly path: string; readonly content: Readonly<Record<string, unknown>> }[];
}

/** Flags win over environment, environment over files, files over defaults. All problems are reported at once. */
export function parseOptions<S extends OptionSpecs>(
  specs: S,
  sources: OptionSources,
): { values: OptionValues<S>; rest: string[] } {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, spec] of Object.entries(specs)) values[name] = spec.default;
  for (const file of sources.files ?? []) applyFile(specs, values, file, problems);
  applyEnvironment(specs, values, sources, problems);
  const rest = applyArguments(specs, values, sources.argv, problems);
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return { values: Object.freeze(values) as OptionValues<S>, rest };
}

function applyFile(
  specs: OptionSpecs,
  values: Record<string, unknown>,
  { path, content }: { path: string; content: Readonly<Record<string, unknown>> },
  problems: string[],
): void {
  for (const [key, raw] of Object.entries(content)) {
    const append = key.endsWith('+');
    const name = append ? key.slice(0, -1) : key;
    const spec = specs[name];
    if (spec === undefined) {
      problems.push(`${path}: unknown key "${key}"${suggestion(name, specs)}`);
      continue;
    }
    const texts = (Array.isArray(raw) ? raw : [raw]).map(String);
    if (texts.length > 1 && !spec.list) problems.push(`${path}: key "${key}" takes one value, not a list`);
    else assign({ spec, name, texts, source: `${path}: key "${key}"`, append }, values, problems);
  }
}

function applyEnvironment(
  specs: OptionSpecs,
  values: Record<string, unknown>,
  sources: OptionSources,
  problems: string[],
): void {
  if (sources.env === undefined || sources.envPrefix === undefined) return;
  for (const [name, spec] of Object.entries(specs)) {
    const variable = `${sources.envPrefix}${name.toUpperCase().replaceAll('-', '_')}`;
    const text = sources.env[variable];
    if (text !== undefined && text !== '') assign({ spec, name, texts: [text], source: variable }, values, problems);
  }
}

function applyArguments(
  specs: OptionSpecs,
  values: Record<string, unknown>,
  argv: readonly string[],
  problems: string[],
): string[] {
  const rest: string[] = [];
  const given = new Map<string, string[]>();
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i] ?? '';
    if (argument === '--') {
      rest.push(...argv.slice(i + 1));
      break;
    }
    if (!argument.startsWith('--')) {
      rest.push(argument);
      continue;
    }
    const equals = argument.indexOf('=');
    const name = equals < 0 ? argument.slice(2) : argument.slice(2, equals);
    const spec = specs[name];
    if (spec === undefined) {
      problems.push(`Unknown flag "--${name}"${suggestion(name, specs, '--')}`);
      continue;
    }
    let text = equals < 0 ? undefined : argument.slice(equals + 1);
    if (text === undefined && spec.boolean === true) text = 'true';
    if (text === undefined) text = argv[++i];
    if (text === undefined) problems.push(`Flag "--${name}" needs a value`);
    else given.set(name, [...(given.get(name) ?? []), text]);
  }
  for (const [name, texts] of given) {
    const spec = specs[name];
    if (spec !== undefined)
      assign({ spec, name, texts: spec.list ? texts : texts.slice(-1), source: `Flag "--${name}"` }, values, problems);
  }
  return rest;
}

function assign(
  {
    spec,
    name,
    texts,
    source,
    append,
  }: { spec: OptionSpec; name: string; texts: readonly string[]; source: string; append?: boolean },
  values: Record<string, unknown>,
  problems: string[],
): void {
  try {
    const parsed = texts.map((text) => spec.parse(text));
    if (!spec.list) values[name] = parsed[0];
    else values[name] = [...(append && Array.isArray(values[name]) ? values[name] : []), ...parsed.flat()];
  } catch (error) {
    problems.push(`${source}: ${error instanceof Error ? error.message : String(error)} (got "${texts.join(', ')}")`);
  }
}

function suggestion(name: string, specs: OptionSpecs, prefix = ''): string {
  const near = Object.keys(specs).find((candidate) => distance(candidate, name) <= 2 || candidate.startsWith(name));
  return near === undefined ? '; see --help' : `; did you mean "${prefix}${near}"?`;
}

/** Edit distance, small inputs only. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

function parseBoolean(text: string): boolean {
  if (/^(true|1|yes|on)$/i.test(text)) return true;
  if (/^(false|0|no|off)$/i.test(text)) return false;
  throw new Error('must be true or false');
}

function parseInteger(text: string, { min, max }: { min?: number; max?: number }): number {
  const value = Number(text);
  if (!Number.isInteger(value) || text.trim() === '') throw new Error('must be a whole number');
  if (min !== undefined && value < min) throw new Error(`must be at least ${min}`);
  if (max !== undefined && value > max) throw new Error(`must be at most ${max}`);
  return value;
}

/** Lines of help for the options, aligned. */
export function describeOptions(specs: OptionSpecs): string {
  const rows = Object.entries(specs)
    .filter(([, spec]) => spec.hidden !== true)
    .map(([name, spec]) => {
      const flag = spec.boolean === true ? `--${name}` : `--${name} ${spec.value ?? 'VALUE'}`;
      const shown = Array.isArray(spec.default) ? spec.default.join(',') : String(spec.default ?? '');
      const fallback = spec.boolean === true || shown === '' ? '' : ` (default ${shown})`;
      return { flag, text: `${spec.help}${fallback}` };
    });
  const width = Math.max(0, ...rows.map(({ flag }) => flag.length));
  return rows.map(({ flag, text }) => `  ${flag.padEnd(width)}  ${text}`).join('\n');
}
