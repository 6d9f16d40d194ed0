import { expect, test } from 'vitest';
import { Bucket } from './bucket.ts';
import type { Entry } from './entry.ts';

const entry = (key: string, text = key): Entry => ({
  key,
  revision: 1,
  object: { metadata: { name: key } },
  bytes: Buffer.from(text),
});
const keysOf = (entries: readonly Entry[]) => entries.map(({ key }) => key);

test('keeps the order of keys', () => {
  const bucket = new Bucket();
  for (const key of ['b', 'a', 'c', 'a-b', 'a/x']) bucket.put(entry(key));
  expect(keysOf(bucket.entries)).toEqual(['a', 'a-b', 'a/x', 'b', 'c']);
  bucket.remove('b');
  bucket.remove('nope');
  expect(keysOf(bucket.entries)).toEqual(['a', 'a-b', 'a/x', 'c']);
});

test('a snapshot does not change', () => {
  const bucket = new Bucket();
  bucket.put(entry('a'));
  const before = bucket.entries;
  const objects = bucket.objects;
  bucket.put(entry('b'));
  bucket.remove('a');
  expect(keysOf(before)).toEqual(['a']);
  expect(objects).toHaveLength(1);
  expect(keysOf(bucket.entries)).toEqual(['b']);
  expect(bucket.objects).toHaveLength(1);
});

test('joins a snapshot, also one that is no longer current', () => {
  const bucket = new Bucket();
  expect(bucket.join(bucket.entries).toString()).toBe('');
  bucket.put(entry('a'));
  bucket.put(entry('b'));
  const before = bucket.entries;
  expect(bucket.join(before).toString()).toBe('a,b');
  expect(bucket.join(bucket.entries)).toBe(bucket.join(bucket.entries));
  bucket.put(entry('a', 'A'));
  expect(bucket.join(bucket.entries).toString()).toBe('A,b');
  expect(bucket.join(before).toString()).toBe('a,b');
});

test('finds where to go on', () => {
  const bucket = new Bucket();
  for (const key of ['a', 'c']) bucket.put(entry(key));
  expect(['a', 'a\0', 'b', 'c', 'd'].map((key) => bucket.indexOf(key))).toEqual([0, 1, 1, 1, 2]);
});
