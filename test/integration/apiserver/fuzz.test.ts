import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { builtinResources } from '#api/catalogue.ts';
import { namespaces, serviceAccounts } from '#api/core/v1.ts';
import { isAlreadyExists, StatusError } from '#api/meta/errors.ts';
import { allPlugins } from '#server/admission/all.ts';
import { admissionChain } from '#server/admission/chain.ts';
import { fuzz, heapBytes } from '../../support/api-fuzz/run.ts';
import { eventually } from '../../support/eventually.ts';
import { type RulesServer, startRulesServer } from '../resources/server.ts';

/** `SKIFF_FUZZ=100000` sends so many; `SKIFF_FUZZ_SEED` makes them others. */
const COUNT = Number(process.env['SKIFF_FUZZ'] ?? 10_000);
const SEED = Number(process.env['SKIFF_FUZZ_SEED'] ?? 1);
/** So many go by before the heap is first measured: caches and tables are made at their first use. */
const ROUND = Math.min(2000, Math.ceil(COUNT / 3));
/** The newest events of every resource are kept, up to a limit that even long runs do not reach everywhere. */
const MAX_HEAP_GROWTH = 8 * 1024 * 1024 + COUNT * 300;

let server: RulesServer;
beforeAll(async () => {
  server = await startRulesServer();
  const { apiServer, serverClient } = server;
  const deps = { cache: apiServer.cache, client: serverClient, mayDo: () => true, now: Date.now };
  apiServer.admission = admissionChain(allPlugins.map((create) => create(deps)));
});
afterAll(() => server.stop());

test(
  `${COUNT} arbitrary requests get sound answers`,
  async () => {
    const delay = monitorEventLoopDelay({ resolution: 5 });
    const codes: Record<string, number> = {};
    let [slowestMs, slowest, heapBefore] = [0, '', 0];
    for (let from = 0; from < COUNT; from += ROUND) {
      await restore();
      delay.enable();
      const outcome = await fuzz(server, { seed: SEED, from, count: Math.min(ROUND, COUNT - from) });
      delay.disable();
      expect(outcome.failures, `seed ${SEED}`).toEqual([]);
      for (const [code, count] of Object.entries(outcome.codes)) codes[code] = (codes[code] ?? 0) + count;
      if (outcome.slowestMs > slowestMs) ({ slowestMs, slowest } = outcome);
      if (from === 0) heapBefore = await heapOfNothing();
    }
    const growth = (await heapOfNothing()) - heapBefore;
    const p99 = delay.percentile(99) / 1e6;
    process.stdout.write(`${JSON.stringify({ seed: SEED, codes, loopDelayP99Ms: p99, slowestMs, slowest, growth })}\n`);
    expect(growth).toBeLessThan(MAX_HEAP_GROWTH);
    expect(Object.keys(Object.prototype)).toEqual([]);
    // Every kind of answer was met: a run that is refused at the door proves nothing.
    for (const code of [200, 201, 400, 403, 404, 405, 406, 409, 415, 422])
      expect(codes[code], `${code}`).toBeGreaterThan(0);
  },
  60_000 + COUNT * 20,
);

test('no watch stays open', async () => {
  await eventually(() => expect(server.apiServer.metrics.render()).toContain('\napiserver_registered_watchers 0\n'));
});

/** What every round starts with, whatever the round before has deleted or forbidden. */
async function restore(): Promise<void> {
  await clear();
  const { client } = server;
  for (const name of ['default', 'kube-system', 'dev']) {
    await orExisting(client.create(namespaces, { metadata: { name }, spec: {} }));
    await orExisting(client.create(serviceAccounts, { metadata: { namespace: name, name: 'default' } }));
  }
}

async function orExisting(creation: Promise<unknown>): Promise<void> {
  await creation.catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}

/** Deletes everything, whatever would keep it. */
async function clear(): Promise<void> {
  const { client } = server;
  const deletable = builtinResources.filter(({ verbs }) => verbs.includes('delete') && verbs.includes('list'));
  for (const { ref } of deletable) {
    for (const { metadata } of (await client.list(ref)).items) {
      const key = { namespace: metadata.namespace, name: metadata.name ?? '' };
      if (ref === namespaces && /^(default|kube-)/.test(key.name)) continue;
      if ((metadata.finalizers ?? []).length > 0) {
        await client.patch(ref, key, { metadata: { finalizers: null } }, { type: 'merge' }).catch(ignoreRefusal);
      }
      await client.delete(ref, key, { gracePeriodSeconds: 0 }).catch(ignoreRefusal);
      if (ref === namespaces) await finalize(key.name);
    }
  }
}

async function finalize(name: string): Promise<void> {
  const { client } = server;
  const found = await client.get(namespaces, { name }).catch(ignoreRefusal);
  if (found === undefined) return;
  const free = { ...found, spec: { finalizers: [] } };
  await client.updateSubresource(namespaces, { name }, 'finalize', free).catch(ignoreRefusal);
}

/** What is gone already, or was written through another version and cannot be changed here, stays as it is. */
function ignoreRefusal(error: unknown): undefined {
  if (!(error instanceof StatusError) || error.code >= 500) throw error;
}

async function heapOfNothing(): Promise<number> {
  await clear();
  return heapBytes();
}
