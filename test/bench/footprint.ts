import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { constants, createZstdCompress } from 'node:zlib';
import type { BenchContext, Benchmark, Measurement } from './benchmark.ts';
import { buildExecutable } from './executable.ts';
import { processesOf, type Usage, usageOf } from './processes.ts';
import { createUntilReady, nodeReady, oneNodeLab, type Skiff, startSkiff } from './skiff-node.ts';

// Method. Server and agent run as one process on a machine of their own; after the node is Ready they are left alone for 30 s to
// settle, then watched for 60 s: memory at the end, processor time and bytes sent to the disk in between, helper programs
// included. Once without any pod and once with 20 that do nothing.
// - The reference is the machine's Docker over the same time: `dockerd` and its `containerd`.
// - The executable's size is compared with the Node it is made of; both are compressed by zstd at level 9.

const SETTLE_MS = 30_000;
const WATCH_MS = 60_000;
const PODS = 20;
const MB = 1e6;

export const footprint: Benchmark = {
  name: 'footprint',
  summary: 'memory, processor time and disk writes while idle, and the size of the executable, against Docker and Node',
  async *run(ctx): AsyncIterable<Measurement> {
    const executable = await buildExecutable(ctx);
    yield* sizes(executable);
    const { node } = await oneNodeLab(ctx);
    const skiff = await startSkiff(node, executable);
    ctx.onEnd(() => skiff.stop());
    await nodeReady(skiff.client, node.name);
    const engine = ['dockerd', 'containerd'].map((program) => processesOf(program, join(node.folder, 'docker')));
    const docker = (await Promise.all(engine)).flat();
    yield* idle(ctx, { skiff, docker }, '');
    const names = Array.from({ length: PODS }, (_, index) => `bench-${index}`);
    await createUntilReady(skiff.client, names);
    yield* idle(ctx, { skiff, docker }, `_${PODS}_pods`);
  },
};

interface Watched {
  skiff: Skiff;
  docker: readonly number[];
}

async function* idle(ctx: BenchContext, { skiff, docker }: Watched, suffix: string): AsyncIterable<Measurement> {
  ctx.note(`leaving it alone for ${(SETTLE_MS + WATCH_MS) / 1000} s${suffix && `, with ${PODS} pods`}`);
  await sleep(SETTLE_MS, undefined, { signal: ctx.signal });
  const both = () => Promise.all([usageOf([skiff.pid]), usageOf(docker)]);
  const before = await both();
  const start = performance.now();
  await sleep(WATCH_MS, undefined, { signal: ctx.signal });
  const after = await both();
  const seconds = (performance.now() - start) / 1000;
  const [own, other] = [0, 1].map((index) => difference(before[index], after[index]));
  if (own === undefined || other === undefined) return;
  const rows = [
    ['rss_mb', 'MB', (usage: Usage) => usage.rssBytes / MB],
    ['cpu_percent', '% of a core', (usage: Usage) => (100 * usage.cpuSeconds) / seconds],
    ['disk_bytes_per_hour', 'bytes/h', (usage: Usage) => (3600 * usage.writtenBytes) / seconds],
  ] as const;
  for (const [name, unit, value] of rows) {
    yield { name: `${name}${suffix}`, value: value(own), unit, reference: value(other) };
  }
}

function difference(before: Usage | undefined, after: Usage | undefined): Usage | undefined {
  if (before === undefined || after === undefined) return undefined;
  return {
    rssBytes: after.rssBytes,
    cpuSeconds: after.cpuSeconds - before.cpuSeconds,
    writtenBytes: after.writtenBytes - before.writtenBytes,
  };
}

async function* sizes(executable: string): AsyncIterable<Measurement> {
  const size = async (path: string) => (await stat(path)).size / MB;
  const compressed = async (path: string) => (await compressedSize(path)) / MB;
  const node = process.execPath;
  yield { name: 'binary_mb', value: await size(executable), unit: 'MB', reference: await size(node) };
  const reference = await compressed(node);
  yield { name: 'binary_compressed_mb', value: await compressed(executable), unit: 'MB', reference };
}

async function compressedSize(path: string): Promise<number> {
  let size = 0;
  const count = new Writable({
    write(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      done();
    },
  });
  const compress = createZstdCompress({ params: { [constants.ZSTD_c_compressionLevel]: 9 } });
  await pipeline(createReadStream(path), compress, count);
  return size;
}
