import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createLogger } from '#base/logger.ts';
import { SqliteKvStore } from '#kvstore/sqlite/sqlite-kvstore.ts';
import { eventually } from '#test/support/eventually.ts';
import type { BenchContext, Benchmark, Measurement } from './benchmark.ts';
import { ensureProgram, freePort, startChild } from './children.ts';
import { EtcdClient } from './etcd-client.ts';
import { median, percentile } from './statistics.ts';

// Method. N writers each put a 2 KB value, wait until it is durable, and put the next one; 5,000 keys take turns, so most
// puts replace something. The store runs as in the server: in this process, through its public interface, its disk work on
// its own thread, with one watcher. The reference is Debian's etcd with its own defaults (which sync every batch), on the
// same disk, over loopback without TLS, by a client that does little more than write frames; what is left of its work
// runs on the processors that etcd shares, as our callers do with our store. That hop is part of how etcd is used and is
// counted. Our store forgets history
// beyond its default limit while it is measured, etcd keeps all. Rounds alternate between the two, so that a slow spell of the disk hits both; each number is the median of the
// rounds. The revisions at the end must add up to the writes that were acknowledged, on both sides.

const VALUE_BYTES = 2048;
const KEYS = 5000;
const ROUNDS = 7;
const ROUND_MS = 1500;
const WARM_UP_MS = 1000;

type Put = (key: string, value: Buffer) => Promise<number>;

interface Round {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export const store: Benchmark = {
  name: 'store',
  summary: 'durable writes per second with 1 and 64 writers, against etcd',
  async *run(ctx): AsyncIterable<Measurement> {
    const contenders = { own: await openOwnStore(ctx), etcd: await openEtcd(ctx) };
    for (const writers of [1, 64]) {
      const rounds = { own: [] as Round[], etcd: [] as Round[] };
      for (const name of ['own', 'etcd'] as const) await load(contenders[name], { writers, forMs: WARM_UP_MS });
      for (let round = 0; round < ROUNDS; round++) {
        for (const name of ['own', 'etcd'] as const) {
          ctx.signal.throwIfAborted();
          rounds[name].push(await load(contenders[name], { writers, forMs: ROUND_MS }));
        }
      }
      for (const name of ['own', 'etcd'] as const) ctx.note(`${name}, ${writers} writers: ${describe(rounds[name])}`);
      yield {
        name: `durable_writes_${writers}`,
        value: median(rounds.own.map(({ perSecond }) => perSecond)),
        unit: 'writes/s',
        reference: median(rounds.etcd.map(({ perSecond }) => perSecond)),
      };
    }
  },
};

async function openOwnStore(ctx: BenchContext): Promise<Put> {
  const kvStore = new SqliteKvStore({
    path: join(ctx.folder, 'own', 'state.db'),
    log: createLogger({ level: 'warn' }),
  });
  ctx.onEnd(() => kvStore.stop());
  await kvStore.start(ctx.signal);
  await kvStore.watch({ prefix: '', afterRevision: 0 }, () => {});
  return async (key, value) => {
    const result = await kvStore.write({ type: 'put', key, value });
    if (!result.ok) throw new Error('The store refused a put');
    return result.revision;
  };
}

async function openEtcd(ctx: BenchContext): Promise<Put> {
  await ensureProgram(ctx, 'etcd', 'etcd-server');
  const [clientPort, peerPort] = [await freePort(), await freePort()];
  const [clientUrl, peerUrl] = [`http://127.0.0.1:${clientPort}`, `http://127.0.0.1:${peerPort}`];
  const dataFolder = join(ctx.folder, 'etcd');
  await mkdir(dataFolder, { mode: 0o700 });
  const etcd = startChild(ctx, 'etcd', [
    `--data-dir=${dataFolder}`,
    `--listen-client-urls=${clientUrl}`,
    `--advertise-client-urls=${clientUrl}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    '--logger=zap',
    '--log-level=error',
  ]);
  const client = await eventually(() => {
    etcd.requireRunning();
    return EtcdClient.connect(clientPort);
  });
  ctx.onEnd(() => client.close());
  await eventually(() => client.put('ready', Buffer.alloc(0)));
  return (key, value) => client.put(key, value);
}

/** Writes as fast as the answers come. */
async function load(put: Put, { writers, forMs }: { writers: number; forMs: number }): Promise<Round> {
  const value = randomBytes(VALUE_BYTES);
  const latencies: number[] = [];
  const first = await put(keyOf(0), value);
  const start = performance.now();
  let last = first;
  let next = 1;
  await Promise.all(
    Array.from({ length: writers }, async () => {
      while (performance.now() - start < forMs) {
        const asked = performance.now();
        const revision = await put(keyOf(next++), value);
        latencies.push(performance.now() - asked);
        last = Math.max(last, revision);
      }
    }),
  );
  const seconds = (performance.now() - start) / 1000;
  if (last - first !== latencies.length) {
    throw new Error(`${latencies.length} writes were acknowledged, but revisions advanced by ${last - first}`);
  }
  return { perSecond: latencies.length / seconds, p50Ms: percentile(latencies, 50), p99Ms: percentile(latencies, 99) };
}

/** Neighbours in time are no neighbours in order, as with objects of many namespaces. */
function keyOf(index: number): string {
  return `/registry/pods/default/pod-${(index * 7919) % KEYS}`;
}

function describe(rounds: readonly Round[]): string {
  const middle = (pick: (round: Round) => number) => median(rounds.map(pick)).toFixed(2);
  const each = rounds.map(({ perSecond }) => Math.round(perSecond)).join(', ');
  return `${each} writes/s; p50 ${middle(({ p50Ms }) => p50Ms)} ms, p99 ${middle(({ p99Ms }) => p99Ms)} ms`;
}
