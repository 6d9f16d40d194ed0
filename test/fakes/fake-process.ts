import { readFile } from 'node:fs/promises';
import { PassThrough } from 'node:stream';

export interface FakeProcessOptions {
  command: readonly string[];
  env: Readonly<Record<string, string>>;
  hostname: string;
  /** Turns a path in the container into one of the test's machine; undefined if nothing is mounted there. */
  resolvePath: (path: string) => string | undefined;
  hasStdin: boolean;
}

const KILLED = Symbol('killed');

/**
 * A process that understands just enough shell for tests: `echo`, `cat`, `sleep`, `exit`, `hostname`, `true`, `false`, `wait`,
 * `trap 'exit N' TERM`, separated by `;`, with `$NAME`, quotes, `>&2` and a trailing `&`. Anything else runs until it is stopped.
 */
export class FakeProcess {
  readonly stdin = new PassThrough();
  readonly exitCode: Promise<number>;
  readonly #options: FakeProcessOptions;
  readonly #onOutput: (stream: 'stdout' | 'stderr', text: string) => void;
  readonly #killed = Promise.withResolvers<never>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #exitOnTerm: number | undefined;

  constructor(options: FakeProcessOptions, onOutput: (stream: 'stdout' | 'stderr', text: string) => void) {
    this.#options = options;
    this.#onOutput = onOutput;
    if (!options.hasStdin) this.stdin.end();
    this.#killed.promise.catch(() => {});
    this.exitCode = Promise.race([this.#run(), this.#killed.promise]).catch((error) => {
      if (typeof error === 'object' && KILLED in error) return error[KILLED] as number;
      throw error;
    });
    void this.exitCode.finally(() => {
      for (const timer of this.#timers) clearTimeout(timer);
      this.stdin.destroy();
    });
  }

  /** TERM is ignored by a shell that does not trap it, as by any process 1. */
  signal(name: 'TERM' | 'KILL'): void {
    if (name === 'KILL') this.end(137);
    else if (this.#exitOnTerm !== undefined) this.end(this.#exitOnTerm);
  }

  end(code: number): void {
    this.#killed.reject({ [KILLED]: code });
  }

  async #run(): Promise<number> {
    const { command } = this.#options;
    const isShell = command[0] === 'sh' && command[1] === '-c';
    if (!isShell && !BUILTINS.has(command[0] ?? '')) {
      this.#exitOnTerm = 0;
      return this.#forever();
    }
    const statements = isShell ? splitStatements(command[2] ?? '') : [[...command]];
    let code = 0;
    for (const statement of statements) {
      const words = statement.map((word) => this.#expand(word));
      if (words[0] === 'exit') return Number(words[1] ?? code);
      code = await this.#execute(words);
    }
    return code;
  }

  async #execute(words: string[]): Promise<number> {
    const target = words.includes('>&2') ? 'stderr' : 'stdout';
    const [name = '', ...args] = words.filter((word) => word !== '>&2');
    switch (name) {
      case 'true':
      case 'false':
        return name === 'true' ? 0 : 1;
      case 'echo':
        this.#onOutput(target, `${args.join(' ')}\n`);
        return 0;
      case 'hostname':
        this.#onOutput(target, `${this.#options.hostname}\n`);
        return 0;
      case 'trap':
        this.#exitOnTerm = Number(/^exit (\d+)$/.exec(args[0] ?? '')?.[1] ?? 0);
        return 0;
      case 'sleep':
        if (args.at(-1) !== '&') await this.#sleep(Number(args[0]) * 1000);
        return 0;
      case 'cat':
        return this.#cat(args[0]);
      default:
        return this.#forever();
    }
  }

  async #cat(path: string | undefined): Promise<number> {
    if (path === undefined) {
      for await (const chunk of this.stdin) this.#onOutput('stdout', String(chunk));
      return 0;
    }
    const source = this.#options.resolvePath(path);
    if (source === undefined) {
      this.#onOutput('stderr', `cat: can't open '${path}': No such file or directory\n`);
      return 1;
    }
    this.#onOutput('stdout', await readFile(source, 'utf8'));
    return 0;
  }

  #expand(word: string): string {
    return word.replace(/\$(\w+)/g, (_, name: string) => this.#options.env[name] ?? '');
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.#timers.add(setTimeout(resolve, ms)));
  }

  #forever(): Promise<never> {
    return new Promise(() => {});
  }
}

const BUILTINS = new Set(['true', 'false', 'echo', 'hostname', 'sleep', 'cat']);

/** Statements of words; quotes keep words together. */
function splitStatements(script: string): string[][] {
  const statements: string[][] = [[]];
  for (const [token] of script.matchAll(/'[^']*'|"[^"]*"|;|[^\s;'"]+/g)) {
    if (token === ';') statements.push([]);
    else statements.at(-1)?.push(/^['"]/.test(token) ? token.slice(1, -1) : token);
  }
  return statements.filter((words) => words.length > 0);
}
