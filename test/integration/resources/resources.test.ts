import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deployments } from '#api/apps/v1.ts';
import { type TokenRequest, tokenReviews } from '#api/authentication/v1.ts';
import {
  type SelfSubjectAccessReview,
  type SelfSubjectRulesReview,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
} from '#api/authorization/v1.ts';
import { horizontalPodAutoscalers as hpasV1 } from '#api/autoscaling/v1.ts';
import { horizontalPodAutoscalers as hpasV2 } from '#api/autoscaling/v2.ts';
import { type CertificateSigningRequest, certificateSigningRequests } from '#api/certificates/v1.ts';
import {
  bindings,
  configMaps,
  events,
  namespaces,
  nodes,
  type Pod,
  pods,
  secrets,
  serviceAccounts,
  services,
} from '#api/core/v1.ts';
import { events as newEvents } from '#api/events/v1.ts';
import { StatusError } from '#api/meta/errors.ts';
import { podDisruptionBudgets } from '#api/policy/v1.ts';
import { clusterRoleBindings, clusterRoles, roleBindings, roles } from '#api/rbac/v1.ts';
import { jane, type RulesServer, startRulesServer } from './server.ts';

let server: RulesServer;
beforeAll(async () => {
  server = await startRulesServer();
});
afterAll(() => server.stop());

const pod = (name: string, more: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { namespace: 'dev', name, labels: { app: name } },
  spec: { serviceAccountName: 'robot', containers: [{ name: 'c', image: 'nginx' }], ...more },
});
const at = (name: string) => ({ namespace: 'dev', name });

async function refusal(promise: Promise<unknown>): Promise<StatusError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('Expected a refusal');
}

/** Brings a pod to a node and to life, as scheduler and kubelet would. */
async function run(name: string, status: Partial<NonNullable<Pod['status']>> = {}): Promise<Pod> {
  await server.client.create(pods, pod(name));
  await server.client.createSubresource(pods, at(name), 'binding', {
    metadata: { name },
    target: { kind: 'Node', name: 'n1' },
  });
  const bound = await server.client.get(pods, at(name));
  return server.client.updateStatus(pods, {
    ...bound,
    status: { ...bound.status, phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }], ...status },
  });
}

