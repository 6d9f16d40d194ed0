import { Agent, request } from 'node:http';
import { setInterval as every } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { HttpAnswer, LoadReport } from './http.ts';

/** Runs inside a machine of the lab: asks once, or at a constant rate until its input ends; prints what came of it as JSON. */
const { values, positionals } = parseArgs({ allowPositionals: true, options: { 'every-ms': { type: 'string' } } });
const [url = ''] = positionals;
const report =
  values['every-ms'] === undefined ? await get(url, { timeoutMs: 5000 }) : await load(url, Number(values['every-ms']));
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(0);

/** Each request has a connection of its own, so that each is balanced anew and none hides in a connection from before. */
function get(target: string, { timeoutMs }: { timeoutMs: number }): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(target, { agent: new Agent({ keepAlive: false }) }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    const timer = setTimeout(() => asked.destroy(new Error(`no answer within ${timeoutMs} ms`)), timeoutMs);
    asked.on('error', reject);
    asked.on('close', () => clearTimeout(timer));
    asked.end();
  });
}

async function load(target: string, everyMs: number): Promise<LoadReport> {
  const report: LoadReport = { sent: 0, bodies: {}, failures: [] };
  const running = new Set<Promise<void>>();
  const stopped = new AbortController();
  process.stdin.on('end', () => stopped.abort()).resume();
  const one = async () => {
    const at = new Date();
    const failed = (why: string) =>
      report.failures.push(`${at.toISOString()} after ${Date.now() - at.getTime()} ms: ${why}`);
    try {
      const { status, body } = await get(target, { timeoutMs: 5000 });
      if (status !== 200) failed(`status ${status}`);
      else report.bodies[body.trim()] = (report.bodies[body.trim()] ?? 0) + 1;
    } catch (error) {
      failed((error as Error).message);
    }
  };
  try {
    for await (const _ of every(everyMs, undefined, { signal: stopped.signal })) {
      // A server that hangs must not make the load grow without end.
      if (running.size >= 200) continue;
      report.sent++;
      const asked: Promise<void> = one().finally(() => running.delete(asked));
      running.add(asked);
    }
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
  }
  await Promise.all(running);
  return report;
}
