import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { run } from '#base/process.ts';

export interface HttpAnswer {
  status: number;
  body: string;
}

export interface LoadReport {
  sent: number;
  /** How often each answer of status 200 came. */
  bodies: Record<string, number>;
  /** One line for each request that did not get 200. */
  failures: string[];
}

export interface Load {
  /** Ends the load once every request in flight has its answer. */
  stop(): Promise<LoadReport>;
}

const PROGRAM = join(import.meta.dirname, 'http-program.ts');

const inside = (netns: string, args: readonly string[]) => [
  `--net=/run/netns/${netns}`,
  '--',
  process.execPath,
  PROGRAM,
  ...args,
];

/** Asks from within a machine of the lab. */
export async function httpGet({ netns }: { netns: string }, url: string): Promise<HttpAnswer> {
  return JSON.parse(await run('nsenter', inside(netns, [url]), { timeoutMs: 10_000 })) as HttpAnswer;
}

/** Asks at a constant rate from within a machine of the lab until it is told to stop. */
export function startLoad({ netns }: { netns: string }, url: string, { everyMs = 25 } = {}): Load {
  const child = spawn('nsenter', inside(netns, [url, '--every-ms', String(everyMs)]), {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const output = text(child.stdout);
  const ended = once(child, 'exit');
  return {
    async stop() {
      child.stdin.end();
      await ended;
      return JSON.parse(await output) as LoadReport;
    },
  };
}