describe('pods', () => {
  test('start pending with what was left out, and name their class of service', async () => {
    const created = await server.client.create(pods, { ...pod('defaults'), status: { phase: 'Running' } });
    expect(created).toMatchObject({
      spec: {
        restartPolicy: 'Always',
        dnsPolicy: 'ClusterFirst',
        schedulerName: 'default-scheduler',
        terminationGracePeriodSeconds: 30,
      },
      status: { phase: 'Pending', qosClass: 'BestEffort' },
    });
  });

  test('are refused with all that is wrong', async () => {
    const error = await refusal(
      server.client.create(pods, pod('bad', { restartPolicy: 'Maybe', containers: [{ name: 'C_', image: '' }] })),
    );
    expect([error.code, error.reason]).toEqual([422, 'Invalid']);
    expect(error.message).toMatch(/^Pod "bad" is invalid: \[/);
    expect(error.status.details?.causes?.map(({ field }) => field)).toEqual(
      expect.arrayContaining(['spec.containers[0].name', 'spec.containers[0].image', 'spec.restartPolicy']),
    );
  });

  test('are bound once', async () => {
    await server.client.create(pods, pod('bind'));
    const binding = { metadata: { name: 'bind', annotations: { by: 'test' } }, target: { kind: 'Node', name: 'n1' } };
    expect(await server.client.createSubresource(pods, at('bind'), 'binding', binding)).toMatchObject({
      kind: 'Status',
      status: 'Success',
    });
    const bound = await server.client.get(pods, at('bind'));
    expect(bound).toMatchObject({
      metadata: { annotations: { by: 'test' } },
      spec: { nodeName: 'n1' },
      status: { conditions: [{ type: 'PodScheduled', status: 'True' }] },
    });
    const again = await refusal(server.client.createSubresource(pods, at('bind'), 'binding', binding));
    expect([again.code, again.message]).toEqual([
      409,
      'Operation cannot be fulfilled on pods/binding "bind": pod bind is already assigned to node "n1"',
    ]);
  });

  test('are bound the old way as well, and only to something', async () => {
    await server.client.create(pods, pod('oldbind'));
    await server.client.create(bindings, {
      metadata: { namespace: 'dev', name: 'oldbind' },
      target: { kind: 'Node', name: 'n2' },
    });
    expect((await server.client.get(pods, at('oldbind'))).spec.nodeName).toBe('n2');
    const nowhere = await refusal(
      server.client.createSubresource(pods, at('oldbind'), 'binding', {
        metadata: { name: 'oldbind' },
        target: { name: '' },
      }),
    );
    expect(nowhere.message).toBe('Binding "oldbind" is invalid: target.name: Required value');
  });

  test('are bound under their own name, and forget where they were meant to go', async () => {
    const created = await server.client.create(pods, pod('nominated'));
    await server.client.updateStatus(pods, { ...created, status: { ...created.status, nominatedNodeName: 'n5' } });
    const bind = (name: string) =>
      server.client.createSubresource(pods, at('nominated'), 'binding', {
        metadata: { name },
        target: { kind: 'Node', name: 'n1' },
      });
    expect((await refusal(bind('other'))).message).toBe('name in URL does not match name in Binding object');
    await bind('nominated');
    expect((await server.client.get(pods, at('nominated'))).status?.nominatedNodeName).toBeUndefined();
  });

  test('do not move by a write to their status, whoever writes', async () => {
    const created = await server.client.create(pods, pod('still'));
    await server.client.updateStatus(pods, {
      ...created,
      spec: { ...created.spec, nodeName: 'n9' },
      status: { phase: 'Pending' },
    });
    expect((await server.client.get(pods, at('still'))).spec.nodeName).toBeUndefined();
  });

  test('keep their spec', async () => {
    const created = await server.client.create(pods, pod('fixed'));
    const error = await refusal(
      server.client.update(pods, { ...created, spec: { ...created.spec, hostname: 'other' } }),
    );
    expect(error.message).toContain(
      'spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`',
    );
    const image = await server.client.update(pods, {
      ...created,
      spec: { ...created.spec, containers: created.spec.containers.map((c) => ({ ...c, image: 'nginx:2' })) },
    });
    expect(image.spec.containers[0]?.image).toBe('nginx:2');
  });

  test('take ephemeral containers through their own door', async () => {
    const created = await server.client.create(pods, pod('debugged'));
    const debug = { name: 'debug', image: 'busybox', targetContainerName: 'c' };
    const changed = await server.client.updateSubresource<Pod>(pods, at('debugged'), 'ephemeralcontainers', {
      ...created,
      spec: { ...created.spec, ephemeralContainers: [debug] },
    });
    expect(changed.spec.ephemeralContainers?.[0]).toMatchObject(debug);
    const error = await refusal(
      server.client.updateSubresource(pods, at('debugged'), 'ephemeralcontainers', {
        ...changed,
        spec: { ...changed.spec, ephemeralContainers: [] },
      }),
    );
    expect(error.message).toContain('existing ephemeral containers may not be removed');
  });

  test('are resized through their own door', async () => {
    const resources = { requests: { cpu: '1' }, limits: { cpu: '2' } };
    const created = await server.client.create(
      pods,
      pod('resized', { containers: [{ name: 'c', image: 'i', resources }] }),
    );
    const resize = (more: object) =>
      server.client.updateSubresource<Pod>(pods, at('resized'), 'resize', {
        ...created,
        spec: { ...created.spec, ...more },
      });
    const changed = await resize({
      containers: created.spec.containers.map((c) => ({
        ...c,
        resources: { requests: { cpu: '500m' }, limits: { cpu: '1' } },
      })),
    });
    expect(changed.spec.containers[0]?.resources?.requests).toEqual({ cpu: '500m' });
    const error = await refusal(
      server.client.updateSubresource(pods, at('resized'), 'resize', {
        ...changed,
        spec: { ...changed.spec, hostname: 'x' },
      }),
    );
    expect(error.message).toContain('only cpu and memory resources are mutable');
  });

  test('that run nowhere go at once, others get their time', async () => {
    await server.client.create(pods, pod('nowhere'));
    await server.client.delete(pods, at('nowhere'));
    expect((await refusal(server.client.get(pods, at('nowhere')))).code).toBe(404);
    await run('somewhere');
    expect(await server.client.delete(pods, at('somewhere'))).toMatchObject({
      metadata: { deletionGracePeriodSeconds: 30 },
    });
  });
});

describe('eviction', () => {
  const evict = (name: string) => server.client.createSubresource(pods, at(name), 'eviction', { metadata: { name } });
  const budget = async (name: string, disruptionsAllowed: number) => {
    const created = await server.client.create(podDisruptionBudgets, {
      metadata: at(name),
      spec: { minAvailable: 1, selector: { matchLabels: { app: name } } },
    });
    const counts = {
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
      disruptionsAllowed,
      observedGeneration: created.metadata.generation ?? 0,
    };
    return server.client.updateStatus(podDisruptionBudgets, { ...created, status: counts });
  };

  test('deletes, and says why on the pod', async () => {
    await run('evicted');
    expect(await evict('evicted')).toMatchObject({ status: 'Success' });
    expect(await server.client.get(pods, at('evicted'))).toMatchObject({
      metadata: { deletionTimestamp: expect.any(String) },
      status: {
        conditions: expect.arrayContaining([
          expect.objectContaining({ type: 'DisruptionTarget', reason: 'EvictionByEvictionAPI' }),
        ]),
      },
    });
  });

  test('waits while the budget is spent', async () => {
    await run('kept');
    await budget('kept', 0);
    const error = await refusal(evict('kept'));
    expect([error.code, error.message]).toEqual([
      429,
      "Cannot evict pod as it would violate the pod's disruption budget.",
    ]);
    expect(error.status.details?.causes).toEqual([
      { reason: 'DisruptionBudget', message: 'The disruption budget kept needs 1 healthy pods and has 1 currently' },
    ]);
    expect((await server.client.get(pods, at('kept'))).metadata.deletionTimestamp).toBeUndefined();
  });

  test('spends the budget', async () => {
    await run('spent');
    await budget('spent', 1);
    await evict('spent');
    expect((await server.client.get(podDisruptionBudgets, at('spent'))).status).toMatchObject({
      disruptionsAllowed: 0,
      disruptedPods: { spent: expect.any(String) },
    });
  });
});

describe('services', () => {
  const service = (name: string, more: object = {}) => ({
    metadata: at(name),
    spec: { ports: [{ port: 80 }], ...more },
  });

  test('get an address that a dry run does not take', async () => {
    const dry = await server.client.create(services, service('dry', { clusterIP: '10.43.0.77' }), { dryRun: true });
    expect(dry.spec?.clusterIP).toBe('10.43.0.77');
    const wet = await server.client.create(services, service('wet', { clusterIP: '10.43.0.77' }));
    expect(wet.spec?.clusterIPs).toEqual(['10.43.0.77']);
    const error = await refusal(server.client.create(services, service('late', { clusterIP: '10.43.0.77' })));
    expect(error.message).toBe(
      'Service "late" is invalid: spec.clusterIPs: Invalid value: ["10.43.0.77"]: failed to allocate IP 10.43.0.77: provided IP is already allocated',
    );
    await server.client.delete(services, at('wet'));
    expect((await server.client.create(services, service('late', { clusterIP: '10.43.0.77' }))).spec?.clusterIP).toBe(
      '10.43.0.77',
    );
  });

  test('created at the same time get different addresses and ports', async () => {
    const made = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        server.client.create(services, service(`many-${index}`, { type: 'NodePort' })),
      ),
    );
    expect(new Set(made.map(({ spec }) => spec?.clusterIP)).size).toBe(30);
    expect(new Set(made.map(({ spec }) => spec?.ports?.[0]?.nodePort)).size).toBe(30);
  });

  test('keep what they have when a patch changes something else', async () => {
    const created = await server.client.create(services, service('patched', { type: 'NodePort' }));
    const patched = await server.client.patch(
      services,
      at('patched'),
      { spec: { selector: { app: 'y' } } },
      { type: 'merge' },
    );
    expect(patched.spec).toMatchObject({
      clusterIP: created.spec?.clusterIP,
      ports: created.spec?.ports,
      selector: { app: 'y' },
    });
  });
});

