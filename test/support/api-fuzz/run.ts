import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import type { TestServer } from '../test-server.ts';
import type { FuzzOutcome, FuzzTask } from './worker.ts';

export interface FuzzRange {
  readonly seed: number;
  /** Number of the first request. */
  readonly from: number;
  readonly count: number;
}

const CONNECTIONS = 8;

/** Sends numbered requests to a server, several at a time. */
export async function fuzz({ url, ca, adminCertificate }: TestServer, range: FuzzRange): Promise<FuzzOutcome> {
  const { cert, key } = adminCertificate;
  const workerData: FuzzTask = { target: { url, ca, cert, key, connections: CONNECTIONS }, ...range };
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData, execArgv: [] });
  const [outcome] = await once(worker, 'message');
  await worker.terminate();
  return outcome as FuzzOutcome;
}

/** Bytes of this thread's heap that are still in use after all garbage is gone. */
export function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) gc();
  return process.memoryUsage().heapUsed;
}
