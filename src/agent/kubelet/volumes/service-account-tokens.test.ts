import { afterEach, expect, test, vi } from 'vitest';
import type { TokenRequest } from '#api/authentication/v1.ts';
import { serviceUnavailable } from '#api/meta/errors.ts';
import { formatTime } from '#api/meta/time.ts';
import type { WatchEvent } from '#api/meta/types.ts';
import { Client } from '#client/client.ts';
import type { ApiRequest, Transport } from '#client/transport.ts';
import { ServiceAccountTokens } from './service-account-tokens.ts';

const START = Date.UTC(2026, 0, 1);
const { signal } = new AbortController();
const pod = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
  spec: { containers: [], serviceAccountName: 'robot' },
};
const options = { audience: 'vault', expirationSeconds: 600 };

/** Issues numbered tokens. */
class Issuer implements Transport {
  readonly requests: ApiRequest[] = [];
  isDown = false;

  request(request: ApiRequest): Promise<unknown> {
    if (this.isDown) return Promise.reject(serviceUnavailable('down'));
    this.requests.push(request);
    const { spec } = request.body as TokenRequest;
    const expirationTimestamp = formatTime(new Date(Date.now() + (spec.expirationSeconds ?? 0) * 1000));
    return Promise.resolve({
      ...(request.body as object),
      status: { token: `token-${this.requests.length}`, expirationTimestamp },
    });
  }

  watch(): AsyncIterable<WatchEvent> {
    throw new Error('not watched');
  }
}

function setUp() {
  vi.useFakeTimers({ now: START });
  const issuer = new Issuer();
  const due: string[] = [];
  const tokens = new ServiceAccountTokens({ client: new Client(issuer), onDue: (uid) => due.push(uid) });
  return { issuer, due, tokens };
}

afterEach(() => {
  vi.useRealTimers();
});

test("asks for a token bound to the pod, in the name of the pod's account", async () => {
  const { issuer, tokens } = setUp();
  expect(await tokens.get(pod, options, signal)).toBe('token-1');
  expect(issuer.requests[0]).toMatchObject({
    verb: 'create',
    ref: { plural: 'serviceaccounts' },
    namespace: 'shop',
    name: 'robot',
    subresource: 'token',
    body: {
      spec: { audiences: ['vault'], expirationSeconds: 600, boundObjectRef: { kind: 'Pod', name: 'web', uid: 'u1' } },
    },
  });
});

test('keeps a token for 80 % of its time, then tells that it is due', async () => {
  const { tokens, due } = setUp();
  await tokens.get(pod, options, signal);
  await vi.advanceTimersByTimeAsync(479_000);
  expect(await tokens.get(pod, options, signal)).toBe('token-1');
  expect(due).toEqual([]);
  await vi.advanceTimersByTimeAsync(1000);
  expect(due).toEqual(['u1']);
  expect(await tokens.get(pod, options, signal)).toBe('token-2');
});

test('keeps tokens for different purposes apart', async () => {
  const { tokens } = setUp();
  expect(await tokens.get(pod, options, signal)).toBe('token-1');
  expect(await tokens.get(pod, { ...options, audience: 'other' }, signal)).toBe('token-2');
});

test('uses the old token while a new one cannot be had, and tries again', async () => {
  const { issuer, tokens, due } = setUp();
  await tokens.get(pod, options, signal);
  await vi.advanceTimersByTimeAsync(480_000);
  issuer.isDown = true;
  expect(await tokens.get(pod, options, signal)).toBe('token-1');
  await vi.advanceTimersByTimeAsync(10_000);
  expect(due).toEqual(['u1', 'u1']);
  await vi.advanceTimersByTimeAsync(120_000);
  await expect(tokens.get(pod, options, signal)).rejects.toThrow('down');
});

test('is not due any more when the pod is gone', async () => {
  const { tokens, due } = setUp();
  await tokens.get(pod, options, signal);
  tokens.forget('u1');
  await vi.advanceTimersByTimeAsync(600_000);
  expect(due).toEqual([]);
});