describe('namespaces', () => {
  test('end when their finalizer is gone', async () => {
    await server.client.create(namespaces, { metadata: { name: 'short' }, spec: {} });
    expect(await server.client.delete(namespaces, { name: 'short' })).toMatchObject({
      status: { phase: 'Terminating' },
      spec: { finalizers: ['kubernetes'] },
    });
    const ending = await server.client.get(namespaces, { name: 'short' });
    expect(ending.metadata.deletionTimestamp).toBeDefined();
    await server.client.updateSubresource(namespaces, { name: 'short' }, 'finalize', {
      ...ending,
      spec: { finalizers: [] },
    });
    expect((await refusal(server.client.get(namespaces, { name: 'short' }))).code).toBe(404);
  });

  test('keep their finalizers over an update', async () => {
    const dev = await server.client.get(namespaces, { name: 'dev' });
    expect((await server.client.update(namespaces, { ...dev, spec: {} })).spec?.finalizers).toEqual(['kubernetes']);
  });
});

describe('tokens', () => {
  const request = (spec: object) =>
    server.client.createSubresource<TokenRequest>(serviceAccounts, at('robot'), 'token', {
      metadata: { name: 'robot' },
      spec,
    });
  const review = (token: string, audiences?: string[]) =>
    server.client.create(tokenReviews, { metadata: { name: '' }, spec: { token, ...(audiences && { audiences }) } });

  test('are issued and recognised', async () => {
    const { status, spec } = await request({});
    expect(spec).toMatchObject({
      audiences: ['https://kubernetes.default.svc.cluster.local'],
      expirationSeconds: 3600,
    });
    expect((await review(status?.token ?? '')).status).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:dev:robot' },
    });
  });

  test('are for their audiences', async () => {
    const { status } = await request({ audiences: ['vault'] });
    expect((await review(status?.token ?? '')).status?.authenticated).toBe(false);
    expect((await review(status?.token ?? '', ['vault', 'x'])).status).toMatchObject({
      authenticated: true,
      audiences: ['vault'],
    });
  });

  test('of a pod name it, live long while it does, and die with it', async () => {
    const { metadata } = await run('bearer');
    const { status, spec } = await request({
      expirationSeconds: 3607,
      boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'bearer', uid: metadata.uid },
    });
    const claims = JSON.parse(Buffer.from((status?.token ?? '').split('.')[1] ?? '', 'base64url').toString()) as {
      exp: number;
      iat: number;
    };
    expect([claims.exp - claims.iat, spec.expirationSeconds]).toEqual([365 * 86_400, 3607]);
    expect((await review(status?.token ?? '')).status?.user?.extra).toMatchObject({
      'authentication.kubernetes.io/pod-name': ['bearer'],
    });
    await server.client.delete(pods, at('bearer'), { gracePeriodSeconds: 0 });
    expect((await review(status?.token ?? '')).status).toMatchObject({ authenticated: false });
  });

  test.each([
    {
      name: 'for a moment',
      spec: { expirationSeconds: 1 },
      code: 422,
      message: 'spec.expirationSeconds: Invalid value: 1: may not specify a duration less than 10 minutes',
    },
    {
      name: 'of a missing pod',
      spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'gone' } },
      code: 404,
      message: 'pods "gone" not found',
    },
    {
      name: 'of a strange kind',
      spec: { boundObjectRef: { apiVersion: 'v1', kind: 'Service', name: 'x' } },
      code: 400,
      message: 'cannot bind token to object of type v1, Kind=Service',
    },
  ])('are not issued $name', async ({ spec, code, message }) => {
    const error = await refusal(request(spec));
    expect(error.code).toBe(code);
    expect(error.message).toContain(message);
  });
});

