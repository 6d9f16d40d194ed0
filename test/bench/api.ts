import { setTimeout as sleep } from 'node:timers/promises';
import type { Pod } from '#api/core/v1.ts';
import { pods } from '#api/core/v1.ts';
import type { BenchContext, Benchmark, Measurement } from './benchmark.ts';
import { type ControlPlane, startBareServer, startControlPlane } from './control-plane.ts';
import { LoadClient, type LoadRequest } from './load-client.ts';
import { median, percentile } from './statistics.ts';

// Method. The executable serves 5,000 pods of usual size over TLS and HTTP/2. Clients, each on a connection of its own, send
// one request after the other: 8 of them GET, create and update pods, 2 list all of them. Creates and updates are durable
// before they are answered. Nothing runs on a node, and the pods name a scheduler that is not there, so that the server has
// only the load to do.
// - The reference is the least server there can be (`bare-server.ts`): for the same request it sends the same bytes, made
//   beforehand, to the same client. It has no state, no rights and no disk.
// Rounds alternate between the two; each number is the median of the rounds. Clients and server share the processors.

const PODS = 5000;
const ROUNDS = 5;
const ROUND_MS = 1500;

interface Kind {
  name: string;
  clients: number;
  /** The next request of one client. */
  next(client: number): LoadRequest;
  /** An answer as the bare server is to give it. */
  sample: Buffer;
}

interface Round {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
}

export const api: Benchmark = {
  name: 'api',
  summary: 'GET, LIST of 5,000 pods, create and update over HTTPS, against sending prepared bytes',
  async *run(ctx): AsyncIterable<Measurement> {
    const own = await startControlPlane(ctx);
    await fill(ctx, own);
    const client = await LoadClient.connect(own.url, own.credentials);
    ctx.onEnd(() => client.close());
    for (const kind of await kinds(client)) yield* compare(ctx, own, kind);
  },
};

async function fill(ctx: BenchContext, { client }: ControlPlane): Promise<void> {
  ctx.note(`creating ${PODS} pods`);
  let next = 0;
  const worker = async () => {
    while (next < PODS) await client.create(pods, usualPod(`pod-${next++}`), { signal: ctx.signal });
  };
  await Promise.all(Array.from({ length: 32 }, worker));
}

async function kinds(client: LoadClient): Promise<Kind[]> {
  const collection = '/api/v1/namespaces/default/pods';
  const one = await client.send({ method: 'GET', path: `${collection}/pod-0` });
  const list = await client.send({ method: 'GET', path: '/api/v1/pods' });
  const { items } = JSON.parse(list.toString()) as { items: Pod[] };
  if (items.length !== PODS) throw new Error(`The list has ${items.length} pods of ${PODS}`);
  const byName = new Map(items.map((pod) => [pod.metadata.name, pod]));
  let serial = 0;
  // Each client has pods of its own, so that none is in another's way.
  const mine = (index: number) => `pod-${index * 500 + (serial++ % 500)}`;
  return [
    {
      name: 'get',
      clients: 8,
      sample: one,
      next: (index) => ({ method: 'GET', path: `${collection}/${mine(index)}` }),
    },
    { name: 'list', clients: 2, sample: list, next: () => ({ method: 'GET', path: '/api/v1/pods' }) },
    {
      name: 'update',
      clients: 8,
      sample: one,
      next(index) {
        const name = mine(index);
        return { method: 'PUT', path: `${collection}/${name}`, body: toBody(changed(byName.get(name), serial)) };
      },
    },
    {
      name: 'create',
      clients: 8,
      sample: one,
      next: () => ({ method: 'POST', path: collection, body: toBody(usualPod(`more-${serial++}`)) }),
    },
  ];
}

/** Without a resourceVersion: whatever it is now is replaced. */
function changed(pod: Pod | undefined, serial: number): Pod {
  if (pod === undefined) throw new Error('There is no such pod');
  const { resourceVersion: _, ...metadata } = pod.metadata;
  return { ...pod, metadata: { ...metadata, annotations: { 'bench.example/serial': String(serial) } } };
}

function toBody(pod: Pod): Buffer {
  return Buffer.from(JSON.stringify(pod));
}

async function* compare(ctx: BenchContext, own: ControlPlane, kind: Kind): AsyncIterable<Measurement> {
  const bare = await startBareServer(ctx, kind.sample);
  const servers = { own, bare };
  const clients: Record<string, LoadClient[]> = {};
  for (const [name, { url, credentials }] of Object.entries(servers)) {
    const connecting = Array.from({ length: kind.clients }, () => LoadClient.connect(url, credentials));
    clients[name] = await Promise.all(connecting);
  }
  try {
    const rounds = { own: [] as Round[], bare: [] as Round[] };
    for (const name of ['own', 'bare'] as const) await load(clients[name] ?? [], kind, ROUND_MS / 2);
    for (let round = 0; round < ROUNDS; round++) {
      for (const name of ['own', 'bare'] as const) {
        ctx.signal.throwIfAborted();
        await sleep(100);
        rounds[name].push(await load(clients[name] ?? [], kind, ROUND_MS));
      }
    }
    yield* results(kind.name, rounds);
  } finally {
    for (const client of Object.values(clients).flat()) client.close();
    await bare.stop();
  }
}

function* results(name: string, { own, bare }: Record<'own' | 'bare', Round[]>): Iterable<Measurement> {
  const fields = [
    ['per_second', 'perSecond', 'requests/s'],
    ['p50_ms', 'p50Ms', 'ms'],
    ['p99_ms', 'p99Ms', 'ms'],
  ] as const;
  for (const [suffix, field, unit] of fields) {
    const middle = (rounds: readonly Round[]) => median(rounds.map((round) => round[field]));
    yield { name: `${name}_${suffix}`, value: middle(own), unit, reference: middle(bare) };
  }
}

/** Answers must be as long as the sample, give or take what differs between pods; another length is another answer. */
async function load(clients: readonly LoadClient[], { name, next, sample }: Kind, forMs: number): Promise<Round> {
  const latencies: number[] = [];
  const start = performance.now();
  const work = async (client: LoadClient, index: number) => {
    while (performance.now() - start < forMs) {
      const request = next(index);
      const asked = performance.now();
      const size = await client.measure(request);
      latencies.push(performance.now() - asked);
      if (Math.abs(size - sample.length) > 200 + sample.length / 10) {
        throw new Error(`${name}: an answer has ${size} bytes and should have about ${sample.length}`);
      }
    }
  };
  await Promise.all(clients.map(work));
  const seconds = (performance.now() - start) / 1000;
  return { perSecond: latencies.length / seconds, p50Ms: percentile(latencies, 50), p99Ms: percentile(latencies, 99) };
}

/** Like the pods of a web application, with what its template usually says. */
function usualPod(name: string): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      labels: {
        'app.kubernetes.io/name': 'shop',
        'app.kubernetes.io/component': 'web',
        'pod-template-hash': '5d4f8c7b9d',
      },
    },
    spec: {
      schedulerName: 'bench-none',
      containers: [
        {
          name: 'web',
          image: 'registry.example/shop/web:1.27.3',
          ports: [{ name: 'http', containerPort: 8080 }],
          env: [
            { name: 'GREETING', value: 'hello' },
            { name: 'POD_NAME', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
          ],
          resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '128Mi' } },
          readinessProbe: { httpGet: { path: '/healthz', port: 'http' }, periodSeconds: 5 },
        },
      ],
    },
  };
}
