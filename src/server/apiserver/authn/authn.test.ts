import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { nodes, type Pod, pods, secrets, serviceAccounts } from '#api/core/v1.ts';
import { createAuthority, issueKeyCertificate } from '#server/pki/certificate.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';
import type { Authorizer } from '../auth.ts';
import { ANONYMOUS, bearerToken, ServerAuthenticator } from './authenticator.ts';
import { BootstrapTokens } from './bootstrap-tokens.ts';
import { ClientCertificates } from './client-certificates.ts';
import { impersonate } from './impersonation.ts';
import { parseJwt } from './jwt.ts';
import { ServiceAccountTokens, type TokenIssue } from './service-account-tokens.ts';

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const key = { ...keys, keyId: 'k1' };
const HOUR = 3_600_000;

let cache = new MemoryCache();
let now = Date.UTC(2026, 5, 1);
let tokens = new ServiceAccountTokens({ key, cache });
let authenticator: ServerAuthenticator;

beforeEach(() => {
  now = Date.UTC(2026, 5, 1);
  cache = new MemoryCache();
  tokens = new ServiceAccountTokens({ key, cache, now: () => now });
  const bootstrap = new BootstrapTokens({ cache, joinSecret: () => 's3cret', now: () => now });
  authenticator = new ServerAuthenticator({
    certificates: new ClientCertificates({ authorities: [] }),
    serviceAccounts: tokens,
    bootstrap,
  });
  cache.put(serviceAccounts, { metadata: { namespace: 'dev', name: 'robot', uid: 'sa-1' } });
});

const account = { namespace: 'dev', name: 'robot', uid: 'sa-1' };
const issue = (options: Partial<TokenIssue> = {}) =>
  tokens.issue({ serviceAccount: account, audiences: tokens.apiAudiences, expirationSeconds: 3600, ...options });
const pod = (deletionTimestamp?: string): Pod => ({
  metadata: { namespace: 'dev', name: 'p', uid: 'u1', ...(deletionTimestamp && { deletionTimestamp }) },
  spec: { containers: [] },
});
const authenticate = (token: string) =>
  authenticator.authenticate({ headers: { authorization: `Bearer ${token}` }, certificate: undefined });
const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('service account tokens', () => {
  test('carry the claims clients read', async () => {
    const { token, expiresAt } = await issue({ pod: { name: 'p', uid: 'u' }, warnAfterSeconds: 60 });
    const seconds = now / 1000;
    expect(parseJwt(token)?.header).toEqual({ alg: 'RS256', kid: 'k1' });
    expect(parseJwt(token)?.claims).toEqual({
      aud: ['https://kubernetes.default.svc.cluster.local'],
      exp: seconds + 3600,
      iat: seconds,
      iss: 'https://kubernetes.default.svc.cluster.local',
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      'kubernetes.io': {
        namespace: 'dev',
        pod: { name: 'p', uid: 'u' },
        serviceaccount: { name: 'robot', uid: 'sa-1' },
        warnafter: seconds + 60,
      },
      nbf: seconds,
      sub: 'system:serviceaccount:dev:robot',
    });
    expect(expiresAt.getTime()).toBe(now + HOUR);
  });

  test('make the account a user', async () => {
    const { token } = await issue();
    expect(await authenticate(token)).toEqual({
      username: 'system:serviceaccount:dev:robot',
      uid: 'sa-1',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:dev', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^JTI=/)] },
    });
  });

  test('name the pod and node they are bound to', async () => {
    cache.put(pods, pod());
    cache.put(nodes, { metadata: { name: 'n', uid: 'u2' }, spec: {} });
    const { token } = await issue({ pod: { name: 'p', uid: 'u1' }, node: { name: 'n', uid: 'u2' } });
    expect((await authenticate(token))?.extra).toMatchObject({
      'authentication.kubernetes.io/pod-name': ['p'],
      'authentication.kubernetes.io/node-uid': ['u2'],
    });
  });

  test.each([
    { name: 'its account is gone', spoil: () => cache.remove(serviceAccounts, account) },
    {
      name: 'its account was made anew',
      spoil: () => cache.put(serviceAccounts, { metadata: { ...account, uid: 'sa-2' } }),
    },
    { name: 'its pod is gone', spoil: () => cache.remove(pods, { namespace: 'dev', name: 'p' }) },
    {
      name: 'its pod should have ended long ago',
      spoil: () => cache.put(pods, pod(new Date(now - HOUR).toISOString())),
    },
    { name: 'it has expired', spoil: () => (now += 2 * HOUR) },
    { name: 'the clock is far behind', spoil: () => (now -= HOUR) },
  ])('are refused once $name', async ({ spoil }) => {
    cache.put(pods, pod());
    const { token } = await issue({ pod: { name: 'p', uid: 'u1' } });
    expect(await authenticate(token)).toBeDefined();
    spoil();
    await expect(authenticate(token)).rejects.toThrow('Unauthorized');
  });

  test('still work while the pod ends', async () => {
    cache.put(pods, pod(new Date(now + 30_000).toISOString()));
    const { token } = await issue({ pod: { name: 'p', uid: 'u1' } });
    expect(await authenticate(token)).toBeDefined();
  });

  test.each([
    {
      name: 'a changed claim',
      forge: (token: string) =>
        token.replace(
          /\.(.+)\./,
          (_, claims) =>
            `.${Buffer.from(Buffer.from(claims, 'base64url').toString().replace('robot', 'admin')).toString('base64url')}.`,
        ),
    },
    {
      name: 'no signature algorithm',
      forge: (token: string) => `${Buffer.from('{"alg":"none"}').toString('base64url')}.${token.split('.')[1]}.eA`,
    },
    { name: 'a foreign text', forge: () => 'hello' },
    { name: 'another audience', forge: async () => (await issue({ audiences: ['vault'] })).token },
  ])('are refused with $name', async ({ forge }) => {
    const { token } = await issue();
    await expect(authenticate(await forge(token))).rejects.toThrow('Unauthorized');
  });

  test('of a Secret hold while the Secret has them', async () => {
    const token = await tokens.issueForSecret(account, 'legacy');
    const put = (value: string) =>
      cache.put(secrets, {
        metadata: { namespace: 'dev', name: 'legacy' },
        type: 'kubernetes.io/service-account-token',
        data: { token: base64(value) },
      });
    await expect(authenticate(token)).rejects.toThrow('Unauthorized');
    put(token);
    expect((await authenticate(token))?.username).toBe('system:serviceaccount:dev:robot');
    put('other');
    await expect(authenticate(token)).rejects.toThrow('Unauthorized');
  });

  test('publish the key that verifies them', () => {
    const jwk = tokens.keySet().keys[0];
    expect(jwk).toMatchObject({
      kid: 'k1',
      alg: 'RS256',
      kty: 'RSA',
      use: 'sig',
      n: keys.publicKey.export({ format: 'jwk' }).n,
    });
  });
});