describe('rights', () => {
  const may = async (attributes: object) =>
    (
      await server.clientAs(jane).create<SelfSubjectAccessReview>(selfSubjectAccessReviews, {
        metadata: { name: '' },
        spec: { resourceAttributes: attributes },
      })
    ).status?.allowed;

  test('follow roles at once', async () => {
    await server.client.create(clusterRoles, {
      metadata: { name: 'asker' },
      rules: [
        { apiGroups: ['authorization.k8s.io'], resources: ['*'], verbs: ['create'] },
        {
          apiGroups: ['rbac.authorization.k8s.io'],
          resources: ['roles', 'rolebindings'],
          verbs: ['create', 'update', 'get'],
        },
      ],
    });
    await server.client.create(clusterRoleBindings, {
      metadata: { name: 'asker' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'asker' },
      subjects: [{ kind: 'User', name: 'jane' }],
    });
    expect(await may({ verb: 'list', resource: 'pods', namespace: 'dev' })).toBe(false);
    const denied = await refusal(server.clientAs(jane).list(pods, { namespace: 'dev' }));
    expect(denied.message).toBe(
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "dev"',
    );
    await server.client.create(roles, {
      metadata: at('reader'),
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }],
    });
    await server.client.create(roleBindings, {
      metadata: at('reader'),
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
      subjects: [{ kind: 'User', name: 'jane' }],
    });
    expect(await may({ verb: 'list', resource: 'pods', namespace: 'dev' })).toBe(true);
    expect(Array.isArray((await server.clientAs(jane).list(pods, { namespace: 'dev' })).items)).toBe(true);
    expect(await may({ verb: 'list', resource: 'pods', namespace: 'prod' })).toBe(false);
    const { status } = await server
      .clientAs(jane)
      .create<SelfSubjectRulesReview>(selfSubjectRulesReviews, { metadata: { name: '' }, spec: { namespace: 'dev' } });
    expect(status?.resourceRules).toContainEqual({ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] });
  });

  test('cannot be handed out by who has them not', async () => {
    const give = (verbs: string[]) =>
      server.clientAs(jane).create(roles, {
        metadata: at(`gift-${verbs.join('-')}`),
        rules: [{ apiGroups: [''], resources: ['pods'], verbs }],
      });
    await give(['get']);
    const error = await refusal(give(['delete']));
    expect([error.code, error.reason]).toEqual([403, 'Forbidden']);
    expect(error.message).toContain(
      'is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
    );
    const bind = await refusal(
      server.clientAs(jane).create(roleBindings, {
        metadata: at('up'),
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'asker-not' },
        subjects: [],
      }),
    );
    expect(bind.message).toContain('clusterroles.rbac.authorization.k8s.io "asker-not" not found');
  });

  test('of a binding are of one role for ever', async () => {
    const binding = await server.client.get(roleBindings, at('reader'));
    const error = await refusal(
      server.client.update(roleBindings, { ...binding, roleRef: { ...binding.roleRef, name: 'other' } }),
    );
    expect(error.message).toContain('cannot change roleRef');
  });
});

