import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { builtinResources } from '#api/catalogue.ts';
import { configMaps, pods } from '#api/core/v1.ts';
import { defineResource, type ResourceDefinition } from '#server/apiserver/resource.ts';
import { apiRequest, connectionOf } from '../../support/api-request.ts';
import { openWatch } from '../../support/api-watch.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';

let server: TestServer;

beforeAll(async () => {
  const definitions: ResourceDefinition[] = builtinResources.map(({ ref }) => defineResource(ref));
  const withFields = definitions.map((definition) =>
    definition.ref.plural === 'pods'
      ? defineResource(pods, { fieldSelectors: { 'spec.nodeName': ({ spec }) => spec.nodeName ?? '' } })
      : definition,
  );
  server = await startTestServer({ definitions: withFields });
});
afterAll(() => server.stop());

const path = (namespace: string) => `/api/v1/namespaces/${namespace}/configmaps`;
const get = (url: string, headers = {}) => apiRequest(server, url, { headers });

function create(namespace: string, name: string, labels: Record<string, string> = {}) {
  return server.client.create(configMaps, { metadata: { namespace, name, labels }, data: {} });
}
const setLabels = (namespace: string, name: string, labels: object) =>
  server.client.patch(configMaps, { namespace, name }, { metadata: { labels } }, { type: 'merge' });
const removeIt = (namespace: string, name: string) => server.client.delete(configMaps, { namespace, name });

const namesOf = (list: { items: { metadata: { name: string } }[] }) => list.items.map(({ metadata }) => metadata.name);

