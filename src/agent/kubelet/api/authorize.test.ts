import type { IncomingMessage } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { TokenReview } from '#api/authentication/v1.ts';
import type { SubjectAccessReview } from '#api/authorization/v1.ts';
import type { WatchEvent } from '#api/meta/types.ts';
import { Client } from '#client/client.ts';
import type { ApiRequest as ClientRequest, Transport } from '#client/transport.ts';
import { type ApiRequest, parseApiRequest } from './api-request.ts';
import { ApiAccess, subresourcesOf, verbOf } from './authorize.ts';

/** Knows one token, and lets its user do what the test says. */
class Reviewer implements Transport {
  allowed = new Set<string>();
  asked: string[] = [];

  request({ ref, body }: ClientRequest): Promise<unknown> {
    if (ref.plural === 'tokenreviews') {
      const { spec } = body as TokenReview;
      this.asked.push(spec.token);
      return Promise.resolve({
        status: { authenticated: spec.token === 'good', user: { username: 'reader', groups: ['g'] } },
      });
    }
    const { verb, subresource } = (body as SubjectAccessReview).spec.resourceAttributes ?? {};
    const wanted = `${verb} ${subresource}`;
    this.asked.push(wanted);
    return Promise.resolve({ status: { allowed: this.allowed.has(wanted) } });
  }

  watch(): AsyncIterable<WatchEvent> {
    throw new Error('not watched');
  }
}

const requestOf = (url: string, { method = 'GET', token }: { method?: string; token?: string } = {}) =>
  ({ method, url, headers: token === undefined ? {} : { authorization: `Bearer ${token}` } }) as IncomingMessage;
const parsed = (url: string, method = 'GET') => parseApiRequest(requestOf(url, { method })) as ApiRequest;

function setUp() {
  const reviewer = new Reviewer();
  let now = 0;
  const access = new ApiAccess({
    client: new Client(reviewer),
    nodeName: 'n1',
    clientCertificate: () => undefined,
    now: () => now,
  });
  const check = (url: string, token?: string) =>
    access.check(requestOf(url, token === undefined ? {} : { token }), parsed(url));
  return { reviewer, check, pass: (ms: number) => (now += ms) };
}

test.each([
  ['/stats/summary', ['stats']],
  ['/metrics/resource', ['metrics']],
  ['/logs/x', ['log']],
  ['/pods', ['pods', 'proxy']],
  ['/healthz', ['healthz', 'proxy']],
  ['/configz', ['configz', 'proxy']],
  ['/exec/ns/pod/c', ['proxy']],
  ['/containerLogs/ns/pod/c', ['proxy']],
  ['/anything', ['proxy']],
])('%s needs one of %o', (url, expected) => {
  expect(subresourcesOf(parsed(url))).toEqual(expected);
});

test.each([
  ['GET', '/pods', 'get'],
  ['POST', '/run/ns/pod/c', 'create'],
  ['GET', '/exec/ns/pod/c', 'create'],
  ['GET', '/portForward/ns/pod', 'create'],
])('%s %s is %s', (method, url, verb) => {
  expect(verbOf(parsed(url, method))).toBe(verb);
});

describe('tokens', () => {
  test('that are good and allowed let in', async () => {
    const { reviewer, check } = setUp();
    reviewer.allowed.add('get proxy');
    expect(await check('/pods', 'good')).toMatchObject({ username: 'reader', groups: ['g'] });
    expect(reviewer.asked).toEqual(['good', 'get pods', 'get proxy']);
  });

  test('that are good but not allowed do not', async () => {
    const { check } = setUp();
    await expect(check('/metrics', 'good')).rejects.toMatchObject({
      status: 403,
      message: 'Forbidden (user=reader, verb=get, resource=nodes, subresource(s)=[nodes/metrics])',
    });
  });

  test.each([['bad'], [undefined]])('%s is a stranger', async (token) => {
    await expect(setUp().check('/pods', token)).rejects.toMatchObject({ status: 401 });
  });

  test('are asked about now and then only', async () => {
    const { reviewer, check, pass } = setUp();
    reviewer.allowed.add('get metrics');
    await check('/metrics', 'good');
    await check('/metrics', 'good');
    expect(reviewer.asked).toEqual(['good', 'get metrics']);
    pass(130_000);
    await check('/metrics', 'good');
    expect(reviewer.asked).toEqual(['good', 'get metrics', 'good']);
  });
});
