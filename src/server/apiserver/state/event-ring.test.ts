import { expect, test } from 'vitest';
import type { ResourceEvent } from './entry.ts';
import { EventRing } from './event-ring.ts';

const event = (revision: number, size = 10): ResourceEvent => ({
  type: 'ADDED',
  revision,
  previous: undefined,
  entry: { key: 'k', revision, object: { metadata: { name: 'k' } }, bytes: Buffer.alloc(size) },
});
const after = (ring: EventRing, revision: number) => ring.after(revision)?.map((found) => found.revision);

test('tells what came after a revision', () => {
  const ring = new EventRing(10);
  for (const revision of [12, 15, 20]) ring.push(event(revision));
  expect(after(ring, 10)).toEqual([12, 15, 20]);
  expect(after(ring, 12)).toEqual([15, 20]);
  expect(after(ring, 13)).toEqual([15, 20]);
  expect(after(ring, 99)).toEqual([]);
  expect(after(ring, 9)).toBeUndefined();
});

test.each([
  { name: 'number', limits: { maxEvents: 2, maxBytes: 1000 } },
  { name: 'size', limits: { maxEvents: 1000, maxBytes: 20 } },
])('is bounded by $name', ({ limits }) => {
  const ring = new EventRing(0, limits);
  for (const revision of [1, 2, 3]) ring.push(event(revision));
  expect(after(ring, 0)).toBeUndefined();
  expect(after(ring, 1)).toEqual([2, 3]);
});

test('an event larger than everything leaves nothing', () => {
  const ring = new EventRing(0, { maxEvents: 5, maxBytes: 5 });
  ring.push(event(1, 100));
  expect(after(ring, 0)).toBeUndefined();
  expect(after(ring, 1)).toEqual([]);
});

test('stays right over many turns', () => {
  const ring = new EventRing(0, { maxEvents: 100, maxBytes: 1e6 });
  for (let revision = 1; revision <= 5000; revision++) ring.push(event(revision));
  expect(after(ring, 4899)).toBeUndefined();
  expect(after(ring, 4900)).toHaveLength(100);
  expect(after(ring, 4999)).toEqual([5000]);
});
