import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventually } from '#test/support/eventually.ts';

const ROOT = join(import.meta.dirname, '../../..');
const COMPILED = join(ROOT, '.cache/compile');

export interface ProgramOptions {
  /** Run in this network namespace. */
  readonly netns?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  /** A program for Node to run before this one, as `--require` takes it. */
  readonly preload?: string;
  /** Standard error goes to this open file; else it is kept and `stderr` gives it. */
  readonly stderrTo?: number;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A process of its own, and what it said. */
export class Program {
  readonly #child: ChildProcess;
  #stdout = '';
  #stderr = '';
  readonly ended: Promise<Ended>;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.#stdout += chunk.toString();
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    this.ended = once(child, 'close').then(() => ({
      code: child.exitCode,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** The real skiff, from source. */
  static start(args: readonly string[], { netns, preload, ...options }: ProgramOptions = {}): Program {
    const required = preload === undefined ? [] : ['--require', preload];
    const command = [process.execPath, '--no-warnings', ...required, join(ROOT, 'src/main.ts'), ...args];
    const [file = '', ...rest] = netns === undefined ? command : ['nsenter', `--net=${netns}`, '--', ...command];
    return Program.spawn(file, rest, options);
  }

  static spawn(file: string, args: readonly string[], { env, uid, stderrTo }: ProgramOptions = {}): Program {
    return new Program(
      spawn(file, args, {
        stdio: ['ignore', 'pipe', stderrTo ?? 'pipe'],
        // With the cache it starts in half the time; others than root cannot write to it.
        env: { PATH: process.env['PATH'], ...(uid === undefined && { NODE_COMPILE_CACHE: COMPILED }), ...env },
        ...(uid !== undefined && { uid, gid: uid }),
      }),
    );
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves once it has logged this; rejects as soon as it has ended without. */
  async logged(text: string | RegExp, withinMs = 20_000): Promise<void> {
    const has = () => (typeof text === 'string' ? this.#stderr.includes(text) : text.test(this.#stderr));
    await eventually(
      () => {
        if (!has() && this.isRunning) throw new Error(`It has not logged ${text} yet:\n${this.#stderr}`);
      },
      { withinMs },
    );
    if (!has()) throw new Error(`It ended without logging ${text}:\n${this.#stderr}`);
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name);
  }

  /** Asks it to end, and tells how that went and how long it took. */
  async stop(name: NodeJS.Signals = 'SIGTERM'): Promise<Ended & { durationMs: number }> {
    const from = Date.now();
    this.signal(name);
    return { ...(await this.ended), durationMs: Date.now() - from };
  }

  /** For the end of a test: it is gone afterwards, whatever it did. */
  async kill(): Promise<void> {
    if (this.isRunning) this.signal('SIGKILL');
    await this.ended;
  }
}

/** Runs the program to its end. */
export function runProgram(args: readonly string[], options?: ProgramOptions): Promise<Ended> {
  return Program.start(args, options).ended;
}