describe('TokenReview', () => {
  const review = (token: string, audiences?: string[]) =>
    authenticator.review({ metadata: { name: '' }, spec: { token, ...(audiences && { audiences }) } }).status;

  test.each([
    {
      name: 'the API by default',
      audiences: ['https://kubernetes.default.svc.cluster.local'],
      asked: undefined,
      expected: ['https://kubernetes.default.svc.cluster.local'],
    },
    { name: 'those asked for and meant', audiences: ['a', 'b'], asked: ['b', 'c'], expected: ['b'] },
  ])('answers audiences: $name', async ({ audiences, asked, expected }) => {
    const { token } = await issue({ audiences });
    expect(review(token, asked)).toMatchObject({
      authenticated: true,
      audiences: expected,
      user: { username: 'system:serviceaccount:dev:robot' },
    });
  });

  test('says why a token is refused', async () => {
    const { token } = await issue();
    now += 2 * HOUR;
    expect(review(token)).toEqual({
      authenticated: false,
      user: {},
      error: '[invalid bearer token, service account token has expired]',
    });
    expect(review('nonsense')).toEqual({ authenticated: false, user: {} });
  });
});

describe('join tokens', () => {
  const put = (data: Record<string, string>) =>
    cache.put(secrets, {
      metadata: { namespace: 'kube-system', name: 'bootstrap-token-abcdef' },
      type: 'bootstrap.kubernetes.io/token',
      data: Object.fromEntries(
        Object.entries({
          'token-id': 'abcdef',
          'token-secret': '0123456789abcdef',
          'usage-bootstrap-authentication': 'true',
          ...data,
        }).map(([k, v]) => [k, base64(v)]),
      ),
    });

  test.each([
    {
      name: 'the one of the data folder',
      token: 'node:s3cret',
      user: 'system:bootstrap:node',
      groups: ['system:bootstrappers', 'system:authenticated'],
    },
    {
      name: 'the same in full',
      token: `K10${'0'.repeat(64)}::node:s3cret`,
      user: 'system:bootstrap:node',
      groups: ['system:bootstrappers', 'system:authenticated'],
    },
    {
      name: 'a bootstrap token',
      token: 'abcdef.0123456789abcdef',
      user: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', 'system:bootstrappers:x', 'system:authenticated'],
    },
  ])('let in: $name', async ({ token, user, groups }) => {
    put({ 'auth-extra-groups': 'system:bootstrappers:x,system:masters' });
    expect(await authenticate(token)).toEqual({ username: user, groups });
  });

  test.each([
    { name: 'a wrong secret', token: 'node:wrong', data: {} },
    { name: 'an empty secret', token: 'node:', data: {} },
    { name: 'a wrong bootstrap secret', token: 'abcdef.0000000000000000', data: {} },
    { name: 'an unknown id', token: 'zzzzzz.0123456789abcdef', data: {} },
    { name: 'an expired token', token: 'abcdef.0123456789abcdef', data: { expiration: '2026-05-31T23:59:59Z' } },
    { name: 'an unreadable expiry', token: 'abcdef.0123456789abcdef', data: { expiration: 'soon' } },
    {
      name: 'a token not for authentication',
      token: 'abcdef.0123456789abcdef',
      data: { 'usage-bootstrap-authentication': 'false' },
    },
  ])('keep out: $name', async ({ token, data }) => {
    put(data);
    await expect(authenticate(token)).rejects.toThrow('Unauthorized');
  });
});

