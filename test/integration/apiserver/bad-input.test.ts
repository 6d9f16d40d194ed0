import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { configMaps } from '#api/core/v1.ts';
import { StoreError } from '#kvstore/kvstore.ts';
import { MemoryKvStore } from '../../fakes/memory-kvstore.ts';
import { type ApiRequestOptions, apiRequest } from '../../support/api-request.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
  await server.client.create(configMaps, { metadata: { namespace: 'default', name: 'here' } });
});
afterAll(() => server.stop());

const CM = '/api/v1/namespaces/default/configmaps';
const json = { 'content-type': 'application/json' };
const ACCEPTED = 'application/json, application/yaml, application/vnd.kubernetes.protobuf';

interface Row extends ApiRequestOptions {
  readonly name: string;
  readonly path?: string;
  readonly code: number;
  readonly reason: string;
  readonly message: string | RegExp;
}

const rows: Row[] = [
  {
    name: 'a malformed body',
    method: 'POST',
    headers: json,
    body: '{"kind": "ConfigMap",',
    code: 400,
    reason: 'BadRequest',
    message: /^the object provided is unrecognized.*unexpected end of JSON input.*\{"kind": "ConfigMap",\)$/,
  },
  { name: 'no body', method: 'POST', headers: json, body: '', code: 400, reason: 'BadRequest', message: /<empty>/ },
  {
    name: 'a list for a body',
    method: 'POST',
    headers: json,
    body: '[]',
    code: 400,
    reason: 'BadRequest',
    message:
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal array into Go value of type ConfigMap',
  },
  {
    name: 'broken YAML',
    method: 'POST',
    headers: { 'content-type': 'application/yaml' },
    body: 'a: [1, 2',
    code: 400,
    reason: 'BadRequest',
    message: /^error decoding YAML: /,
  },
  {
    name: 'broken protobuf',
    method: 'POST',
    headers: { 'content-type': 'application/vnd.kubernetes.protobuf' },
    body: Buffer.from('k8s\0\xff\xff', 'latin1'),
    code: 400,
    reason: 'BadRequest',
    message: /^the object provided is unrecognized/,
  },
  {
    name: 'a body that is too large',
    method: 'POST',
    headers: json,
    body: Buffer.alloc(3 * 1024 * 1024 + 1, 32),
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: 'Request entity too large: limit is 3145728',
  },
  {
    name: 'an unknown content type',
    method: 'POST',
    headers: { 'content-type': 'text/plain' },
    body: 'x',
    code: 415,
    reason: 'UnsupportedMediaType',
    message: `the body of the request was in an unknown format - accepted media types include: ${ACCEPTED}`,
  },
  {
    name: 'an unknown patch type',
    path: `${CM}/here`,
    method: 'PATCH',
    headers: json,
    body: '{}',
    code: 415,
    reason: 'UnsupportedMediaType',
    message: /application\/strategic-merge-patch\+json, application\/apply-patch\+yaml$/,
  },
  {
    name: 'an Accept nobody can serve',
    headers: { accept: 'image/png' },
    code: 406,
    reason: 'NotAcceptable',
    message: `only the following media types are accepted: ${ACCEPTED}`,
  },
  {
    name: 'a bad dry run',
    path: `${CM}?dryRun=Some`,
    method: 'POST',
    body: { metadata: { name: 'x' } },
    code: 422,
    reason: 'Invalid',
    message: 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
  },
  {
    name: 'a bad limit',
    path: `${CM}?limit=many`,
    code: 400,
    reason: 'BadRequest',
    message: 'strconv.ParseInt: parsing "many": invalid syntax',
  },
  {
    name: 'a revision beyond 64 bits',
    path: `${CM}?resourceVersion=18446744073709551616`,
    code: 400,
    reason: 'BadRequest',
    message: /^resourceVersion: Invalid value: "18446744073709551616": .*value out of range$/,
  },
  {
    name: 'a broken escape in an impersonation header',
    path: '/api/v1/namespaces/default/configmaps/nope',
    headers: { 'impersonate-user': 'jane', 'impersonate-extra-%zz': 'x' },
    code: 404,
    reason: 'NotFound',
    message: 'configmaps "nope" not found',
  },
  {
    name: 'a limit beyond 64 bits',
    path: `${CM}?limit=9223372036854775808`,
    code: 400,
    reason: 'BadRequest',
    message: 'strconv.ParseInt: parsing "9223372036854775808": value out of range',
  },
  {
    name: 'a patch to another version',
    path: `${CM}/here`,
    method: 'PATCH',
    headers: { 'content-type': 'application/merge-patch+json' },
    body: '{"apiVersion":"v2"}',
    code: 400,
    reason: 'BadRequest',
    message: 'the API version in the data (v2) does not match the expected API version (v1)',
  },
  {
    name: 'a bad continue token',
    path: `${CM}?continue=xyz`,
    code: 400,
    reason: 'BadRequest',
    message: /^continue key is not valid: /,
  },
  {
    name: 'an unknown group-version',
    path: '/apis/nope.example.com/v1/things',
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
  },
  {
    name: 'an unknown resource',
    path: '/api/v1/namespaces/default/things',
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
  },
  {
    name: 'an unknown subresource',
    path: `${CM}/here/nope`,
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
  },
  { name: 'an unknown path', path: '/nope', code: 404, reason: 'NotFound', message: /could not find/ },
  {
    name: 'a method the resource lacks',
    path: CM,
    method: 'PUT',
    body: {},
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'update is not supported on resources of kind "configmaps"',
  },
  {
    name: 'a method nobody has',
    path: CM,
    method: 'OPTIONS',
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'options is not supported on resources of kind "configmaps"',
  },
  {
    name: 'a broken URL',
    path: '/api/v1/namespaces/%zz/pods',
    code: 400,
    reason: 'BadRequest',
    message: 'invalid URL escape in "%zz"',
  },
];

