import { mkdtemp, rm } from 'node:fs/promises';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ConfigMap, configMaps, namespaces, type Pod, pods, secrets } from '#api/core/v1.ts';
import { isConflict, isNotFound, StatusError } from '#api/meta/errors.ts';
import { createLogger } from '#base/logger.ts';
import type { CacheEvent } from '#client/cache.ts';
import { Client } from '#client/client.ts';
import { type Credentials, HttpsTransport } from '#client/https-transport.ts';
import { InformerCache, type InformerSpec } from '#client/informer-cache.ts';
import { eventually } from '#test/support/eventually.ts';
import { startTestServer, type TestServer } from '#test/support/test-server.ts';
import { makeTestTls } from '#test/support/test-tls.ts';

let dataDir: string;
let server: TestServer;
/** What runs beside the server and has to end before it. */
const ends: (() => Promise<void> | void)[] = [];

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'skiff-client-'));
  server = await startTestServer({ dataDir });
  for (const name of ['a', 'b']) await server.client.create(namespaces, { metadata: { name }, spec: {} });
});
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
  await server.stop();
  await rm(dataDir, { recursive: true, force: true });
});

const credentials = (): Credentials => ({ ca: server.ca, ...server.adminCertificate });

function connect(options: { timeoutMs?: number; server?: string; credentials?: () => Credentials } = {}): Client {
  const transport = new HttpsTransport({ server: server.url, credentials, userAgent: 'test', ...options });
  ends.push(() => transport.close());
  return new Client(transport);
}

async function follow(informers: readonly InformerSpec[]): Promise<InformerCache> {
  const cache = new InformerCache({ client: connect(), informers, log: createLogger({ level: 'silent' }) });
  ends.unshift(() => cache.stop());
  await cache.start();
  await cache.synced(
    informers.map(({ ref }) => ref),
    AbortSignal.timeout(5000),
  );
  return cache;
}

const configMap = (name: string, value = '1', namespace = 'a'): ConfigMap => ({
  metadata: { name, namespace, labels: { value } },
  data: { value },
});

async function put(name: string, value: string, on: TestServer = server): Promise<void> {
  await on.client.patch(configMaps, { namespace: 'a', name }, configMap(name, value), { type: 'merge' });
}

/** `TYPE name=value` of everything that a cache tells of from now on. */
function record(cache: InformerCache): string[] {
  const seen: string[] = [];
  cache.onChange(configMaps, ({ type, object }: CacheEvent<ConfigMap>) => {
    seen.push(`${type} ${object.metadata.name}=${object.data?.['value']}`);
  });
  return seen;
}

const contents = (cache: InformerCache): string[] =>
  cache
    .list(configMaps)
    .map(({ metadata, data }) => `${metadata.name}=${data?.['value']}`)
    .sort();

/** The server goes away; `whileAway` works on its data under another address; then it is back where it was. */
async function restart(whileAway: (other: TestServer) => Promise<void> = async () => {}): Promise<void> {
  const { port } = server.apiServer;
  await server.stop();
  const other = await startTestServer({ dataDir });
  await whileAway(other);
  await other.stop();
  server = await startTestServer({ dataDir, port });
}

