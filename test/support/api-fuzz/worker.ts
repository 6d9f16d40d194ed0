/** The client's side of a fuzz run, on a thread of its own so that the server's can be measured. */
import { parentPort, workerData } from 'node:worker_threads';
import { type FuzzRequest, Requests } from './requests.ts';
import { Sender, type SenderOptions } from './sender.ts';
import { describeRequest, shrink } from './shrink.ts';

export interface FuzzTask {
  readonly target: SenderOptions;
  readonly seed: number;
  readonly from: number;
  readonly count: number;
}

export interface FuzzFailure {
  readonly index: number;
  readonly problem: string;
  readonly request: string;
  /** The least that still fails when it is sent alone; absent when it took the requests before it. */
  readonly shrunk: string | undefined;
}

export interface FuzzOutcome {
  readonly failures: readonly FuzzFailure[];
  /** How many answers had which code. */
  readonly codes: Readonly<Record<string, number>>;
  readonly slowestMs: number;
  readonly slowest: string;
}

const MAX_FAILURES = 20;

async function run({ target, seed, from, count }: FuzzTask): Promise<FuzzOutcome> {
  const requests = new Requests(seed);
  const sender = new Sender(target);
  const failed: { index: number; problem: string }[] = [];
  const codes: Record<string, number> = {};
  let [next, slowestMs, slowest] = [from, 0, -1];
  const lane = async () => {
    while (next < from + count && failed.length < MAX_FAILURES) {
      const index = next++;
      const { code, milliseconds, problem } = await sender.send(requests.at(index));
      codes[code] = (codes[code] ?? 0) + 1;
      if (milliseconds > slowestMs) [slowestMs, slowest] = [milliseconds, index];
      if (problem !== undefined) failed.push({ index, problem });
    }
  };
  await Promise.all(Array.from({ length: target.connections }, lane));
  const failures: FuzzFailure[] = [];
  for (const { index, problem } of failed) {
    const request = requests.at(index);
    const fails = async (candidate: FuzzRequest) =>
      likeness((await sender.send(candidate)).problem) === likeness(problem);
    const alone = (await fails(request)) ? await shrink(request, fails) : undefined;
    failures.push({ index, problem, request: describeRequest(request), shrunk: alone && describeRequest(alone) });
  }
  sender.close();
  return {
    failures,
    codes,
    slowestMs,
    slowest: slowest < 0 ? '' : describeRequest(requests.at(slowest)).slice(0, 400),
  };
}

/** What two failures have in common that have the same cause: their first words. */
function likeness(problem: string | undefined): string | undefined {
  return problem?.replace(/\d+|".*/g, '').slice(0, 60);
}

parentPort?.postMessage(await run(workerData as FuzzTask));
