import { expect, test } from 'vitest';
import { sameTemplate, TEMPLATE_HASH, templateHash } from './template-hash.ts';

const template = (image: string, labels: Record<string, string> = { app: 'web' }) => ({
  metadata: { labels },
  spec: { containers: [{ name: 'c', image }] },
});

test('the hash depends on content and collisions, not on the order of keys', () => {
  const turned = { spec: { containers: [{ image: 'a', name: 'c' }] }, metadata: { labels: { app: 'web' } } };
  expect(templateHash(template('a'))).toBe(templateHash(turned));
  expect(templateHash(template('a'))).not.toBe(templateHash(template('b')));
  expect(templateHash(template('a'), 1)).not.toBe(templateHash(template('a')));
  expect(templateHash(template('a'))).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
});

test('templates are equal when they differ by the hash label alone', () => {
  expect(sameTemplate(template('a'), template('a', { app: 'web', [TEMPLATE_HASH]: 'x' }))).toBe(true);
  expect(sameTemplate(template('a'), template('b'))).toBe(false);
});
