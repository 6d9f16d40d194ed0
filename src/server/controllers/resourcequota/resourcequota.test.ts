import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Pod, pods, type ResourceQuota, resourceQuotas, secrets } from '#api/core/v1.ts';
import { conflict } from '#api/meta/errors.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import { createLogger } from '#base/logger.ts';
import type { ResourceCatalogue } from '#client/cache.ts';
import type { Client } from '#client/client.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';
import type { ControllerDeps } from '../controller.ts';
import { ControllerManager } from '../manager.ts';
import { BOOKING_MS } from './quota-page.ts';
import { resourceQuotaController } from './resourcequota.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

type Amounts = Record<string, string>;

const pod = (name: string, phase = 'Running'): Pod => ({
  metadata: { name, namespace: 'x', uid: name },
  spec: { containers: [{ name: 'c' }] },
  status: { phase },
});
const widgets: ResourceRef = {
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
};

/** A controller in its manager over a cache that the test fills; its writes go to the cache at once. */
async function running(objects: readonly Pod[], hard: Amounts, status?: ResourceQuota['status']) {
  const cache = new MemoryCache();
  const failures: Error[] = [];
  const served = [pods, secrets, resourceQuotas].map((ref) => ({ ref: ref as ResourceRef, verbs: ['list', 'watch'] }));
  const catalogue: ResourceCatalogue = { list: () => served, onChange: () => () => {} };
  const client = {
    async updateStatus(ref: ResourceRef, object: ResourceQuota) {
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      return cache.put(ref, object);
    },
  } as Pick<Client, 'updateStatus'> as Client;
  const deps = { cache, catalogue, client, now: Date.now } as Partial<ControllerDeps> as ControllerDeps;
  const quota = () => cache.get(resourceQuotas, { namespace: 'x', name: 'q' }) as ResourceQuota;
  const change = (part: Partial<ResourceQuota>) => void cache.put(resourceQuotas, { ...quota(), ...part });
  for (const object of objects) cache.put(pods, object);
  cache.put(resourceQuotas, { metadata: { name: 'q', namespace: 'x' }, spec: { hard }, ...(status && { status }) });
  const log = createLogger({ level: 'error', destination: { write: () => {} } });
  const manager = new ControllerManager({ controllers: [resourceQuotaController(deps)], cache, log });
  await manager.start();
  const after = (ms: number) => vi.advanceTimersByTimeAsync(ms);
  await after(1);
  return {
    cache,
    served,
    failures,
    after,
    limit: (limits: Amounts) => change({ spec: { hard: limits } }),
    book: (used: Amounts) => change({ status: { ...quota().status, used } }),
    used: () => quota().status?.used,
    [Symbol.asyncDispose]: () => manager.stop(),
  };
}

test('a new quota is counted at once', async () => {
  await using few = await running([pod('a'), pod('b', 'Failed')], { pods: '5', 'count/pods': '5', secrets: '1' });
  expect(few.used()).toEqual({ pods: '1', 'count/pods': '2', secrets: '0' });
});

test('what is booked stays booked while it is on its way', async () => {
  await using few = await running([pod('a')], { pods: '5' });
  await few.after(60_000);
  few.book({ pods: '2' });
  await few.after(BOOKING_MS - 1);
  expect(few.used()).toEqual({ pods: '2' });
  few.cache.put(pods, pod('b'));
  await few.after(60_000);
  expect(few.used()).toEqual({ pods: '2' });
});

test('what was booked and never came is forgotten', async () => {
  await using few = await running([pod('a')], { pods: '5' });
  few.book({ pods: '2' });
  await few.after(2 * BOOKING_MS);
  expect(few.used()).toEqual({ pods: '1' });
});

test('what goes makes room at once, next to what is on its way', async () => {
  await using few = await running([pod('a'), pod('b'), pod('c')], { pods: '9' });
  await few.after(60_000);
  few.book({ pods: '4' });
  few.cache.remove(pods, { namespace: 'x', name: 'a' });
  few.cache.put(pods, pod('b', 'Succeeded'));
  await few.after(1);
  // Two of three are gone, and one is booked.
  expect(few.used()).toEqual({ pods: '2' });
  await few.after(2 * BOOKING_MS);
  expect(few.used()).toEqual({ pods: '1' });
});

test('what came past the books is found', async () => {
  await using few = await running([], { pods: '9' });
  await few.after(60_000);
  few.cache.put(pods, pod('a'));
  await few.after(BOOKING_MS + 1);
  expect(few.used()).toEqual({ pods: '1' });
});

test('after a start, bookings of before are believed only for a while', async () => {
  const status = { hard: { pods: '5' }, used: { pods: '3' } };
  await using few = await running([pod('a')], { pods: '5' }, status);
  expect(few.used()).toEqual({ pods: '3' });
  await few.after(2 * BOOKING_MS);
  expect(few.used()).toEqual({ pods: '1' });
});

test('new limits are counted at once', async () => {
  await using few = await running([pod('a')], { pods: '5' });
  few.limit({ 'count/pods': '7' });
  await few.after(1);
  expect(few.used()).toEqual({ 'count/pods': '1' });
});

test('a write that comes too late is repeated', async () => {
  await using few = await running([pod('a')], { pods: '5' });
  await few.after(60_000);
  few.failures.push(conflict(resourceQuotas, 'q'));
  few.cache.remove(pods, { namespace: 'x', name: 'a' });
  await few.after(500);
  expect([few.used(), few.failures]).toEqual([{ pods: '0' }, []]);
});

test('a kind that comes later is counted as well', async () => {
  await using few = await running([], { 'count/widgets.example.com': '5' });
  expect(few.used()).toEqual({});
  few.served.push({ ref: widgets, verbs: ['list', 'watch'] });
  few.cache.put(widgets, { metadata: { name: 'w', namespace: 'x' } });
  await few.after(10_000);
  expect(few.used()).toEqual({ 'count/widgets.example.com': '1' });
  few.cache.put(widgets, { metadata: { name: 'v', namespace: 'x' } });
  await few.after(10_000);
  expect(few.used()).toEqual({ 'count/widgets.example.com': '2' });
});

test('pods that should be gone stop to count without an event', async () => {
  const leaving = pod('a');
  leaving.metadata.deletionTimestamp = new Date(Date.now() + 30_000).toISOString();
  leaving.metadata.deletionGracePeriodSeconds = 30;
  await using few = await running([leaving], { pods: '5' });
  expect(few.used()).toEqual({ pods: '1' });
  await few.after(6 * 60_000);
  expect(few.used()).toEqual({ pods: '0' });
});
