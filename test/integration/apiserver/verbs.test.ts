import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deployments } from '#api/apps/v1.ts';
import { builtinResources } from '#api/catalogue.ts';
import { configMaps, pods } from '#api/core/v1.ts';
import { ProtobufCodec } from '#api/schema/protobuf.ts';
import { BuiltinSchemas } from '#api/schema/registry.ts';
import { defineResource } from '#server/apiserver/resource.ts';
import { apiRequest } from '../../support/api-request.ts';
import { startTestServer, type TestServer } from '../../support/test-server.ts';

let server: TestServer;
const released: string[] = [];
const gone: string[] = [];

beforeAll(async () => {
  const definitions = builtinResources.map(({ ref }) => {
    if (ref.plural === 'pods') {
      return defineResource(pods, {
        returnsDeleted: true,
        gracePeriodSeconds: ({ spec }, asked) =>
          (spec.nodeName ?? '') === '' ? 0 : (asked ?? spec.terminationGracePeriodSeconds ?? 30),
      });
    }
    if (ref.plural === 'configmaps') {
      return defineResource(configMaps, {
        validate: ({ data }) =>
          data?.['bad'] === undefined
            ? []
            : [{ type: 'Invalid', field: 'data.bad', badValue: data['bad'], detail: 'must not be' }],
        release: ({ metadata }) => void released.push(metadata.name ?? ''),
        afterDelete: ({ metadata }) => void gone.push(metadata.name ?? ''),
      });
    }
    return defineResource(ref);
  });
  server = await startTestServer({ definitions });
});
afterAll(() => server.stop());

const CM = '/api/v1/namespaces/default/configmaps';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const configMap = (name: string, data: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});
const deployment = (name: string) => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas: 1,
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'one', ports: [{ containerPort: 80 }] }] },
    },
  },
  status: { replicas: 9 },
});
const post = (path: string, body: unknown, headers = {}) => apiRequest(server, path, { method: 'POST', body, headers });
const put = (path: string, body: unknown) => apiRequest(server, path, { method: 'PUT', body });
const patch = (path: string, body: unknown, type = 'merge-patch+json') =>
  apiRequest(server, path, {
    method: 'PATCH',
    body: JSON.stringify(body),
    headers: { 'content-type': `application/${type}` },
  });
const remove = (path: string, body?: unknown) => apiRequest(server, path, { method: 'DELETE', body });

