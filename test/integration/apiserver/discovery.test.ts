import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import { defineResource } from '#server/apiserver/resource.ts';
import { apiRequest } from '../../support/api-request.ts';
import { openWatch } from '../../support/api-watch.ts';
import { eventually } from '../../support/eventually.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.stop());

const get = (path: string, headers = {}) => apiRequest(server, path, { headers });
const aggregated = (version: string) =>
  `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList,application/json`;
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely
const named = (list: any[], name: string) => list.find((entry) => entry.name === name);

test('/api and /apis', async () => {
  expect((await get('/api')).json).toMatchObject({ kind: 'APIVersions', versions: ['v1'] });
  const { json } = await get('/apis');
  expect(json.kind).toBe('APIGroupList');
  expect(json.groups[1]).toEqual({
    name: 'apps',
    versions: [{ groupVersion: 'apps/v1', version: 'v1' }],
    preferredVersion: { groupVersion: 'apps/v1', version: 'v1' },
  });
  const { versions } = named(json.groups, 'autoscaling');
  expect(versions.map(({ version }: { version: string }) => version)).toEqual(['v2', 'v1']);
  expect((await get('/apis/apps')).json).toMatchObject({ kind: 'APIGroup', name: 'apps' });
});

test('resources with their subresources', async () => {
  const { json } = await get('/api/v1');
  expect(named(json.resources, 'pods')).toMatchObject({
    singularName: 'pod',
    namespaced: true,
    kind: 'Pod',
    shortNames: ['po'],
    categories: ['all'],
    verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
  });
  expect(named(json.resources, 'pods/eviction')).toMatchObject({ kind: 'Eviction', group: 'policy', version: 'v1' });
  expect(named(json.resources, 'serviceaccounts/token')).toMatchObject({
    kind: 'TokenRequest',
    group: 'authentication.k8s.io',
    version: 'v1',
  });
  expect(named((await get('/apis/apps/v1')).json.resources, 'deployments/scale')).toMatchObject({
    kind: 'Scale',
    group: 'autoscaling',
    version: 'v1',
  });
});

