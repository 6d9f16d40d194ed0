import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  configMaps,
  events,
  type Namespace,
  namespaces,
  pods,
  type Secret,
  secrets,
  serviceAccounts,
  services,
} from '#api/core/v1.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { ObjectKey, ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { eventually } from '#test/support/eventually.ts';
import { HOLLOW } from '#test/support/hollow-node.ts';
import { TestCluster } from '#test/support/test-cluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: ['n1'] });
});
afterAll(() => cluster.stop());

async function gone(ref: ResourceRef, key: ObjectKey): Promise<void> {
  await eventually(async () => {
    const error: unknown = await cluster.client.get(ref, key).then(
      (object: ApiObject) => object,
      (reason: unknown) => reason,
    );
    if (!isNotFound(error)) throw new Error(`"${key.name}" is still there: ${JSON.stringify(error)}`);
  });
}

const pod = (namespace: string, name: string, annotations: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace, annotations },
  spec: { containers: [{ name: 'c', image: 'web' }] },
});

describe('a namespace', () => {
  test('has its service account and the certificate authority, which come back', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    const account = { namespace, name: 'default' };
    const ca = { namespace, name: 'kube-root-ca.crt' };
    const authority = cluster.server.pki.clusterAuthority.cert;
    await eventually(async () => expect((await client.get(configMaps, ca)).data).toEqual({ 'ca.crt': authority }));
    const { uid } = (await client.get(serviceAccounts, account)).metadata;
    await client.delete(serviceAccounts, account);
    await client.patch(configMaps, ca, { data: { 'ca.crt': 'bad', extra: 'x' } }, { type: 'merge' });
    await eventually(async () => {
      expect((await client.get(serviceAccounts, account)).metadata.uid).not.toBe(uid);
      expect((await client.get(configMaps, ca)).data).toEqual({ 'ca.crt': authority });
    });
    await client.delete(configMaps, ca);
    await eventually(async () => expect((await client.get(configMaps, ca)).data).toEqual({ 'ca.crt': authority }));
  });

  test('goes with all its contents, pods before what they need', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    await client.create(pods, pod(namespace, 'slow', { [HOLLOW.lingers]: 'true' }));
    await client.create(configMaps, { metadata: { name: 'config', namespace }, data: { a: 'b' } });
    await client.create(services, {
      metadata: { name: 'web', namespace },
      spec: { selector: { app: 'web' }, ports: [{ port: 80 }] },
    });
    await eventually(async () =>
      expect((await client.get(pods, { namespace, name: 'slow' })).status?.phase).toBe('Running'),
    );
    await client.delete(namespaces, { name: namespace });
    const conditions = await eventually(async () => {
      const { status } = await client.get(namespaces, { name: namespace });
      expect(status?.phase).toBe('Terminating');
      const found = status?.conditions?.map(({ type, status: value, message }) => [type, value, message]) ?? [];
      expect(found.map(([type]) => type)).toContain('NamespaceContentRemaining');
      return found;
    });
    expect(conditions).toContainEqual([
      'NamespaceContentRemaining',
      'True',
      'Some resources are remaining: pods. has 1 resource instances',
    ]);
    expect(conditions).toContainEqual([
      'NamespaceFinalizersRemaining',
      'False',
      'All content-preserving finalizers finished',
    ]);
    expect((await client.get(configMaps, { namespace, name: 'config' })).data).toEqual({ a: 'b' });
    await client.patch(
      pods,
      { namespace, name: 'slow' },
      { metadata: { annotations: { [HOLLOW.lingers]: null } } },
      { type: 'merge' },
    );
    await gone(namespaces, { name: namespace });
    for (const ref of [pods, configMaps, services, secrets, serviceAccounts, events] as ResourceRef[]) {
      expect((await client.list(ref, { namespace })).items).toEqual([]);
    }
  });

  test('tells whose finalizers it waits for', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    const metadata = { name: 'held', namespace, finalizers: ['example.com/hold'] };
    await client.create(configMaps, { metadata });
    await client.delete(namespaces, { name: namespace });
    const messages = await eventually(async () => {
      const { status } = await client.get(namespaces, { name: namespace });
      const found = (status?.conditions ?? []).filter(({ status: value }) => value === 'True');
      expect(found.map(({ type }) => type)).toEqual(['NamespaceContentRemaining', 'NamespaceFinalizersRemaining']);
      return found.map(({ message }) => message);
    });
    expect(messages).toEqual([
      'Some resources are remaining: configmaps. has 1 resource instances',
      'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    ]);
    await client.patch(configMaps, metadata, { metadata: { finalizers: null } }, { type: 'merge' });
    await gone(namespaces, { name: namespace });
  });

  test('waits for the finalizers of its own spec', async () => {
    const { client } = cluster;
    const spec = { finalizers: ['kubernetes', 'example.com/own'] };
    await client.create(namespaces, { metadata: { name: 'patient' }, spec } as Namespace);
    await client.delete(namespaces, { name: 'patient' });
    const waiting = await eventually(async () => {
      const found = await client.get(namespaces, { name: 'patient' });
      expect(found.spec?.finalizers).toEqual(['example.com/own']);
      return found;
    });
    await client.updateSubresource(namespaces, { name: 'patient' }, 'finalize', { ...waiting, spec: {} });
    await gone(namespaces, { name: 'patient' });
  });
});

describe('a service account token secret', () => {
  const tokenSecret = (namespace: string, account: string): Secret => ({
    metadata: { name: 'token', namespace, annotations: { 'kubernetes.io/service-account.name': account } },
    type: 'kubernetes.io/service-account-token',
  });

  test('is filled, names its account, and goes with it', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    const account = await client.create(serviceAccounts, { metadata: { name: 'robot', namespace } });
    await client.create(secrets, tokenSecret(namespace, 'robot'));
    const secret = await eventually(async () => {
      const found = await client.get(secrets, { namespace, name: 'token' });
      expect(Object.keys(found.data ?? {}).sort()).toEqual(['ca.crt', 'namespace', 'token']);
      return found;
    });
    expect(secret.metadata.annotations?.['kubernetes.io/service-account.uid']).toBe(account.metadata.uid);
    const token = Buffer.from(secret.data?.['token'] ?? '', 'base64').toString();
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(claims.sub).toBe(`system:serviceaccount:${namespace}:robot`);
    await client.delete(serviceAccounts, { namespace, name: 'robot' });
    await gone(secrets, { namespace, name: 'token' });
  });

  test('goes when its account does not exist', async () => {
    const namespace = await cluster.namespace();
    await cluster.client.create(secrets, tokenSecret(namespace, 'nobody'));
    await gone(secrets, { namespace, name: 'token' });
  });
});

test('nothing was refused', () => expect(cluster.complaints()).toEqual([]));