describe('create', () => {
  test('fills in what the server owns', async () => {
    const { code, json } = await post(DEPLOYMENTS, deployment('create-1'), { 'user-agent': 'kubectl/v1.33 (linux)' });
    expect(code).toBe(201);
    expect(json.metadata).toMatchObject({ name: 'create-1', namespace: 'default', generation: 1 });
    expect(json.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(json.metadata.creationTimestamp).toMatch(/^\d{4}-.*Z$/);
    expect(Number(json.metadata.resourceVersion)).toBeGreaterThan(0);
    expect(json.metadata.managedFields).toMatchObject([
      { manager: 'kubectl', operation: 'Update', apiVersion: 'apps/v1' },
    ]);
    expect(json.status).not.toHaveProperty('replicas', 9);
  });

  test('the same name twice is a conflict', async () => {
    await post(CM, configMap('twice'));
    const { code, json } = await post(CM, configMap('twice'));
    expect(code).toBe(409);
    expect(json).toMatchObject({ reason: 'AlreadyExists', message: 'configmaps "twice" already exists' });
  });

  test('generates names', async () => {
    const body = { ...configMap(''), metadata: { generateName: 'gen-' } };
    const names = await Promise.all([1, 2, 3].map(async () => (await post(CM, body)).json.metadata.name as string));
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test.each([
    {
      name: 'another namespace in the body',
      body: { ...configMap('x'), metadata: { name: 'x', namespace: 'other' } },
      code: 400,
      message: 'the namespace of the provided object does not match the namespace sent on the request',
    },
    {
      name: 'another kind',
      body: { ...configMap('x'), kind: 'Secret' },
      code: 400,
      message: 'Secret in version "v1" cannot be handled as a ConfigMap',
    },
    {
      name: 'another version',
      body: { ...configMap('x'), apiVersion: 'v2' },
      code: 400,
      message: 'the API version in the data (v2) does not match the expected API version (v1)',
    },
    {
      name: 'no name',
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: {} },
      code: 422,
      message: 'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    },
    {
      name: 'a resourceVersion',
      body: { ...configMap('x'), metadata: { name: 'x', resourceVersion: '1' } },
      code: 400,
      message: 'resourceVersion should not be set on objects to be created',
    },
    {
      name: 'what the resource itself refuses',
      body: configMap('refused', { bad: 'b' }),
      code: 422,
      message: 'ConfigMap "refused" is invalid: data.bad: Invalid value: "b": must not be',
    },
    {
      name: 'a wrong type',
      body: { ...configMap('x'), data: { a: 1 } },
      code: 400,
      message:
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type string',
    },
  ])('refuses $name', async ({ body, code, message }) => {
    const answer = await post(CM, body);
    expect(answer.code).toBe(code);
    expect(answer.json).toMatchObject({ kind: 'Status', status: 'Failure' });
    expect(answer.json.message).toContain(message);
  });

  test('a refused create gives back what was taken', () => {
    expect(released).toContain('refused');
  });

  test('dry run stores nothing', async () => {
    const before = server.store.revision;
    const { code, json } = await post(`${CM}?dryRun=All`, configMap('dry'));
    expect(code).toBe(201);
    expect(json.metadata).toMatchObject({ name: 'dry' });
    expect(json.metadata.resourceVersion).toBeUndefined();
    expect(server.store.revision).toBe(before);
    expect((await apiRequest(server, `${CM}/dry`)).code).toBe(404);
  });

  test('takes YAML', async () => {
    const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: "1"\n';
    const { code, json } = await post(CM, body, { 'content-type': 'application/yaml' });
    expect(code).toBe(201);
    expect(json.data).toEqual({ a: '1' });
  });
});

describe('field validation', () => {
  const body = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"fv"},"data":{"a":"1","a":"2"},"spec":{}}';
  const headers = { 'content-type': 'application/json' };

  test('warns by default and drops what is unknown', async () => {
    const { code, json, headers: answered } = await post(`${CM}?dryRun=All`, body, headers);
    expect(code).toBe(201);
    expect(json).not.toHaveProperty('spec');
    expect(answered['warning']).toContain('299 - "unknown field \\"spec\\""');
    expect(answered['warning']).toContain('299 - "duplicate field \\"data.a\\""');
  });

  test('Strict refuses', async () => {
    const { code, json } = await post(`${CM}?fieldValidation=Strict`, body, headers);
    expect(code).toBe(400);
    expect(json.message).toBe(
      'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "spec", duplicate field "data.a"',
    );
  });

  test('Ignore is silent', async () => {
    const { code, headers: answered } = await post(`${CM}?dryRun=All&fieldValidation=Ignore`, body, headers);
    expect([code, answered['warning']]).toEqual([201, undefined]);
  });
});

describe('update', () => {
  test('keeps status and identity, counts the generation', async () => {
    const made = (await post(DEPLOYMENTS, deployment('update-1'))).json;
    const { code, json } = await put(`${DEPLOYMENTS}/update-1`, {
      ...deployment('update-1'),
      spec: { ...deployment('update-1').spec, replicas: 3 },
    });
    expect(code).toBe(200);
    expect(json.metadata).toMatchObject({ uid: made.metadata.uid, generation: 2 });
    expect(json.spec.replicas).toBe(3);
    expect(json.status).toEqual(made.status);
  });

  test('a change of nothing keeps the revision', async () => {
    const made = (await post(CM, configMap('same', { a: '1' }))).json;
    const { json } = await put(`${CM}/same`, configMap('same', { a: '1' }));
    expect(json.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
  });

  test('a stale revision is a conflict', async () => {
    const made = (await post(CM, configMap('stale'))).json;
    await put(`${CM}/stale`, configMap('stale', { a: '1' }));
    const { code, json } = await put(`${CM}/stale`, { ...made, data: { a: '2' } });
    expect(code).toBe(409);
    expect(json.message).toBe(
      'Operation cannot be fulfilled on configmaps "stale": the object has been modified; please apply your changes to the latest version and try again',
    );
  });

  test('another uid is a conflict', async () => {
    await post(CM, configMap('uid'));
    const { code, json } = await put(`${CM}/uid`, { ...configMap('uid'), metadata: { name: 'uid', uid: 'x' } });
    expect(code).toBe(409);
    expect(json.message).toContain('Precondition failed: UID in precondition: x, UID in object meta: ');
  });

  test('of what is not there is 404, or 400 under another name', async () => {
    expect((await put(`${CM}/nowhere`, configMap('nowhere'))).code).toBe(404);
    const { code, json } = await put(`${CM}/a`, configMap('b'));
    expect([code, json.message]).toEqual([400, 'the name of the object (b) does not match the name on the URL (a)']);
  });

  test('the status endpoint changes the status alone', async () => {
    await post(DEPLOYMENTS, deployment('status-1'));
    const current = (await apiRequest(server, `${DEPLOYMENTS}/status-1`)).json;
    const { code, json } = await put(`${DEPLOYMENTS}/status-1/status`, {
      ...current,
      spec: { ...current.spec, replicas: 7 },
      status: { replicas: 2 },
    });
    expect(code).toBe(200);
    expect([json.spec.replicas, json.status.replicas, json.metadata.generation]).toEqual([1, 2, 1]);
    expect(json.metadata.managedFields.map((entry: { subresource?: string }) => entry.subresource)).toContain('status');
  });

  test('concurrent unconditional updates all succeed', async () => {
    await post(CM, configMap('race'));
    const answers = await Promise.all(
      Array.from({ length: 10 }, (_, i) => put(`${CM}/race`, configMap('race', { a: String(i) }))),
    );
    expect(answers.map(({ code }) => code)).toEqual(Array(10).fill(200));
  });
});

describe('patch', () => {
  test('merge, json and strategic', async () => {
    await post(DEPLOYMENTS, deployment('patch-1'));
    const path = `${DEPLOYMENTS}/patch-1`;
    expect((await patch(path, { metadata: { labels: { a: 'b' } } })).json.metadata.labels).toEqual({ a: 'b' });
    const byJson = await patch(path, [{ op: 'replace', path: '/spec/replicas', value: 4 }], 'json-patch+json');
    expect(byJson.json.spec.replicas).toBe(4);
    const container = { name: 'd', image: 'two' };
    const strategic = await patch(
      path,
      { spec: { template: { spec: { containers: [container] } } } },
      'strategic-merge-patch+json',
    );
    expect(strategic.json.spec.template.spec.containers.map(({ name }: { name: string }) => name)).toEqual(['d', 'c']);
  });

  test('what a patch takes away of kind and version is known anyway', async () => {
    await post(CM, configMap('typeless'));
    const operations = ['apiVersion', 'kind'].map((field) => ({ op: 'remove', path: `/${field}` }));
    const { code, json } = await patch(`${CM}/typeless`, operations, 'json-patch+json');
    expect([code, json.apiVersion, json.kind]).toEqual([200, 'v1', 'ConfigMap']);
  });

  test('a failed json patch is 422', async () => {
    await post(CM, configMap('test-op'));
    const { code, json } = await patch(`${CM}/test-op`, [{ op: 'test', path: '/data', value: 1 }], 'json-patch+json');
    expect([code, json.message]).toEqual([422, 'the server rejected our request due to an error in our request']);
  });

  test('races are run again, unseen', async () => {
    await post(CM, configMap('patch-race'));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => patch(`${CM}/patch-race`, { data: { [`k${i}`]: 'v' } })),
    );
    expect(answers.map(({ code }) => code)).toEqual(Array(20).fill(200));
    const { json } = await apiRequest(server, `${CM}/patch-race`);
    expect(Object.keys(json.data)).toHaveLength(20);
  });

  test('with a stale revision inside it is a conflict', async () => {
    await post(CM, configMap('patch-stale'));
    const { code } = await patch(`${CM}/patch-stale`, { metadata: { resourceVersion: '1' }, data: { a: 'b' } });
    expect(code).toBe(409);
  });

  test('apply creates, owns and conflicts', async () => {
    const path = `${CM}/applied`;
    const apply = (manager: string, data: object, force = '') =>
      patch(`${path}?fieldManager=${manager}${force}`, { ...configMap('applied'), data }, 'apply-patch+yaml');
    expect((await apply('one', { a: '1', b: '1' })).code).toBe(201);
    expect((await apply('one', { a: '1' })).json.data).toEqual({ a: '1' });
    const refused = await apply('two', { a: '2' });
    expect(refused.code).toBe(409);
    expect(refused.json.message).toBe('Apply failed with 1 conflict: conflict with "one": .data.a');
    expect((await apply('two', { a: '2' }, '&force=true')).json.data).toEqual({ a: '2' });
    const { code, json } = await patch(path, configMap('applied'), 'apply-patch+yaml');
    expect([code, json.message]).toEqual([
      422,
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
    ]);
  });

  test('applying the same again changes nothing', async () => {
    const path = `${DEPLOYMENTS}/again?fieldManager=m`;
    const { status: _, ...config } = deployment('again');
    const first = await patch(path, config, 'apply-patch+yaml');
    const second = await patch(path, config, 'apply-patch+yaml');
    expect([first.code, second.code]).toEqual([201, 200]);
    expect(second.json.metadata).toEqual(first.json.metadata);
  });

  test('an unknown patch type is 415', async () => {
    await post(CM, configMap('type'));
    expect((await patch(`${CM}/type`, {}, 'json')).code).toBe(415);
  });
});