describe('client certificates', () => {
  test('common name and organizations are user and groups; foreign, server and ended ones are refused', async () => {
    const authority = await createAuthority('ca', { lifetimeMs: 1000 * HOUR });
    const other = await createAuthority('ca', { lifetimeMs: 1000 * HOUR });
    const certificates = new ClientCertificates({ authorities: [authority.certificate], now: () => now });
    const subject = { commonName: 'jane,=x', organizations: ['dev', 'system:masters'] };
    const make = async (from: typeof authority, usages: string[], lifetimeMs = HOUR) =>
      new X509Certificate((await issueKeyCertificate(from, { subject, usages, lifetimeMs, now: new Date(now) })).cert);
    const good = await make(authority, ['client auth']);
    expect(certificates.verify(good)).toEqual({
      username: 'jane,=x',
      groups: ['dev', 'system:masters', 'system:authenticated'],
      extra: { 'authentication.kubernetes.io/credential-id': [expect.stringMatching(/^X509SHA256=[0-9a-f]{64}$/)] },
    });
    expect(certificates.verify(await make(other, ['client auth']))).toBeUndefined();
    expect(certificates.verify(await make(authority, ['server auth']))).toBeUndefined();
    expect(certificates.verify(authority.certificate)).toBeUndefined();
    now += 2 * HOUR;
    expect(certificates.verify(good)).toBeUndefined();
  });
});

describe('authenticate', () => {
  test('knows nobody without credentials', async () => {
    expect(await authenticator.authenticate({ headers: {}, certificate: undefined })).toBe(ANONYMOUS);
  });

  test('finds tokens of browsers in the subprotocol', () => {
    const protocol = `v4.channel.k8s.io, base64url.bearer.authorization.k8s.io.${Buffer.from('tok').toString('base64url')}`;
    expect(bearerToken({ 'sec-websocket-protocol': protocol })).toBe('tok');
    expect(bearerToken({ authorization: 'bearer  x ' })).toBe('x');
    expect(bearerToken({ authorization: 'Basic eDp5' })).toBeUndefined();
  });
});

describe('impersonation', () => {
  const jane = { username: 'jane', groups: ['dev'] };
  const allowing = (...names: string[]): Authorizer => ({
    authorize: (_user, attributes) => ({
      allowed:
        'name' in attributes &&
        attributes.verb === 'impersonate' &&
        names.includes(`${attributes.resource}:${attributes.name}`),
      reason: '',
    }),
    rulesFor: () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
  });

  test.each([
    { name: 'itself without headers', headers: {}, may: [], expected: jane },
    {
      name: 'a user',
      headers: { 'impersonate-user': 'bob' },
      may: ['users:bob'],
      expected: { username: 'bob', groups: ['system:authenticated'], extra: {} },
    },
    {
      name: 'a user in groups',
      headers: { 'impersonate-user': 'bob', 'impersonate-group': 'a, b' },
      may: ['users:bob', 'groups:a', 'groups:b'],
      expected: { username: 'bob', groups: ['a', 'b', 'system:authenticated'], extra: {} },
    },
    {
      name: 'a service account',
      headers: { 'impersonate-user': 'system:serviceaccount:dev:robot' },
      may: ['serviceaccounts:robot'],
      expected: {
        username: 'system:serviceaccount:dev:robot',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:dev', 'system:authenticated'],
        extra: {},
      },
    },
    {
      name: 'a user with extra',
      headers: { 'impersonate-user': 'bob', 'impersonate-extra-a%2fb': 'x' },
      may: ['users:bob', 'userextras:x'],
      expected: { username: 'bob', groups: ['system:authenticated'], extra: { 'a/b': ['x'] } },
    },
  ])('acts as $name', async ({ headers, may, expected }) => {
    expect(await impersonate(jane, headers, allowing(...may))).toEqual(expected);
  });

  test('is refused without the right, naming what is missing', async () => {
    await expect(
      impersonate(jane, { 'impersonate-user': 'bob', 'impersonate-group': 'system:masters' }, allowing('users:bob')),
    ).rejects.toThrow(
      'groups "system:masters" is forbidden: User "jane" cannot impersonate resource "groups" in API group "" at the cluster scope',
    );
  });

  test('of a group needs a user', async () => {
    await expect(impersonate(jane, { 'impersonate-group': 'a' }, allowing())).rejects.toThrow(
      'without impersonating a user',
    );
  });
});