test.each(['v2', 'v2beta1'])('aggregated discovery %s', async (version) => {
  const answer = await get('/apis', { accept: aggregated(version) });
  expect(answer.headers['content-type']).toBe(
    `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
  );
  expect(answer.headers['vary']).toContain('Accept');
  const apps = answer.json.items.find(({ metadata }: { metadata: { name: string } }) => metadata.name === 'apps');
  const [deployments] = apps.versions[0].resources.filter(
    ({ resource }: { resource: string }) => resource === 'deployments',
  );
  expect(deployments).toMatchObject({
    responseKind: { group: 'apps', version: 'v1', kind: 'Deployment' },
    scope: 'Namespaced',
    singularResource: 'deployment',
    subresources: [{ subresource: 'scale', responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' } }, {}],
  });
  const etag = answer.headers.etag ?? '';
  expect(etag).toMatch(/^"[0-9A-F]{128}"$/);
  const again = await get('/apis', { accept: aggregated(version), 'if-none-match': etag });
  expect([again.code, again.text]).toEqual([304, '']);
});

test.each(['/apis/nope.example.com', '/apis/nope.example.com/v1', '/apis/apps/v9', '/api/v2'])(
  '%s is 404',
  async (path) => {
    const { code, json } = await get(path);
    expect(code).toBe(404);
    expect(json).toMatchObject({ kind: 'Status', reason: 'NotFound', details: {} });
  },
);

test('OpenAPI v3 has one document per group-version, found by its hash', async () => {
  const { paths } = (await get('/openapi/v3')).json;
  const { serverRelativeURL } = paths['apis/apps/v1'];
  expect(serverRelativeURL).toMatch(/^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]{128}$/);
  const { headers, json } = await get(serverRelativeURL);
  expect(headers['cache-control']).toBe('public, immutable');
  expect(json.paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'].patch).toBeDefined();
  const moved = await get('/openapi/v3/apis/apps/v1?hash=old');
  expect([moved.code, moved.headers.location]).toEqual([301, serverRelativeURL]);
  expect((await get('/openapi/v3/apis/nope/v1')).code).toBe(404);
});

test('OpenAPI v2 as JSON and protobuf', async () => {
  const { headers, json } = await get('/openapi/v2');
  expect(json.swagger).toBe('2.0');
  expect((await get('/openapi/v2', { 'if-none-match': headers.etag ?? '' })).code).toBe(304);
  for (const separator of ['.', '@']) {
    const accept = `application/com.github.proto-openapi.spec.v2${separator}v1.0+protobuf`;
    const answer = await get('/openapi/v2', { accept });
    expect(answer.headers['content-type']).toBe('application/com.github.proto-openapi.spec.v2.v1.0+protobuf');
    expect(answer.bytes.length).toBeGreaterThan(100_000);
  }
  expect((await get('/openapi/v2', { accept: 'image/png' })).code).toBe(406);
});

test('version, health and metrics', async () => {
  expect((await get('/version')).json).toMatchObject({
    major: '1',
    minor: '36',
    gitVersion: 'v1.36.0+skiff0.0.0-test',
  });
  for (const path of ['/healthz', '/livez', '/readyz', '/readyz/ping', '/readyz?exclude=etcd']) {
    expect((await get(path)).text).toBe('ok');
  }
  expect((await get('/livez?verbose')).text).toBe('[+]ping ok\n[+]etcd ok\n[+]shutdown ok\nlivez check passed\n');
  expect((await get('/readyz/nope')).code).toBe(404);
  const metrics = (await get('/metrics')).text;
  expect(metrics).toMatch(/^apiserver_request_total\{verb="GET",.*code="200"\} \d+$/m);
  expect(metrics).toMatch(/^apiserver_storage_revision \d+$/m);
  const { paths } = (await get('/')).json;
  expect(paths).toEqual(
    expect.arrayContaining([
      '/api',
      '/api/v1',
      '/apis',
      '/apis/apps',
      '/apis/apps/v1',
      '/healthz/ping',
      '/metrics',
      '/version',
    ]),
  );
});

test('a resource made at run time is served at once, and its watches end with it', async () => {
  const ref: ResourceRef = { group: 'example.com', version: 'v1', kind: 'Widget', plural: 'widgets', namespaced: true };
  const definition = defineResource(ref, {
    schema: { type: 'object', fields: { spec: { schema: { type: 'any' } } }, required: [], preserveUnknown: true },
    shortNames: ['wd'],
    unconditionalUpdate: false,
  });
  const path = '/apis/example.com/v1/namespaces/default/widgets';
  expect((await get(path)).code).toBe(404);
  await server.apiServer.addDefinition(definition);
  const made = await apiRequest(server, path, { method: 'POST', body: { metadata: { name: 'w' }, spec: { a: 1 } } });
  expect([made.code, made.json.spec]).toEqual([201, { a: 1 }]);
  expect(named((await get('/apis')).json.groups, 'example.com')).toBeDefined();
  expect((await get('/apis/example.com/v1')).json.resources[0]).toMatchObject({ name: 'widgets', shortNames: ['wd'] });
  expect((await get('/openapi/v3')).json.paths['apis/example.com/v1']).toBeDefined();
  const blind = await apiRequest(server, `${path}/w`, { method: 'PUT', body: { metadata: { name: 'w' } } });
  expect([blind.code, blind.json.message]).toEqual([
    422,
    'Widget.example.com "w" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  ]);
  const strategic = {
    method: 'PATCH',
    body: '{}',
    headers: { 'content-type': 'application/strategic-merge-patch+json' },
  };
  expect((await apiRequest(server, `${path}/w`, strategic)).code).toBe(415);
  const protobuf = 'application/vnd.kubernetes.protobuf,application/json';
  expect((await get(`${path}/w`, { accept: protobuf })).headers['content-type']).toBe('application/json');
  using watch = await openWatch(server, `${path}?watch=1`);
  await watch.waitFor(1);
  server.apiServer.removeDefinition(definition);
  await eventually(() => expect(watch.ended).toBe(true));
  expect((await get(path)).code).toBe(404);
  // What is stored comes back with the definition.
  await server.apiServer.addDefinition(definition);
  expect((await get(path)).json.items).toHaveLength(1);
});