describe('one object served twice', () => {
  test('autoscalers of v1 and v2 are the same', async () => {
    await server.client.create(hpasV1, {
      metadata: at('hpa'),
      spec: {
        maxReplicas: 5,
        targetCPUUtilizationPercentage: 40,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
      },
    });
    const v2 = await server.client.get(hpasV2, at('hpa'));
    expect(v2).toMatchObject({
      apiVersion: 'autoscaling/v2',
      spec: {
        minReplicas: 1,
        metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { averageUtilization: 40 } } }],
      },
    });
    await server.client.update(hpasV2, { ...v2, spec: { ...v2.spec, maxReplicas: 7 } });
    expect((await server.client.get(hpasV1, at('hpa'))).spec).toMatchObject({
      maxReplicas: 7,
      targetCPUUtilizationPercentage: 40,
    });
  });

  test('events of both groups are the same', async () => {
    await server.client.create(events, {
      metadata: at('news'),
      involvedObject: { kind: 'Pod', namespace: 'dev', name: 'p' },
      message: 'hello',
      reason: 'R',
      type: 'Normal',
    });
    expect(await server.client.get(newEvents, at('news'))).toMatchObject({
      apiVersion: 'events.k8s.io/v1',
      regarding: { name: 'p' },
      note: 'hello',
    });
    const { items } = await server.client.list(events, { namespace: 'dev', fieldSelector: 'involvedObject.name=p' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['news']);
  });
});

