import { rm } from 'node:fs/promises';
import { PAUSE_IMAGE } from '#agent/runtime/docker/container-config.ts';
import { serviceAccounts } from '#api/core/v1.ts';
import { IMAGES } from '#test/lab/images.ts';
import type { LabNode } from '#test/lab/node.ts';
import { eventually } from '#test/support/eventually.ts';
import type { Benchmark, Measurement } from './benchmark.ts';
import { buildExecutable } from './executable.ts';
import { createUntilReady, nodeReady, oneNodeLab, startSkiff } from './skiff-node.ts';
import { median } from './statistics.ts';

// Method. The executable is started with an empty data folder, on a machine just booted, whose Docker does not know the pause
// image. `ready_ms` runs until a watch of the API has told that the node is Ready. `first_pod_ms` runs until it has told that
// a pod is Ready which was created as soon as the API took it; its image is present.
// - The reference is one `docker run --rm IMAGE true` on the same machine: what a user of Docker is used to wait.
// The executable is in the page cache. Rounds alternate between the two; each number is the median of the rounds.

const ROUNDS = 5;

export const start: Benchmark = {
  name: 'start',
  summary: 'milliseconds from an empty data folder to node Ready and to the first pod, against docker run',
  async *run(ctx): AsyncIterable<Measurement> {
    const executable = await buildExecutable(ctx);
    const { node } = await oneNodeLab(ctx);
    const took = { ready: [] as number[], firstPod: [] as number[], docker: [] as number[] };
    for (let round = 0; round < ROUNDS; round++) {
      ctx.signal.throwIfAborted();
      const { readyMs, firstPodMs } = await startOnce(node, executable);
      took.ready.push(readyMs);
      took.firstPod.push(firstPodMs);
      await forget(node);
      await dockerRun(node);
      took.docker.push(await dockerRun(node));
    }
    for (const [name, times] of Object.entries(took)) ctx.note(`${name}: ${times.map(Math.round).join(', ')} ms`);
    const reference = median(took.docker);
    yield { name: 'ready_ms', value: median(took.ready), unit: 'ms', reference };
    yield { name: 'first_pod_ms', value: median(took.firstPod), unit: 'ms', reference };
  },
};

async function startOnce(node: LabNode, executable: string): Promise<{ readyMs: number; firstPodMs: number }> {
  const skiff = await startSkiff(node, executable);
  try {
    const { client, startedAt } = skiff;
    const ready = nodeReady(client, node.name);
    const firstPod = (async () => {
      const key = { namespace: 'default', name: 'default' };
      await eventually(() => client.get(serviceAccounts, key), { everyMs: 5 });
      await createUntilReady(client, ['first']);
      return performance.now();
    })();
    return { readyMs: (await ready) - startedAt, firstPodMs: (await firstPod) - startedAt };
  } finally {
    await skiff.stop();
  }
}

/** The machine as it was before. */
async function forget(node: LabNode): Promise<void> {
  const containers = (await node.exec('docker', ['ps', '--all', '--quiet'])).split('\n').filter((id) => id !== '');
  if (containers.length > 0) await node.exec('docker', ['rm', '--force', '--volumes', ...containers]);
  await node.exec('docker', ['image', 'rm', PAUSE_IMAGE]);
  await node.reboot();
  await rm(node.dataDir, { recursive: true, force: true });
  await node.startDocker();
}

async function dockerRun(node: LabNode): Promise<number> {
  const begin = performance.now();
  await node.exec('docker', ['run', '--rm', IMAGES.busybox, 'true']);
  return performance.now() - begin;
}
