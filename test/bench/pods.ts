import { availableParallelism } from 'node:os';
import { PAUSE_IMAGE } from '#agent/runtime/docker/container-config.ts';
import { eventually } from '#test/support/eventually.ts';
import type { BenchContext, Benchmark, Measurement } from './benchmark.ts';
import { dockerFloor } from './docker-floor.ts';
import { buildExecutable } from './executable.ts';
import { createUntilReady, deletePods, nodeReady, oneNodeLab, startSkiff } from './skiff-node.ts';
import { median } from './statistics.ts';

// Method. Pods with one container, its image present, are created at once through the API; the clock stops when a watch has
// told that the last one is Ready. In between are admission, scheduling, two containers of Docker, a network device pair, the
// mounted token, the files for names, and every write of status.
// - The reference is Docker alone on the same machine: it creates and starts the same two containers per pod, with nothing
//   else done. Its pause container has no network of its own to set up, and as many pods are started in parallel as skiff
//   does: fewer or more at once make the whole slower.
// Rounds alternate between the two; each number is the median of the rounds. Containers are removed outside of the clock.

const ROUNDS = { 1: 9, 20: 5 } as const;

export const pods: Benchmark = {
  name: 'pods',
  summary: 'milliseconds from creating 1 and 20 pods until they are Ready, against Docker alone',
  async *run(ctx): AsyncIterable<Measurement> {
    const executable = await buildExecutable(ctx);
    const { node } = await oneNodeLab(ctx);
    const skiff = await startSkiff(node, executable);
    ctx.onEnd(() => skiff.stop());
    await nodeReady(skiff.client, node.name);
    const docker = dockerFloor(node.dockerSocket);
    ctx.onEnd(() => docker.close());
    await eventually(() => node.exec('docker', ['image', 'inspect', PAUSE_IMAGE]));
    const parallel = 2 * availableParallelism();
    let serial = 0;
    const own = async (count: number) => {
      const names = Array.from({ length: count }, () => `bench-${serial++}`);
      const tookMs = await createUntilReady(skiff.client, names);
      await deletePods(node, skiff.client);
      return tookMs;
    };
    const floor = async (count: number) => {
      const tookMs = await docker.startPairs(count, { parallel });
      await docker.clear();
      return tookMs;
    };
    for (const count of [1, 20] as const) yield* compare(ctx, count, { own, floor });
  },
};

async function* compare(
  ctx: BenchContext,
  count: keyof typeof ROUNDS,
  contenders: Record<'own' | 'floor', (count: number) => Promise<number>>,
): AsyncIterable<Measurement> {
  const took = { own: [] as number[], floor: [] as number[] };
  for (const name of ['own', 'floor'] as const) await contenders[name](1);
  for (let round = 0; round < ROUNDS[count]; round++) {
    for (const name of ['own', 'floor'] as const) {
      ctx.signal.throwIfAborted();
      took[name].push(await contenders[name](count));
    }
  }
  for (const name of ['own', 'floor'] as const) {
    ctx.note(`${name}, ${count} at once: ${took[name].map(Math.round).join(', ')} ms`);
  }
  yield { name: `create_to_ready_${count}`, value: median(took.own), unit: 'ms', reference: median(took.floor) };
}