describe('scale', () => {
  test('is read, put and patched', async () => {
    await post(DEPLOYMENTS, deployment('scaled'));
    const path = `${DEPLOYMENTS}/scaled/scale`;
    const scale = (await apiRequest(server, path)).json;
    expect(scale).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'scaled', namespace: 'default' },
      spec: { replicas: 1 },
      status: { replicas: 0, selector: 'app=scaled' },
    });
    expect((await put(path, { ...scale, spec: { replicas: 3 } })).json.spec).toEqual({ replicas: 3 });
    expect((await patch(path, { spec: { replicas: 4 } })).json.spec).toEqual({ replicas: 4 });
    const { code, json } = await patch(path, { spec: { replicas: -1 } });
    expect([code, json.details.causes[0].field]).toEqual([422, 'spec.replicas']);
    const { json: parent } = await apiRequest(server, `${DEPLOYMENTS}/scaled`);
    expect([parent.spec.replicas, parent.metadata.generation]).toEqual([4, 3]);
  });
});

describe('delete', () => {
  test('answers with a Status that names the uid', async () => {
    const made = (await post(CM, configMap('del'))).json;
    const { code, json } = await remove(`${CM}/del`);
    expect(code).toBe(200);
    expect(json).toEqual({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'del', kind: 'configmaps', uid: made.metadata.uid },
    });
    expect(gone).toContain('del');
    expect((await remove(`${CM}/del`)).code).toBe(404);
  });

  test('finalizers hold an object until the last is gone', async () => {
    await post(CM, { ...configMap('held'), metadata: { name: 'held', finalizers: ['a/b'] } });
    const marked = (await remove(`${CM}/held`)).json;
    expect(marked.metadata).toMatchObject({ deletionGracePeriodSeconds: 0, finalizers: ['a/b'] });
    expect(marked.metadata.deletionTimestamp).toBeDefined();
    const added = await patch(`${CM}/held`, { metadata: { finalizers: ['a/b', 'c/d'] } });
    expect(added.code).toBe(422);
    expect(added.json.message).toContain('no new finalizers can be added if the object is being deleted');
    const again = await post(CM, configMap('held'));
    expect(again.json.message).toBe('object is being deleted: configmaps "held" already exists');
    expect((await patch(`${CM}/held`, { metadata: { finalizers: null } })).code).toBe(200);
    expect((await apiRequest(server, `${CM}/held`)).code).toBe(404);
  });

  test('a pod on a node is marked, then only hurried', async () => {
    const path = '/api/v1/namespaces/default/pods';
    const spec = { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] };
    await post(path, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec });
    const marked = (await remove(`${path}/p`)).json;
    expect(marked).toMatchObject({ kind: 'Pod', metadata: { deletionGracePeriodSeconds: 30 } });
    const longer = (await remove(`${path}/p`, { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 60 }))
      .json;
    expect(longer.metadata.deletionGracePeriodSeconds).toBe(30);
    const shorter = (await remove(`${path}/p?gracePeriodSeconds=5`)).json;
    expect(shorter.metadata.deletionGracePeriodSeconds).toBe(5);
    const last = await remove(`${path}/p?gracePeriodSeconds=0`);
    expect([last.code, last.json.kind]).toEqual([200, 'Pod']);
    expect((await apiRequest(server, `${path}/p`)).code).toBe(404);
  });

  test.each([
    { policy: 'Foreground', finalizer: 'foregroundDeletion' },
    { policy: 'Orphan', finalizer: 'orphan' },
  ])('$policy leaves its finalizer to the collector', async ({ policy, finalizer }) => {
    const name = `policy-${policy.toLowerCase()}`;
    await post(CM, configMap(name));
    const { json } = await remove(`${CM}/${name}?propagationPolicy=${policy}`);
    expect(json.metadata.finalizers).toEqual([finalizer]);
    expect((await remove(`${CM}/${name}?propagationPolicy=Background`)).json.kind).toBe('Status');
  });

  test('preconditions', async () => {
    await post(CM, configMap('pre'));
    const { code, json } = await remove(`${CM}/pre`, { preconditions: { uid: 'x' } });
    expect(code).toBe(409);
    expect(json.message).toContain('the UID in the precondition (x) does not match the UID in record');
  });

  test('options may come as protobuf of any group-version', async () => {
    await post(CM, configMap('by-protobuf'));
    const options = { kind: 'DeleteOptions', apiVersion: 'apps/v1', preconditions: { uid: 'x' } };
    const body = Buffer.from(new ProtobufCodec(new BuiltinSchemas()).encode(options));
    const headers = { 'content-type': 'application/vnd.kubernetes.protobuf' };
    const { code } = await apiRequest(server, `${CM}/by-protobuf`, { method: 'DELETE', body, headers });
    expect(code).toBe(409);
  });

  test.each([
    '[]',
    'null',
    '{"kind":"Pod"}',
    '{"gracePeriodSeconds":"x"}',
    '{"dryRun":80}',
    '{"propagationPolicy":{}}',
    '{"orphanDependents":"x"}',
    '{"preconditions":{"uid":[]}}',
  ])('refuses options like %s', async (body) => {
    await post(CM, configMap('odd-options'));
    const headers = { 'content-type': 'application/json' };
    expect((await apiRequest(server, `${CM}/odd-options`, { method: 'DELETE', body, headers })).code).toBe(400);
  });

  test('a collection goes with its selector', async () => {
    for (const name of ['c1', 'c2']) {
      await post(CM, { ...configMap(name), metadata: { name, labels: { set: 'c' } } });
    }
    const { code, json } = await remove(`${CM}?labelSelector=set%3Dc`);
    expect([code, json.kind, json.items.length]).toEqual([200, 'ConfigMapList', 2]);
    expect((await apiRequest(server, `${CM}?labelSelector=set%3Dc`)).json.items).toEqual([]);
  });
});

test('what was written is there after a restart', async () => {
  await post(CM, configMap('kept', { a: '1' }));
  const first = await startTestServer();
  const { dataDir } = first;
  const made = await first.client.create(configMaps, { metadata: { name: 'kept', namespace: 'x' }, data: { a: '1' } });
  await first.apiServer.stop();
  await first.store.stop();
  await using second = await startTestServer({ dataDir });
  expect(await second.client.get(configMaps, { namespace: 'x', name: 'kept' })).toEqual(made);
  expect(second.apiServer.cache.list(configMaps, { namespace: 'x' })).toHaveLength(1);
  expect(second.apiServer.cache.list(deployments)).toEqual([]);
});
