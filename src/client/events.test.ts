import { expect, test } from 'vitest';
import type { Event } from '#api/core/v1.ts';
import { notFound } from '#api/meta/errors.ts';
import type { WatchEvent } from '#api/meta/types.ts';
import { createLogger } from '#base/logger.ts';
import { Client } from './client.ts';
import { EventRecorder } from './events.ts';
import type { ApiRequest, Transport } from './transport.ts';

/** Events by name, as an API server would keep them. */
class EventStore implements Transport {
  readonly events = new Map<string, Event>();

  request({ verb, name = '', body }: ApiRequest): Promise<unknown> {
    if (verb === 'create') {
      const event = body as Event;
      this.events.set(event.metadata.name, event);
      return Promise.resolve(event);
    }
    const known = this.events.get(name);
    if (known === undefined) return Promise.reject(notFound({ group: '', plural: 'events' }, name));
    this.events.set(name, { ...known, ...(body as Partial<Event>) });
    return Promise.resolve(this.events.get(name));
  }

  watch(): AsyncIterable<WatchEvent> {
    throw new Error('not watched');
  }
}

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'shop', uid: 'u1', resourceVersion: '7' },
};

function setUp() {
  const store = new EventStore();
  let now = Date.UTC(2026, 0, 1);
  const recorder = new EventRecorder({
    client: new Client(store),
    component: 'kubelet',
    host: 'node-1',
    log: createLogger({ level: 'silent' }),
    now: () => now,
  });
  return { store, recorder, pass: (ms: number) => (now += ms) };
}

test('writes an event that names its object and its reporter', async () => {
  const { store, recorder } = setUp();
  recorder.event(pod, 'Normal', 'Pulled', 'Container image "nginx" already present on machine');
  await recorder.flush();
  const [event] = store.events.values();
  expect(event?.metadata.name).toMatch(/^web\.[0-9a-f]{16}$/);
  expect(event).toMatchObject({
    metadata: { namespace: 'shop' },
    involvedObject: { kind: 'Pod', apiVersion: 'v1', namespace: 'shop', name: 'web', uid: 'u1', resourceVersion: '7' },
    type: 'Normal',
    reason: 'Pulled',
    source: { component: 'kubelet', host: 'node-1' },
    firstTimestamp: '2026-01-01T00:00:00Z',
    count: 1,
  });
});

test('names sort events of the same moment in their order', async () => {
  const { store, recorder } = setUp();
  const reasons = ['Scheduled', 'Pulled', 'Created', 'Started'];
  for (const reason of reasons) recorder.event(pod, 'Normal', reason, reason);
  await recorder.flush();
  const sorted = [...store.events.keys()].sort().map((name) => store.events.get(name)?.reason);
  expect(sorted).toEqual(reasons);
});

test('raises the count of the event it has written before', async () => {
  const { store, recorder, pass } = setUp();
  recorder.event(pod, 'Warning', 'BackOff', 'again');
  await recorder.flush();
  pass(15_000);
  recorder.event(pod, 'Warning', 'BackOff', 'again');
  await recorder.flush();
  expect([...store.events.values()]).toMatchObject([
    { count: 2, firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:00:15Z' },
  ]);
});

test('writes a new event when the old one has expired', async () => {
  const { store, recorder } = setUp();
  recorder.event(pod, 'Warning', 'BackOff', 'again');
  await recorder.flush();
  store.events.clear();
  recorder.event(pod, 'Warning', 'BackOff', 'again');
  await recorder.flush();
  expect([...store.events.values()]).toMatchObject([{ count: 2 }]);
});

test('puts events about cluster-scoped objects into default', async () => {
  const { store, recorder } = setUp();
  recorder.event({ kind: 'Node', name: 'node-1' }, 'Normal', 'Starting', 'Starting kubelet.');
  await recorder.flush();
  expect([...store.events.values()][0]?.metadata.namespace).toBe('default');
});

test('accepts nothing once stopped', async () => {
  const { store, recorder } = setUp();
  await recorder.stop();
  recorder.event(pod, 'Normal', 'Pulled', 'late');
  await recorder.flush();
  expect(store.events.size).toBe(0);
});
