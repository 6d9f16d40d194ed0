import { expect, test } from 'vitest';
import type { StoreEvent } from './kvstore.ts';
import { ListenerSet } from './listener-set.ts';

const event = (key: string): StoreEvent => ({
  type: 'put',
  current: { key, value: Buffer.alloc(0), createRevision: 1, modRevision: 1 },
});

test('a listener that throws is reported and keeps nobody else from hearing', () => {
  const errors: unknown[] = [];
  const heard: string[] = [];
  const listeners = new ListenerSet((error) => errors.push(error));
  listeners.add('', () => {
    throw new Error('mine');
  });
  listeners.add('', (events) => heard.push(...events.map(({ current }) => current.key)));
  listeners.publish([event('a'), event('b')]);
  expect(heard).toEqual(['a', 'b']);
  expect(errors).toEqual([new Error('mine')]);
});

test('a listener added while events go round does not hear of them', () => {
  const heard: string[] = [];
  const listeners = new ListenerSet(() => {});
  const end = listeners.add('', () => {
    end();
    listeners.add('', (events) => heard.push(...events.map(({ current }) => current.key)));
  });
  listeners.publish([event('a')]);
  listeners.publish([event('b')]);
  expect(heard).toEqual(['b']);
});

test('nobody hears after a clearing', () => {
  const listeners = new ListenerSet(() => {});
  let calls = 0;
  listeners.add('', () => {
    calls++;
  });
  listeners.clear();
  listeners.publish([event('a')]);
  expect(calls).toBe(0);
});