test.each(rows)('$name', async ({ path = CM, code, reason, message, ...request }) => {
  const answer = await apiRequest(server, path, request);
  expect(answer.headers['content-type']).toBe('application/json');
  expect(answer.json).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code });
  expect(answer.code).toBe(code);
  if (typeof message === 'string') expect(answer.json.message).toBe(message);
  else expect(answer.json.message).toMatch(message);
});

test('nothing of it did any harm', async () => {
  expect((await apiRequest(server, CM)).json.items).toHaveLength(1);
});

test('does not remember the names that strangers make up', async () => {
  await apiRequest(server, '/apis/made-up.example.com/v9/strangers/a/strange');
  await apiRequest(server, `${CM}/here/strange`);
  const { text } = await apiRequest(server, '/metrics');
  expect(text).toContain('resource="configmaps"');
  expect(text).not.toMatch(/made-up|strange/);
});

describe('authorization', () => {
  test('says who may not do what', async () => {
    await using strict = await startTestServer({
      authorizer: {
        authorize: (user, attributes) => ({
          allowed: user.username === 'admin' && !('path' in attributes && attributes.path === '/metrics'),
          reason: '',
        }),
        rulesFor: () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
      },
    });
    const list = await apiRequest(strict, '/api/v1/namespaces/ns/pods', { anonymous: true });
    expect([list.code, list.json.message]).toEqual([
      403,
      'pods is forbidden: User "system:anonymous" cannot list resource "pods" in API group "" in the namespace "ns"',
    ]);
    const scale = await apiRequest(strict, '/apis/apps/v1/namespaces/ns/deployments/d/scale', { anonymous: true });
    expect(scale.json.message).toBe(
      'deployments.apps "d" is forbidden: User "system:anonymous" cannot get resource "deployments/scale" in API group "apps" in the namespace "ns"',
    );
    const path = await apiRequest(strict, '/metrics');
    expect([path.code, path.json.message]).toEqual([403, 'forbidden: User "admin" cannot get path "/metrics"']);
    const other = { headers: { 'impersonate-user': 'jane' } };
    const impersonated = await apiRequest(strict, '/api/v1/pods', other);
    expect(impersonated.json.message).toBe(
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope',
    );
    await expect(strict.clientAs({ username: 'joe', groups: [] }).list(configMaps)).rejects.toThrow(
      'configmaps is forbidden: User "joe" cannot list resource "configmaps" in API group "" at the cluster scope',
    );
  });
});

test('a store that cannot write is told as such, and shows in readiness until it can again', async () => {
  const store = new MemoryKvStore();
  await store.start();
  await using broken = await startTestServer({ store });
  const write = store.write.bind(store);
  store.write = () => Promise.reject(new StoreError('Cannot write to the database: the disk is full; free some space'));
  const request = { method: 'POST', body: { metadata: { name: 'x' } } };
  const refused = await apiRequest(broken, CM, request);
  expect([refused.code, refused.json.message]).toEqual([
    500,
    'Internal error occurred: Cannot write to the database: the disk is full; free some space',
  ]);
  expect((await apiRequest(broken, '/readyz')).text).toContain('[-]etcd failed: reason withheld');
  expect((await apiRequest(broken, CM)).code).toBe(200);
  store.write = write;
  expect((await apiRequest(broken, CM, request)).code).toBe(201);
  expect((await apiRequest(broken, '/readyz')).text).toBe('ok');
});
