import { describe, expect, test } from 'vitest';
import type { Secret } from '#api/core/v1.ts';
import { defaultPullPolicy, parseImageName } from './image-name.ts';
import { credentialsFor } from './pull-secrets.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('parseImageName', () => {
  test.each([
    ['nginx', 'docker.io', 'library/nginx', undefined, undefined],
    ['nginx:1.25', 'docker.io', 'library/nginx', '1.25', undefined],
    ['me/app:x', 'docker.io', 'me/app', 'x', undefined],
    ['quay.io/me/app', 'quay.io', 'me/app', undefined, undefined],
    ['localhost/app', 'localhost', 'app', undefined, undefined],
    ['registry:5000/app:1', 'registry:5000', 'app', '1', undefined],
    ['[fd00::1]:5000/app', '[fd00::1]:5000', 'app', undefined, undefined],
    [`quay.io/app:1@${DIGEST}`, 'quay.io', 'app', '1', DIGEST],
    ['a/b/c/d', 'docker.io', 'a/b/c/d', undefined, undefined],
  ])('%s', (text, registry, repository, tag, digest) => {
    expect(parseImageName(text)).toEqual({ registry, repository, tag, digest });
  });

  test.each(['', 'Nginx', 'nginx:', 'nginx:a b', '-nginx', 'quay.io/', 'a//b', 'nginx@sha256:1', 'UPPER/app'])(
    '"%s" is none',
    (text) => {
      expect(parseImageName(text)).toBeUndefined();
    },
  );
});

test.each([
  ['nginx', 'Always'],
  ['nginx:latest', 'Always'],
  ['nginx:1', 'IfNotPresent'],
  [`nginx@${DIGEST}`, 'IfNotPresent'],
])('%s is pulled %s', (image, policy) => {
  expect(defaultPullPolicy(image)).toBe(policy);
});

describe('credentialsFor', () => {
  const secret = (auths: object, key = '.dockerconfigjson'): Secret => {
    const content = key === '.dockercfg' ? auths : { auths };
    return { metadata: { name: 's' }, data: { [key]: Buffer.from(JSON.stringify(content)).toString('base64') } };
  };
  const auth = Buffer.from('me:pass:word').toString('base64');
  const users = (image: string, ...secrets: Secret[]) => credentialsFor(image, secrets).map(({ username }) => username);

  test('takes user and password from either form', () => {
    const both = secret({ 'quay.io': { auth }, 'ghcr.io': { username: 'you', password: 'p' } });
    expect(credentialsFor('quay.io/a', [both])).toEqual([
      { serverAddress: 'quay.io', username: 'me', password: 'pass:word' },
    ]);
    expect(credentialsFor('ghcr.io/a', [both])).toEqual([{ serverAddress: 'ghcr.io', username: 'you', password: 'p' }]);
  });

  test.each([
    ['nginx', 'https://index.docker.io/v1/', true],
    ['nginx', 'docker.io', true],
    ['quay.io/a', 'https://quay.io', true],
    ['quay.io/a', 'quay.io:443', false],
    ['registry:5000/a', 'registry:5000', true],
    ['x.example.test/a', '*.example.test', true],
    ['a.b.example.test/a', '*.example.test', false],
    ['quay.io/team/a', 'quay.io/team', true],
    ['quay.io/teams/a', 'quay.io/team', false],
    ['quay.io/a', 'ghcr.io', false],
  ])('for %s the key %s counts: %s', (image, key, counts) => {
    expect(users(image, secret({ [key]: { username: 'u' } }))).toEqual(counts ? ['u'] : []);
  });

  test('tries the most specific first', () => {
    const config = secret({ 'quay.io': { username: 'general' }, 'quay.io/team': { username: 'special' } });
    expect(users('quay.io/team/a', config)).toEqual(['special', 'general']);
  });

  test('reads the old form, and skips what makes no sense', () => {
    const broken: Secret = { metadata: { name: 'b' }, data: { '.dockerconfigjson': 'e30=', other: 'x' } };
    const garbage: Secret = { metadata: { name: 'g' }, data: { '.dockerconfigjson': 'bm90IGpzb24=' } };
    expect(users('quay.io/a', broken, garbage, secret({ 'quay.io': { username: 'old' } }, '.dockercfg'))).toEqual([
      'old',
    ]);
  });
});