test('signing requests are decided through approval and answered through status', async () => {
  const request = Buffer.from(
    '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n',
  ).toString('base64');
  const created = await server.client.create(certificateSigningRequests, {
    metadata: { name: 'csr' },
    spec: { request, signerName: 'kubernetes.io/kube-apiserver-client', usages: ['client auth'] },
  });
  expect(created.spec.username).toBe('admin');
  const approved = { ...created, status: { conditions: [{ type: 'Approved', status: 'True' }] } };
  const decided = await server.client.updateSubresource<CertificateSigningRequest>(
    certificateSigningRequests,
    { name: 'csr' },
    'approval',
    approved,
  );
  expect(decided.status?.conditions).toMatchObject([
    { type: 'Approved', status: 'True', lastUpdateTime: expect.any(String) },
  ]);
  const signed = await server.client.updateStatus(certificateSigningRequests, {
    ...decided,
    status: { ...decided.status, certificate: 'QQ==' },
  });
  expect(signed.status).toMatchObject({ certificate: 'QQ==', conditions: [{ type: 'Approved' }] });
  const error = await refusal(
    server.client.updateStatus(certificateSigningRequests, {
      ...signed,
      status: { ...signed.status, certificate: 'Qg==' },
    }),
  );
  expect(error.message).toContain('status.certificate: Invalid value: "Qg==": field is immutable');
});

describe('writes', () => {
  test('of a Deployment count generations by its spec alone', async () => {
    const template = { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const created = await server.client.create(deployments, {
      metadata: at('gen'),
      spec: { selector: { matchLabels: { app: 'd' } }, template },
    });
    expect([created.metadata.generation, created.spec?.replicas, created.spec?.revisionHistoryLimit]).toEqual([
      1, 1, 10,
    ]);
    const status = await server.client.updateStatus(deployments, {
      ...created,
      status: { observedGeneration: 1, replicas: 1 },
    });
    expect(status.metadata.generation).toBe(1);
    const scaled = await server.client.patch(deployments, at('gen'), { spec: { replicas: 3 } }, { type: 'merge' });
    expect([scaled.metadata.generation, scaled.status?.replicas]).toEqual([2, 1]);
  });

  test('of text to a Secret store bytes', async () => {
    await server.client.create(secrets, { metadata: at('text'), stringData: { a: 'hello' } });
    const stored = await server.client.get(secrets, at('text'));
    expect([stored.data, stored.stringData, stored.type]).toEqual([
      { a: Buffer.from('hello').toString('base64') },
      undefined,
      'Opaque',
    ]);
  });

  test('to something immutable are refused', async () => {
    const created = await server.client.create(configMaps, {
      metadata: at('fixed'),
      immutable: true,
      data: { a: '1' },
    });
    const error = await refusal(server.client.update(configMaps, { ...created, data: { a: '2' } }));
    expect(error.message).toBe(
      'ConfigMap "fixed" is invalid: data: Forbidden: field is immutable when `immutable` is set',
    );
  });

  test('of a node by itself stay within what is its own', async () => {
    const node = { username: 'system:node:n1', groups: ['system:nodes', 'system:authenticated'] };
    await server.client.create(clusterRoles, {
      metadata: { name: 'system:node' },
      rules: [{ apiGroups: [''], resources: ['nodes', 'nodes/status'], verbs: ['create', 'get', 'update', 'patch'] }],
    });
    await server.client.create(nodes, { metadata: { name: 'n1' }, spec: {} });
    await server.client.create(nodes, { metadata: { name: 'n2' }, spec: {} });
    await server
      .clientAs(node)
      .patch(nodes, { name: 'n1' }, { status: { phase: '' } }, { type: 'merge', subresource: 'status' });
    expect(
      (
        await refusal(
          server.clientAs(node).patch(nodes, { name: 'n2' }, { status: {} }, { type: 'merge', subresource: 'status' }),
        )
      ).code,
    ).toBe(403);
    expect((await refusal(server.clientAs(node).get(secrets, at('text')))).code).toBe(403);
    await server.client.create(
      pods,
      pod('reads', { nodeName: 'n1', volumes: [{ name: 'v', secret: { secretName: 'text' } }] }),
    );
    expect((await server.clientAs(node).get(secrets, at('text'))).metadata.name).toBe('text');
  });
});
