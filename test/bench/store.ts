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

// Method. N writers each write a 2 KB value, wait until it is durable, and write the next one; 5,000 keys take turns, so most
// writes replace something. Every write is what an API server makes: on condition of the key's last revision, and with one
// watcher that is given every event with the value before it; both sides do exactly that.
// - Our store runs as in the server: in this process, through its public interface, its disk work on its own thread. It
//   forgets history beyond its default limit meanwhile; etcd keeps all.
// - The reference is Debian's etcd with its own defaults (which sync every batch), on the same disk, over loopback without
//   TLS. Its client does little more than write and read frames, and shares the processors with etcd as our callers do with
//   our store. That hop is part of how etcd is used and is counted.
// Rounds alternate between the two, so that a slow spell of the disk hits both; each number is the median of the rounds.
// Revisions and watched events must add up to the acknowledged writes, on both sides.

const VALUE_BYTES = 2048;
const KEYS = 5000;
const ROUNDS = 7;
const ROUND_MS = 1500;
const WARM_UP_MS = 1000;

interface Contender {
  /** Resolves with the revision once the write is durable; rejects if the key's revision is not the expected one. */
  put(key: string, value: Buffer, expected: number): Promise<number>;
  /** Events that the watcher was given so far. */
  watched(): number;
  /** The revision of each key's last write, 0 for none. */
  revisions: number[];
}

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

async function openOwnStore(ctx: BenchContext): Promise<Contender> {
  const path = join(ctx.folder, 'own', 'state.db');
  const kvStore = new SqliteKvStore({ path, log: createLogger({ level: 'warn' }) });
  ctx.onEnd(() => kvStore.stop());
  await kvStore.start(ctx.signal);
  let watched = 0;
  await kvStore.watch({ prefix: '/', afterRevision: 0 }, (events) => {
    watched += events.length;
  });
  return {
    async put(key, value, expected) {
      const result = await kvStore.write({ type: 'put', key, value, expect: { modRevision: expected } });
      if (!result.ok) throw new Error('The store found another revision than expected');
      return result.revision;
    },
    watched: () => watched,
    revisions: new Array(KEYS).fill(0),
  };
}

async function openEtcd(ctx: BenchContext): Promise<Contender> {
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
  await eventually(() => client.put('ready', Buffer.alloc(0), 0));
  let watched = 0;
  client.watch((count) => {
    watched += count;
  });
  return {
    put: (key, value, expected) => client.put(key, value, expected),
    watched: () => watched,
    revisions: new Array(KEYS).fill(0),
  };
}

/** Writes as fast as the answers come. Each writer has keys of its own, so expectations always hold. */
async function load(contender: Contender, { writers, forMs }: { writers: number; forMs: number }): Promise<Round> {
  const { revisions } = contender;
  const value = randomBytes(VALUE_BYTES);
  const latencies: number[] = [];
  const watchedBefore = contender.watched();
  const first = Math.max(...revisions);
  const start = performance.now();
  const write = async (writer: number) => {
    for (let index = writer; performance.now() - start < forMs; index = (index + writers) % (KEYS - (KEYS % writers))) {
      const asked = performance.now();
      revisions[index] = await contender.put(keyOf(index), value, revisions[index] ?? 0);
      latencies.push(performance.now() - asked);
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, writer) => write(writer)));
  const seconds = (performance.now() - start) / 1000;
  const advanced = Math.max(...revisions) - first;
  // etcd counts from 1 and the first write of all only shows that it is ready.
  if (first > 0 && advanced !== latencies.length) {
    throw new Error(`${latencies.length} writes were acknowledged, but revisions advanced by ${advanced}`);
  }
  await eventually(() => {
    const watched = contender.watched() - watchedBefore;
    if (watched !== latencies.length)
      throw new Error(`${latencies.length} writes were acknowledged, ${watched} were watched`);
  });
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