describe('InformerCache', () => {
  test('holds what is there and follows every change', async () => {
    await server.client.create(configMaps, configMap('old'));
    const cache = await follow([{ ref: configMaps }]);
    const seen = record(cache);
    await server.client.create(configMaps, configMap('new'));
    await put('new', '2');
    await server.client.delete(configMaps, { namespace: 'a', name: 'old' });
    await eventually(() => expect(seen).toEqual(['ADDED old=1', 'ADDED new=1', 'MODIFIED new=2', 'DELETED old=1']));
    expect(contents(cache)).toEqual(['new=2']);
    expect(cache.list(configMaps, { namespace: 'b' })).toEqual([]);
    expect(Object.isFrozen(cache.get(configMaps, { namespace: 'a', name: 'new' })?.data)).toBe(true);
  });

  test('finds pods by their node and by their owner', async () => {
    const owner = { apiVersion: 'v1', kind: 'ConfigMap', name: 'o', uid: 'u', controller: true };
    const pod = (name: string, nodeName: string): Pod => ({
      metadata: { name, namespace: 'a', ownerReferences: [owner] },
      spec: { nodeName, containers: [{ name: 'c', image: 'web' }] },
    });
    await server.client.create(pods, pod('p1', 'n1'));
    await server.client.create(pods, pod('p2', 'n2'));
    const cache = await follow([{ ref: pods }]);
    expect(cache.onNode(pods, 'n1').map(({ metadata }) => metadata.name)).toEqual(['p1']);
    expect(cache.ownedBy(pods, { metadata: { name: 'o', uid: 'u' } })).toHaveLength(2);
    await server.client.delete(pods, { namespace: 'a', name: 'p1' }, { gracePeriodSeconds: 0 });
    await eventually(() => expect(cache.onNode(pods, 'n1')).toEqual([]));
    const only = await follow([{ ref: pods, fieldSelector: 'metadata.name=p2' }]);
    expect(only.list(pods).map(({ metadata }) => metadata.name)).toEqual(['p2']);
  });

  test('forgets what stops matching its selector', async () => {
    await server.client.create(configMaps, configMap('x', '1'));
    const cache = await follow([{ ref: configMaps, labelSelector: 'value=1' }]);
    expect(contents(cache)).toEqual(['x=1']);
    await put('x', '2');
    await eventually(() => expect(contents(cache)).toEqual([]));
    await put('x', '1');
    await eventually(() => expect(contents(cache)).toEqual(['x=1']));
  });

  test('keeps what it knows while the server is away, and goes on from there', async () => {
    await server.client.create(configMaps, configMap('kept'));
    const cache = await follow([{ ref: configMaps }]);
    const seen = record(cache);
    await restart(async (other) => {
      expect(contents(cache)).toEqual(['kept=1']);
      await put('kept', '2', other);
      await put('kept', '3', other);
      await other.client.create(configMaps, configMap('late'));
    });
    // Each change once: the watch went on where it was, no list came in between.
    await eventually(() =>
      expect(seen).toEqual(['ADDED kept=1', 'MODIFIED kept=2', 'MODIFIED kept=3', 'ADDED late=1']),
    );
    await put('kept', '4');
    await eventually(() => expect(contents(cache)).toEqual(['kept=4', 'late=1']));
  });

  test('lists again when the history it missed is gone', async () => {
    for (const name of ['stays', 'changes', 'goes']) await server.client.create(configMaps, configMap(name));
    const cache = await follow([{ ref: configMaps }]);
    const seen = record(cache);
    await restart(async (other) => {
      await put('changes', '2', other);
      await put('changes', '3', other);
      await other.client.delete(configMaps, { namespace: 'a', name: 'goes' });
      await other.client.create(configMaps, configMap('comes'));
      const { metadata } = await other.client.list(configMaps);
      await other.store.compact(Number(metadata.resourceVersion));
    });
    await eventually(() => expect(contents(cache)).toEqual(['changes=3', 'comes=1', 'stays=1']));
    expect(seen.slice(3).sort()).toEqual(['ADDED comes=1', 'DELETED goes=1', 'MODIFIED changes=3']);
    await put('stays', '2');
    await eventually(() => expect(contents(cache)).toContain('stays=2'));
  });

  test('holds by name what it is asked for, and no more', async () => {
    for (const name of ['x', 'y', 'z']) await server.client.create(configMaps, configMap(name));
    const cache = await follow([{ ref: configMaps, byName: true }]);
    const key = (name: string) => ({ namespace: 'a', name });
    expect(contents(cache)).toEqual([]);
    cache.want(configMaps, [key('x'), key('later')]);
    await eventually(() => expect(contents(cache)).toEqual(['x=1']));
    await server.client.create(configMaps, configMap('later'));
    await put('x', '2');
    await eventually(() => expect(contents(cache)).toEqual(['later=1', 'x=2']));
    cache.want(configMaps, [key('later'), key('y')]);
    await eventually(() => expect(contents(cache)).toEqual(['later=1', 'y=1']));
    await put('x', '3');
    await server.client.delete(configMaps, key('y'));
    await eventually(() => expect(contents(cache)).toEqual(['later=1']));
    await restart((other) => put('later', '9', other));
    await eventually(() => expect(contents(cache)).toEqual(['later=9']));
    cache.want(configMaps, []);
    expect(contents(cache)).toEqual([]);
  });

  test('starts while there is no server', async () => {
    const { port } = server.apiServer;
    await server.client.create(configMaps, configMap('x'));
    await server.stop();
    const cache = new InformerCache({
      client: connect(),
      informers: [{ ref: configMaps }],
      log: createLogger({ level: 'silent' }),
    });
    ends.unshift(() => cache.stop());
    await cache.start();
    await expect(cache.synced([configMaps], AbortSignal.timeout(300))).rejects.toThrow();
    server = await startTestServer({ dataDir, port });
    await cache.synced([configMaps], AbortSignal.timeout(10_000));
    expect(contents(cache)).toEqual(['x=1']);
  });

  test('says that it does not hold a kind', async () => {
    const cache = await follow([{ ref: configMaps }]);
    expect(() => cache.list(secrets)).toThrow('This cache does not hold secrets');
  });
});