describe('list', () => {
  beforeAll(async () => {
    for (const [namespace, name] of [
      ['list-b', 'x'],
      ['list-a', 'y'],
      ['list-a', 'x'],
      ['list', 'z'],
    ] as const) {
      await create(namespace, name, { in: namespace, name });
    }
  });

  test('is sorted as the store sorts keys, and has the newest revision', async () => {
    const { json } = await get('/api/v1/configmaps?labelSelector=in');
    expect(
      json.items.map(
        ({ metadata }: { metadata: { namespace: string; name: string } }) => `${metadata.namespace}/${metadata.name}`,
      ),
    ).toEqual(['list-a/x', 'list-a/y', 'list-b/x', 'list/z']);
    expect(json).toMatchObject({ kind: 'ConfigMapList', apiVersion: 'v1' });
    expect(Number(json.metadata.resourceVersion)).toBe(server.store.revision);
  });

  test('an empty list has empty items', async () => {
    const { json } = await get('/apis/apps/v1/namespaces/none/deployments');
    expect(json.items).toEqual([]);
  });

  test('field selectors', async () => {
    expect(namesOf((await get(`${path('list-a')}?fieldSelector=metadata.name%3Dx`)).json)).toEqual(['x']);
    expect(namesOf((await get(`${path('list-a')}?fieldSelector=metadata.name!%3Dx`)).json)).toEqual(['y']);
    const { code, json } = await get(`${path('list-a')}?fieldSelector=data.a%3Dx`);
    expect([code, json.message]).toEqual([400, 'field label not supported: data.a']);
  });

  test('pages show one snapshot whatever happens between them', async () => {
    const namespace = 'pages';
    for (const name of ['a', 'b', 'c', 'd', 'e']) await create(namespace, name);
    const first = (await get(`${path(namespace)}?limit=2`)).json;
    expect(namesOf(first)).toEqual(['a', 'b']);
    expect(first.metadata.remainingItemCount).toBe(3);
    await removeIt(namespace, 'c');
    await create(namespace, 'bb');
    const second = (await get(`${path(namespace)}?limit=2&continue=${first.metadata.continue}`)).json;
    expect(namesOf(second)).toEqual(['c', 'd']);
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    const third = (await get(`${path(namespace)}?limit=2&continue=${second.metadata.continue}`)).json;
    expect(namesOf(third)).toEqual(['e']);
    expect(third.metadata.continue).toBeUndefined();
    const both = await get(`${path(namespace)}?limit=2&continue=${first.metadata.continue}&resourceVersion=5`);
    expect([both.code, both.json.message]).toEqual([
      400,
      'specifying resource version is not allowed when using continue',
    ]);
  });

  test('a compacted page is 410 with a token to go on from', async () => {
    const namespace = 'compacted';
    for (const name of ['a', 'b', 'c']) await create(namespace, name);
    const first = (await get(`${path(namespace)}?limit=1`)).json;
    await create(namespace, 'd');
    await server.store.compact(server.store.revision);
    const { code, json } = await get(`${path(namespace)}?limit=1&continue=${first.metadata.continue}`);
    expect([code, json.reason]).toEqual([410, 'Expired']);
    expect(json.message).toContain('The provided continue parameter is too old to display a consistent list result');
    const rest = (await get(`${path(namespace)}?continue=${json.metadata.continue}`)).json;
    expect(namesOf(rest)).toEqual(['b', 'c', 'd']);
  });

  test('with a selector nobody counts the rest', async () => {
    const { json } = await get('/api/v1/configmaps?labelSelector=in&limit=1');
    expect(json.metadata.continue).toBeDefined();
    expect(json.metadata.remainingItemCount).toBeUndefined();
  });

  test('an exact revision shows the past', async () => {
    const made = await create('exact', 'a');
    await create('exact', 'b');
    const url = `${path('exact')}?resourceVersion=${made.metadata.resourceVersion}`;
    expect(namesOf((await get(`${url}&resourceVersionMatch=Exact`)).json)).toEqual(['a']);
    expect(namesOf((await get(`${url}&resourceVersionMatch=NotOlderThan`)).json)).toEqual(['a', 'b']);
    expect(namesOf((await get(url)).json)).toEqual(['a', 'b']);
  });

  test('a revision of the future is 504 after a while', async () => {
    const { code, json } = await get(`${path('exact')}?resourceVersion=${server.store.revision + 1000}`);
    expect(code).toBe(504);
    expect(json.message).toMatch(/^Timeout: Too large resource version: \d+, current: \d+$/);
    expect(json.details.causes[0].reason).toBe('ResourceVersionTooLarge');
  });

  test('Tables, partial objects and YAML', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';
    const table = (await get(path('list-a'), { accept })).json;
    expect(table).toMatchObject({ kind: 'Table', apiVersion: 'meta.k8s.io/v1' });
    expect(table.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual(['Name', 'Created At']);
    expect(table.rows[0].cells[0]).toBe('x');
    expect(table.rows[0].object).toMatchObject({ kind: 'PartialObjectMetadata', metadata: { name: 'x' } });
    const bare = (await get(`${path('list-a')}?includeObject=None`, { accept })).json;
    expect(bare.rows[0].object).toBeUndefined();
    const partial = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
    const list = (await get(path('list-a'), { accept: partial })).json;
    expect(list).toMatchObject({ kind: 'PartialObjectMetadataList', items: [{ kind: 'PartialObjectMetadata' }, {}] });
    expect(list.items[0].data).toBeUndefined();
    const yaml = await get(path('list-a'), { accept: 'application/yaml' });
    expect(yaml.headers['content-type']).toBe('application/yaml');
    expect(yaml.text).toContain('kind: ConfigMapList');
  });

  test('protobuf where it is preferred', async () => {
    const accept = 'application/vnd.kubernetes.protobuf,application/json';
    const { headers, bytes } = await get(path('list-a'), { accept });
    expect(headers['content-type']).toBe('application/vnd.kubernetes.protobuf');
    expect(bytes.subarray(0, 4).toString('latin1')).toBe('k8s\0');
  });
});

