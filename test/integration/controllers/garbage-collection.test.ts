import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { replicaSets } from '#api/apps/v1.ts';
import { type ConfigMap, configMaps, nodes, persistentVolumes, pods, secrets } from '#api/core/v1.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { apiVersionOf, type ObjectKey, type ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject, OwnerReference } from '#api/meta/types.ts';
import { eventually } from '#test/support/eventually.ts';
import { HOLLOW } from '#test/support/hollow-node.ts';
import { TestCluster } from '#test/support/test-cluster.ts';

let cluster: TestCluster;
let namespace: string;
beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: ['n1'] });
  namespace = await cluster.namespace();
});
afterAll(() => cluster.stop());

const ownedBy = (ref: ResourceRef, owner: ApiObject, more: Partial<OwnerReference> = {}): OwnerReference => ({
  apiVersion: apiVersionOf(ref),
  kind: ref.kind,
  name: owner.metadata.name,
  uid: owner.metadata.uid ?? '',
  ...more,
});

let serial = 0;
function configMap(owners: OwnerReference[] = [], metadata: Partial<ConfigMap['metadata']> = {}): Promise<ConfigMap> {
  const name = `config-${++serial}`;
  return cluster.client.create(configMaps, { metadata: { name, namespace, ownerReferences: owners, ...metadata } });
}

const get = ({ metadata }: ApiObject) => cluster.client.get(configMaps, metadata);

async function isGone(ref: ResourceRef, { namespace: where, name }: ObjectKey): Promise<boolean> {
  return cluster.client.get(ref, { namespace: where, name }).then(
    () => false,
    (error: unknown) => {
      if (isNotFound(error)) return true;
      throw error;
    },
  );
}

async function gone(...objects: ConfigMap[]): Promise<void> {
  for (const { metadata } of objects) {
    await eventually(async () => expect(`${metadata.name} ${await isGone(configMaps, metadata)}`).toMatch(/true$/));
  }
}

/** Waits until the collector has done all that was to be done before now: it works in order. */
async function settled(): Promise<void> {
  const owner = await configMap();
  const dependent = await configMap([ownedBy(configMaps, owner)]);
  await cluster.client.delete(configMaps, owner.metadata);
  await gone(dependent);
  await new Promise((resolve) => setTimeout(resolve, 50));
}

describe('background deletion', () => {
  test('takes dependents and their dependents, of any kind', async () => {
    const owner = await configMap();
    const child = await configMap([ownedBy(configMaps, owner)]);
    const secret = await cluster.client.create(secrets, {
      metadata: { name: 'grandchild', namespace, ownerReferences: [ownedBy(configMaps, child)] },
    });
    const stranger = await configMap();
    await cluster.client.delete(configMaps, owner.metadata, { propagationPolicy: 'Background' });
    await gone(owner, child);
    await eventually(async () => expect(await isGone(secrets, secret.metadata)).toBe(true));
    expect((await get(stranger)).metadata.uid).toBe(stranger.metadata.uid);
  });

  test('leaves what another owner keeps, without the reference', async () => {
    const [first, second] = [await configMap(), await configMap()];
    const shared = await configMap([ownedBy(configMaps, first), ownedBy(configMaps, second)]);
    await cluster.client.delete(configMaps, first.metadata);
    await eventually(async () =>
      expect((await get(shared)).metadata.ownerReferences).toEqual([ownedBy(configMaps, second)]),
    );
    await cluster.client.delete(configMaps, second.metadata);
    await gone(shared);
  });

  test('reaches cluster-scoped dependents', async () => {
    const owner = await cluster.client.create(nodes, { metadata: { name: 'owner-node' }, spec: {} });
    const volume = await cluster.client.create(persistentVolumes, {
      metadata: { name: 'owned', ownerReferences: [ownedBy(nodes, owner)] },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } },
    });
    const child = await configMap([ownedBy(nodes, owner)]);
    await cluster.client.delete(nodes, owner.metadata);
    await gone(child);
    await eventually(async () => expect(await isGone(persistentVolumes, volume.metadata)).toBe(true));
  });
});

describe('an owner that is not there', () => {
  test.each([
    { name: 'of a name that nobody has', owner: { kind: 'ConfigMap', apiVersion: 'v1', name: 'nobody', uid: 'x' } },
    { name: 'of another UID', owner: { kind: 'ConfigMap', apiVersion: 'v1', name: 'kube-root-ca.crt', uid: 'x' } },
  ])('$name takes its dependents', async ({ owner }) => {
    await gone(await configMap([owner]));
  });

  test('of a kind that nobody serves keeps them', async () => {
    const kept = await configMap([{ apiVersion: 'example.com/v1', kind: 'Thing', name: 'x', uid: 'x' }]);
    await settled();
    expect((await get(kept)).metadata.uid).toBe(kept.metadata.uid);
  });

  test('because it is in another namespace takes them, and says so', async () => {
    const other = await cluster.namespace();
    const owner = await cluster.client.create(configMaps, { metadata: { name: 'far', namespace: other } });
    const child = await configMap([ownedBy(configMaps, owner)]);
    await gone(child);
    await eventually(async () =>
      expect(await cluster.events(child)).toEqual([
        `OwnerRefInvalidNamespace: ownerRef [v1/ConfigMap, namespace: ${namespace}, name: far, uid: ${owner.metadata.uid}] does not exist in namespace "${namespace}"`,
      ]),
    );
    expect(await isGone(configMaps, owner.metadata)).toBe(false);
  });

  test('because it has a namespace and the dependent has none keeps it', async () => {
    const owner = await configMap();
    const volume = await cluster.client.create(persistentVolumes, {
      metadata: { name: 'misled', ownerReferences: [ownedBy(configMaps, owner)] },
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], hostPath: { path: '/data' } },
    });
    await settled();
    expect(await isGone(persistentVolumes, volume.metadata)).toBe(false);
  });
});