describe('HttpsTransport', () => {
  test('gives the answers and errors of the API', async () => {
    const client = connect();
    const created = await client.create(configMaps, configMap('x'));
    expect(created.metadata.uid).toBeTruthy();
    await expect(client.get(configMaps, { namespace: 'a', name: 'none' })).rejects.toSatisfy(isNotFound);
    const stale = { ...created, data: { value: '2' } };
    await client.update(configMaps, stale);
    await expect(client.update(configMaps, stale)).rejects.toSatisfy(isConflict);
    expect((await client.list(configMaps, { namespace: 'a', limit: 1 })).items).toHaveLength(1);
    await client.delete(configMaps, { namespace: 'a', name: 'x' });
  });

  test('serves many requests at once', async () => {
    const client = connect();
    await Promise.all(Array.from({ length: 150 }, (_, i) => client.create(configMaps, configMap(`c${i}`))));
    expect((await client.list(configMaps, { namespace: 'a' })).items).toHaveLength(150);
  });

  test('connects anew after a restart, with the credentials of then', async () => {
    const client = connect();
    await client.create(configMaps, configMap('x'));
    await restart();
    await eventually(async () =>
      expect((await client.get(configMaps, { namespace: 'a', name: 'x' })).data).toEqual({ value: '1' }),
    );
  });

  test('trusts the given authority only', async () => {
    const other = await startTestServer();
    const client = connect({ credentials: () => ({ ...credentials(), ca: other.ca }) });
    await other.stop();
    await expect(client.list(configMaps)).rejects.toThrow(/Cannot reach the API server at .*certificate/);
  });

  test('says that nobody answers', async () => {
    const client = connect({ server: 'https://127.0.0.1:9' });
    const error: unknown = await client.list(configMaps).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StatusError);
    expect((error as StatusError).code).toBe(503);
    expect((error as StatusError).message).toMatch(
      /^Cannot reach the API server at https:\/\/127.0.0.1:9: .*ECONNREFUSED/,
    );
  });

  test('gives up on a server that is silent, and on one that hangs up in the middle', async () => {
    const { server: tls, authority } = await makeTestTls();
    let isHangingUp = false;
    const mute = createSecureServer({ cert: tls.cert, key: tls.key }, (_request, response) => {
      if (!isHangingUp) return;
      response.writeHead(200);
      response.write('{"type":"ADDED","object":{"metadata":{"name":"x"}}}\n{"type"');
      setTimeout(() => response.stream.session?.destroy(), 20);
    });
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    ends.push(() => void mute.close());
    const url = `https://127.0.0.1:${(mute.address() as AddressInfo).port}`;
    const client = connect({ server: url, credentials: () => ({ ca: authority.cert }), timeoutMs: 200 });
    await expect(client.list(configMaps)).rejects.toMatchObject({
      code: 503,
      message: `Cannot reach the API server at ${url}: no answer within 0.2 s`,
    });
    isHangingUp = true;
    await expect(client.list(configMaps)).rejects.toMatchObject({ code: 503 });
    // A watch gives what came whole, and then it is over, one way or the other.
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { object } of client.watch(configMaps)) seen.push(object.metadata.name);
    })();
    await watching.catch((error: unknown) => expect(error).toMatchObject({ code: 503 }));
    expect(seen).toEqual(['x']);
  });

  test('ends when its caller does', async () => {
    const client = connect();
    const abort = new AbortController();
    const reason = new Error('enough');
    const watching = (async () => {
      for await (const _event of client.watch(configMaps, { signal: abort.signal })) abort.abort(reason);
    })();
    await server.client.create(configMaps, configMap('x'));
    await expect(watching).rejects.toBe(reason);
    await expect(client.list(configMaps, { signal: abort.signal })).rejects.toBe(reason);
  });

  test('tells when a watch starts too far back', async () => {
    const client = connect();
    await server.client.create(configMaps, configMap('x'));
    const { metadata } = await client.list(configMaps);
    await put('x', '2');
    await put('x', '3');
    await server.store.compact(Number((await client.list(configMaps)).metadata.resourceVersion));
    await restart();
    const { resourceVersion = '' } = metadata;
    const watching = (async () => {
      for await (const _event of client.watch(configMaps, { resourceVersion }));
    })();
    await expect(watching).rejects.toMatchObject({ code: 410 });
  });
});
