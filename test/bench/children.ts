import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { run } from '#base/process.ts';
import type { BenchContext } from './benchmark.ts';

export interface ChildOptions {
  /** Confines the program to these processors ("0", "0-1"), so that it and its load do not take each other's time. */
  cpus?: string;
  env?: NodeJS.ProcessEnv;
}

/** A program that runs until the benchmark ends; what it says is kept for when it fails. */
export interface Child {
  readonly process: ChildProcess;
  /** The last part of its standard output and standard error. */
  output(): string;
  /** Throws with its output once the program has ended. */
  requireRunning(): void;
  /** Asks it to end, insists after a while, and resolves when it is gone. */
  stop(): Promise<void>;
}

const OUTPUT_KEPT = 16_384;
const GRACE_MS = 5_000;

/** Starts a program and makes sure that it is gone when the benchmark ends. */
export function startChild(
  ctx: BenchContext,
  file: string,
  args: readonly string[],
  { cpus, env }: ChildOptions = {},
): Child {
  const [program, ...rest] = cpus === undefined ? [file, ...args] : ['taskset', '-c', cpus, file, ...args];
  const child = spawn(program ?? file, rest, { stdio: ['ignore', 'pipe', 'pipe'], ...(env && { env }) });
  let output = '';
  const keep = (chunk: Buffer) => {
    output = (output + chunk).slice(-OUTPUT_KEPT);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.on('error', (error) => keep(Buffer.from(String(error))));
  const exited = new Promise<void>((resolve) => {
    child.once('close', () => resolve());
  });
  const isGone = () => child.exitCode !== null || child.signalCode !== null || child.pid === undefined;
  const stop = async () => {
    if (isGone()) return;
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
    await exited;
    clearTimeout(insist);
  };
  ctx.onEnd(stop);
  return {
    process: child,
    output: () => output,
    requireRunning() {
      if (isGone()) throw new Error(`"${file}" ended: ${output}`);
    },
    stop,
  };
}

/** Installs a Debian package unless the program it brings is there already. */
export async function ensureProgram(ctx: BenchContext, program: string, debianPackage: string): Promise<void> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  if (folders.some((folder) => existsSync(join(folder, program)))) return;
  ctx.note(`installing ${debianPackage}`);
  // The package starts a service of its own at once; only the program is wanted.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  const install = ['install', '-y', '-q', '--no-install-recommends', debianPackage];
  await run('apt-get', install, { env, signal: ctx.signal }).catch(async () => {
    await run('apt-get', ['update', '-q'], { env, signal: ctx.signal });
    await run('apt-get', install, { env, signal: ctx.signal });
  });
}

/** A TCP port on the loopback address that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
