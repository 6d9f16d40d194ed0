import { configMaps } from '#api/core/v1.ts';
import { eventually } from '#test/support/eventually.ts';
import type { BenchContext, Benchmark, Measurement } from './benchmark.ts';
import { type ControlPlane, startBareServer, startControlPlane } from './control-plane.ts';
import { LoadClient, type LoadRequest } from './load-client.ts';
import { median } from './statistics.ts';

// Method. 200 watchers, ten to a connection, watch the ConfigMaps of one namespace. 16 clients change a ConfigMap of 1 KB each,
// one change after the other; the clock runs from the first change until every watcher has been sent all of them.
// - The reference is the least server there can be: each request makes it write the same bytes to 200 streams; nothing is
//   stored, decided or encoded.
// Rounds alternate between the two; the number is the median of the rounds. Every watcher's events are counted.

const WATCHERS = 200;
const CONNECTIONS = 20;
const WRITERS = 16;
const CHANGES = 320;
const ROUNDS = 5;

interface Contender {
  writers: readonly LoadClient[];
  change(writer: number, serial: number): LoadRequest;
  /** Per watcher: events that it was sent so far. */
  counts: number[];
}

export const watch: Benchmark = {
  name: 'watch',
  summary: 'events per second to 200 watchers, against writing prepared bytes to 200 streams',
  async *run(ctx): AsyncIterable<Measurement> {
    const own = await openOwn(ctx);
    const bare = await openBare(ctx, own.event);
    const rates = { own: [] as number[], bare: [] as number[] };
    for (const contender of [own, bare]) await deliver(contender);
    for (let round = 0; round < ROUNDS; round++) {
      ctx.signal.throwIfAborted();
      rates.own.push(await deliver(own));
      rates.bare.push(await deliver(bare));
    }
    yield { name: 'events_per_second_200', value: median(rates.own), unit: 'events/s', reference: median(rates.bare) };
  },
};

async function openOwn(ctx: BenchContext): Promise<Contender & { event: Buffer }> {
  const { url, credentials, client } = await startControlPlane(ctx);
  const config = (writer: number, serial: number) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: `config-${writer}`, namespace: 'default' },
    data: { text: `${serial}`.padEnd(1000, '.') },
  });
  for (let writer = 0; writer < WRITERS; writer++) await client.create(configMaps, config(writer, 0));
  const { metadata } = await client.list(configMaps, { namespace: 'default' });
  const path = '/api/v1/namespaces/default/configmaps';
  const counts = await openWatches(
    ctx,
    { url, credentials },
    `${path}?watch=1&resourceVersion=${metadata.resourceVersion}`,
  );
  const object = await client.get(configMaps, { namespace: 'default', name: 'config-0' });
  return {
    writers: await connect(ctx, { url, credentials }, WRITERS),
    counts,
    event: Buffer.from(`${JSON.stringify({ type: 'MODIFIED', object })}\n`),
    change: (writer, serial) => ({
      method: 'PUT',
      path: `${path}/config-${writer}`,
      body: Buffer.from(JSON.stringify(config(writer, serial))),
    }),
  };
}

async function openBare(ctx: BenchContext, event: Buffer): Promise<Contender> {
  const server = await startBareServer(ctx, event);
  const counts = await openWatches(ctx, server, '/watch');
  return {
    writers: await connect(ctx, server, WRITERS),
    counts,
    change: () => ({ method: 'POST', path: '/emit', body: event }),
  };
}

type Server = Pick<ControlPlane, 'url' | 'credentials'>;

async function connect(ctx: BenchContext, { url, credentials }: Server, count: number): Promise<LoadClient[]> {
  const clients = await Promise.all(Array.from({ length: count }, () => LoadClient.connect(url, credentials)));
  for (const client of clients) ctx.onEnd(() => client.close());
  return clients;
}

/** Counts by line, as every event is one. */
async function openWatches(ctx: BenchContext, server: Server, path: string): Promise<number[]> {
  const clients = await connect(ctx, server, CONNECTIONS);
  const counts: number[] = new Array(WATCHERS).fill(0);
  const opening = counts.map((_, watcher) =>
    clients[watcher % CONNECTIONS]?.watch(path, (chunk) => {
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1))
        counts[watcher] = (counts[watcher] ?? 0) + 1;
    }),
  );
  await Promise.all(opening);
  return counts;
}

async function deliver({ writers, change, counts }: Contender): Promise<number> {
  const wanted = counts.map((count) => count + CHANGES);
  const start = performance.now();
  const work = async (client: LoadClient, writer: number) => {
    for (let serial = 0; serial < CHANGES / WRITERS; serial++) await client.measure(change(writer, serial + start));
  };
  await Promise.all(writers.map(work));
  await eventually(
    () => {
      if (counts.some((count, watcher) => count < (wanted[watcher] ?? 0))) throw new Error('events are missing');
    },
    { withinMs: 30_000, everyMs: 2 },
  );
  const seconds = (performance.now() - start) / 1000;
  if (counts.some((count, watcher) => count !== wanted[watcher]))
    throw new Error('Watchers were sent more than there was');
  return (CHANGES * WATCHERS) / seconds;
}