describe('watch', () => {
  test('shows what is there, then what happens', async () => {
    await create('w1', 'a');
    using watch = await openWatch(server, `${path('w1')}?watch=1`);
    await watch.waitFor(1);
    await create('w1', 'b');
    await setLabels('w1', 'b', { x: 'y' });
    await removeIt('w1', 'b');
    await create('other', 'c');
    await create('w1', 'd');
    const events = await watch.waitFor(5);
    expect(events.map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual([
      'ADDED a',
      'ADDED b',
      'MODIFIED b',
      'DELETED b',
      'ADDED d',
    ]);
    const revisions = events.map(({ object }) => Number(object.metadata.resourceVersion));
    expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
    expect(new Set(revisions).size).toBe(5);
  });

  test('goes on after a revision', async () => {
    const first = await create('w2', 'a');
    await create('w2', 'b');
    using watch = await openWatch(server, `${path('w2')}?watch=1&resourceVersion=${first.metadata.resourceVersion}`);
    await create('w2', 'c');
    const events = await watch.waitFor(2);
    expect(events.map(({ object }) => object.metadata.name)).toEqual(['b', 'c']);
  });

  test('goes on after a revision that only the store remembers', async () => {
    const namespace = 'w3';
    const first = await create(namespace, 'first');
    await create(namespace, 'kept');
    await removeIt(namespace, 'first');
    // More than the ring in memory holds.
    const data = { text: 'x'.repeat(100_000) };
    for (let i = 0; i < 30; i++) {
      await server.client.patch(
        configMaps,
        { namespace, name: 'kept' },
        { data: { ...data, i: String(i) } },
        { type: 'merge' },
      );
    }
    using watch = await openWatch(
      server,
      `${path(namespace)}?watch=1&resourceVersion=${first.metadata.resourceVersion}`,
    );
    const events = await watch.waitFor(32);
    expect(events.slice(0, 3).map(({ type, object }) => `${type} ${object.metadata.name}`)).toEqual([
      'ADDED kept',
      'DELETED first',
      'MODIFIED kept',
    ]);
    await create(namespace, 'live');
    expect((await watch.waitFor(33))[32].object.metadata.name).toBe('live');
  });

  test('a compacted revision is an ERROR event and nothing else', async () => {
    const namespace = 'w4';
    const first = await create(namespace, 'a');
    const data = { text: 'x'.repeat(300_000) };
    for (let i = 0; i < 9; i++) {
      await server.client.patch(
        configMaps,
        { namespace, name: 'a' },
        { data: { ...data, i: String(i) } },
        { type: 'merge' },
      );
    }
    await server.store.compact(server.store.revision);
    using watch = await openWatch(
      server,
      `${path(namespace)}?watch=1&resourceVersion=${first.metadata.resourceVersion}`,
    );
    await eventually(() => expect(watch.ended).toBe(true));
    expect(watch.events).toMatchObject([{ type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }]);
  });

  test('a selector turns changes into comings and goings', async () => {
    const namespace = 'w5';
    await create(namespace, 'a', { team: 'x' });
    using watch = await openWatch(server, `${path(namespace)}?watch=1&labelSelector=team%3Dx`);
    await watch.waitFor(1);
    const left = await setLabels(namespace, 'a', { team: 'y' });
    await setLabels(namespace, 'a', { other: 'z' });
    await setLabels(namespace, 'a', { team: 'x' });
    await removeIt(namespace, 'a');
    const events = await watch.waitFor(4);
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'DELETED', 'ADDED', 'DELETED']);
    expect(events[1].object.metadata).toMatchObject({
      labels: { team: 'x' },
      resourceVersion: left.metadata.resourceVersion,
    });
  });

  test('one object by name: selector, path, legacy path', async () => {
    const namespace = 'w6';
    await create(namespace, 'a');
    await create(namespace, 'b');
    for (const url of [
      `${path(namespace)}?watch=1&fieldSelector=metadata.name%3Db`,
      `${path(namespace)}/b?watch=1`,
      `/api/v1/watch/namespaces/${namespace}/configmaps/b`,
    ]) {
      using watch = await openWatch(server, url);
      const [event] = await watch.waitFor(1);
      expect(event.object.metadata.name).toBe('b');
    }
  });

  test('sendInitialEvents ends with a marked bookmark', async () => {
    const namespace = 'w7';
    await create(namespace, 'a');
    using watch = await openWatch(
      server,
      `${path(namespace)}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    );
    const events = await watch.waitFor(2);
    expect(events[0]).toMatchObject({ type: 'ADDED', object: { metadata: { name: 'a' } } });
    expect(events[1]).toMatchObject({
      type: 'BOOKMARK',
      object: {
        kind: 'ConfigMap',
        apiVersion: 'v1',
        metadata: { annotations: { 'k8s.io/initial-events-end': 'true' }, creationTimestamp: null },
      },
    });
    expect(Number(events[1].object.metadata.resourceVersion)).toBe(server.store.revision);
  });

  test('ends by its own timeout', async () => {
    using watch = await openWatch(server, `${path('w8')}?watch=1&timeoutSeconds=1`);
    await eventually(() => expect(watch.ended).toBe(true));
  });

  test('a Table names its columns once', async () => {
    const namespace = 'w9';
    await create(namespace, 'a');
    using watch = await openWatch(
      server,
      `${path(namespace)}?watch=1`,
      'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
    );
    await watch.waitFor(1);
    await create(namespace, 'b');
    const events = await watch.waitFor(2);
    expect(events.map(({ object }) => object.columnDefinitions.length)).toEqual([2, 0]);
    expect(events.map(({ object }) => object.rows[0].cells[0])).toEqual(['a', 'b']);
  });

  test('many watchers see the same order', async () => {
    const namespace = 'w10';
    const watches = await Promise.all(
      Array.from({ length: 10 }, () => openWatch(server, `${path(namespace)}?watch=1`)),
    );
    await Promise.all(Array.from({ length: 50 }, (_, i) => create(namespace, `n${i}`)));
    const seen = await Promise.all(watches.map((watch) => watch.waitFor(50)));
    const [first, ...others] = seen.map((events) => events.map(({ object }) => object.metadata.resourceVersion));
    for (const other of others) expect(other).toEqual(first);
    for (const watch of watches) watch[Symbol.dispose]();
  });

  test.each([
    { query: 'resourceVersion=abc', code: 400, text: 'invalid syntax' },
    { query: 'timeoutSeconds=abc', code: 400, text: 'strconv.ParseInt: parsing "abc": invalid syntax' },
    { query: 'labelSelector=a%20b', code: 400, text: 'unable to parse requirement' },
    { query: 'fieldSelector=nope%3D1', code: 400, text: 'field label not supported: nope' },
    {
      query: 'resourceVersionMatch=NotOlderThan',
      code: 422,
      text: 'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    },
  ])('refuses $query', async ({ query, code, text }) => {
    const answer = await get(`${path('w')}?watch=1&${query}`);
    expect(answer.code).toBe(code);
    expect(answer.json.message).toContain(text);
  });
});

test('in process: objects are shared and frozen, a watch is left by leaving the loop', async () => {
  const namespace = 'inproc';
  const made = await create(namespace, 'a');
  expect(Object.isFrozen(made.metadata)).toBe(true);
  expect(server.apiServer.cache.get(configMaps, { namespace, name: 'a' })).toBe(made);
  const seen: string[] = [];
  for await (const { type, object } of server.client.watch(configMaps, { namespace })) {
    seen.push(`${type} ${object.metadata.name}`);
    if (seen.length === 1) await create(namespace, 'b');
    else break;
  }
  expect(seen).toEqual(['ADDED a', 'ADDED b']);
});

test('the cache tells of changes and keeps its indexes', async () => {
  const { cache } = server.apiServer;
  const pod = await server.client.create(pods, {
    metadata: { namespace: 'c', name: 'p' },
    spec: { nodeName: 'n1', containers: [{ name: 'c', image: 'i' }] },
  });
  const owned = await server.client.create(configMaps, {
    metadata: {
      namespace: 'c',
      name: 'owned',
      ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: pod.metadata.uid ?? '', controller: true }],
    },
  });
  expect(cache.onNode(pods, 'n1')).toEqual([pod]);
  expect(cache.ownedBy(configMaps, pod)).toEqual([owned]);
  const seen: string[] = [];
  const stop = cache.onChange(pods, ({ type, object }) => seen.push(`${type} ${object.metadata.name}`));
  await server.client.delete(pods, { namespace: 'c', name: 'p' });
  stop();
  expect(seen).toEqual(['ADDED p', 'DELETED p']);
  expect(cache.onNode(pods, 'n1')).toEqual([]);
});

test('a receiver that does not read is cut off', async () => {
  const namespace = 'slow';
  await create(namespace, 'a');
  const { hostname, port, ca, cert, key } = connectionOf(server) as Record<string, string>;
  const socket = connectTls({ host: hostname, port: Number(port), ca, cert, key, ALPNProtocols: ['http/1.1'] });
  socket.write(`GET ${path(namespace)}?watch=1 HTTP/1.1\r\nHost: x\r\n\r\n`);
  await new Promise((resolve) => socket.once('data', resolve));
  socket.pause();
  let closed = false;
  socket.on('close', () => {
    closed = true;
  });
  socket.on('error', () => {});
  const watchers = () =>
    apiRequest(server, '/metrics').then(({ text }) => Number(/^apiserver_registered_watchers (\d+)$/m.exec(text)?.[1]));
  const before = await watchers();
  const text = 'x'.repeat(1_000_000);
  for (let i = 0; i < 40; i++) {
    await server.client.patch(
      configMaps,
      { namespace, name: 'a' },
      { data: { text, i: String(i) } },
      { type: 'merge' },
    );
  }
  await eventually(async () => expect(await watchers()).toBe(before - 1));
  socket.resume();
  await eventually(() => expect(closed).toBe(true));
});