describe('foreground deletion', () => {
  test('waits for dependents that block it', async () => {
    const owner = await configMap();
    const child = await configMap([ownedBy(configMaps, owner, { blockOwnerDeletion: true })], {
      finalizers: ['example.com/hold'],
    });
    const free = await configMap([ownedBy(configMaps, owner)], { finalizers: ['example.com/hold'] });
    await cluster.client.delete(configMaps, owner.metadata, { propagationPolicy: 'Foreground' });
    await eventually(async () => expect((await get(child)).metadata.deletionTimestamp).toBeDefined());
    await settled();
    expect((await get(owner)).metadata).toMatchObject({ finalizers: ['foregroundDeletion'] });
    await cluster.client.patch(configMaps, child.metadata, { metadata: { finalizers: null } }, { type: 'merge' });
    await gone(child, owner);
    expect((await get(free)).metadata.deletionTimestamp).toBeDefined();
    await cluster.client.patch(configMaps, free.metadata, { metadata: { finalizers: null } }, { type: 'merge' });
    await gone(free);
  });

  test('of a ReplicaSet ends after its pods', async () => {
    const labels = { app: 'web' };
    const set = await cluster.client.create(replicaSets, {
      metadata: { name: 'web', namespace },
      spec: {
        replicas: 2,
        selector: { matchLabels: labels },
        template: {
          metadata: { name: '', labels, annotations: { [HOLLOW.lingers]: 'true' } },
          spec: { containers: [{ name: 'c', image: 'web' }] },
        },
      },
    });
    const own = async () => (await cluster.client.list(pods, { namespace, labelSelector: 'app=web' })).items;
    await eventually(async () =>
      expect((await own()).map(({ status }) => status?.phase)).toEqual(['Running', 'Running']),
    );
    await cluster.client.delete(replicaSets, set.metadata, { propagationPolicy: 'Foreground' });
    await eventually(async () => {
      expect(await own()).toHaveLength(2);
      for (const { metadata } of await own()) expect(metadata.deletionTimestamp).toBeDefined();
    });
    expect(await isGone(replicaSets, set.metadata)).toBe(false);
    for (const { metadata } of await own()) await cluster.client.delete(pods, metadata, { gracePeriodSeconds: 0 });
    await eventually(async () => expect(await isGone(replicaSets, set.metadata)).toBe(true));
    expect(await own()).toEqual([]);
  });

  test('gets out of a circle', async () => {
    const a = await configMap();
    const b = await configMap([ownedBy(configMaps, a, { blockOwnerDeletion: true })]);
    const c = await configMap([ownedBy(configMaps, b, { blockOwnerDeletion: true })]);
    const ownerReferences = [ownedBy(configMaps, c, { blockOwnerDeletion: true })];
    await cluster.client.patch(configMaps, a.metadata, { metadata: { ownerReferences } }, { type: 'merge' });
    await cluster.client.delete(configMaps, a.metadata, { propagationPolicy: 'Foreground' });
    await gone(a, b, c);
  });

  test('drops its reference from what another owner keeps', async () => {
    const [leaving, staying] = [await configMap(), await configMap()];
    const shared = await configMap([
      ownedBy(configMaps, leaving, { blockOwnerDeletion: true }),
      ownedBy(configMaps, staying),
    ]);
    await cluster.client.delete(configMaps, leaving.metadata, { propagationPolicy: 'Foreground' });
    await gone(leaving);
    expect((await get(shared)).metadata.ownerReferences).toEqual([ownedBy(configMaps, staying)]);
  });
});

describe('orphaning', () => {
  test('leaves dependents without the reference', async () => {
    const owner = await configMap();
    const other = await configMap();
    const alone = await configMap([ownedBy(configMaps, owner)]);
    const shared = await configMap([ownedBy(configMaps, owner), ownedBy(configMaps, other)]);
    await cluster.client.delete(configMaps, owner.metadata, { propagationPolicy: 'Orphan' });
    await gone(owner);
    expect((await get(alone)).metadata.ownerReferences ?? []).toEqual([]);
    expect((await get(shared)).metadata.ownerReferences).toEqual([ownedBy(configMaps, other)]);
  });
});

test('nothing was refused', () => expect(cluster.complaints()).toEqual([]));
