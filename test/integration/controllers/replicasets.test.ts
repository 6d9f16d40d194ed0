import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ReplicaSet, replicaSets } from '#api/apps/v1.ts';
import { type Pod, pods, type ReplicationController, replicationControllers, resourceQuotas } from '#api/core/v1.ts';
import { eventually } from '#test/support/eventually.ts';
import { HOLLOW } from '#test/support/hollow-node.ts';
import { TestCluster } from '#test/support/test-cluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: ['n1', 'n2'] });
});
afterAll(() => cluster.stop());

const replicaSet = (namespace: string, replicas: number, more: Partial<ReplicaSet['spec']> = {}): ReplicaSet => ({
  metadata: { name: 'web', namespace },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { name: '', labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image: 'web' }] } },
    ...more,
  },
});

const bare = (namespace: string, name: string, metadata: Partial<Pod['metadata']> = {}): Pod => ({
  metadata: { name, namespace, labels: { app: 'web' }, ...metadata },
  spec: { containers: [{ name: 'c', image: 'web' }] },
});

async function podsOf(namespace: string): Promise<Pod[]> {
  return [...(await cluster.client.list(pods, { namespace })).items];
}

async function scale(namespace: string, replicas: number): Promise<void> {
  await cluster.client.patch(replicaSets, { namespace, name: 'web' }, { spec: { replicas } }, { type: 'merge' });
}

function untilStatus(namespace: string, status: Partial<ReplicaSet['status']>): Promise<ReplicaSet> {
  return eventually(async () => {
    const set = await cluster.client.get(replicaSets, { namespace, name: 'web' });
    expect(set.status).toMatchObject({ observedGeneration: set.metadata.generation, ...status });
    return set;
  });
}

describe('a ReplicaSet', () => {
  test('keeps as many pods as it is asked for, and tells so', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    await client.create(replicaSets, replicaSet(namespace, 7));
    const full = { replicas: 7, fullyLabeledReplicas: 7, readyReplicas: 7, availableReplicas: 7 };
    const set = await untilStatus(namespace, full);
    const [first] = await podsOf(namespace);
    expect(first?.metadata.ownerReferences).toEqual([
      {
        apiVersion: 'apps/v1',
        kind: 'ReplicaSet',
        name: 'web',
        uid: set.metadata.uid,
        controller: true,
        blockOwnerDeletion: true,
      },
    ]);
    await client.delete(pods, first?.metadata ?? { name: '' });
    await eventually(async () => {
      const names = (await podsOf(namespace)).map(({ metadata }) => metadata.name);
      expect(names).toHaveLength(7);
      expect(names).not.toContain(first?.metadata.name);
    });
    await scale(namespace, 2);
    await untilStatus(namespace, { replicas: 2, availableReplicas: 2 });
    expect(await podsOf(namespace)).toHaveLength(2);
    const words = await cluster.events(set);
    expect(words.filter((word) => word.startsWith('SuccessfulCreate: Created pod: web-'))).toHaveLength(8);
    expect(words.filter((word) => word.startsWith('SuccessfulDelete: Deleted pod: web-'))).toHaveLength(5);
  });

  test('makes no pod too many, whatever changes meanwhile', async () => {
    const namespace = await cluster.namespace();
    await cluster.client.create(replicaSets, replicaSet(namespace, 20));
    for (const replicas of [25, 10, 30, 12]) await scale(namespace, replicas);
    await untilStatus(namespace, { replicas: 12, availableReplicas: 12 });
    expect(await podsOf(namespace)).toHaveLength(12);
    const words = await cluster.events(await cluster.client.get(replicaSets, { namespace, name: 'web' }));
    expect(words.filter((word) => word.startsWith('SuccessfulCreate')).length).toBeLessThanOrEqual(30);
  });

  test('removes pods that are not ready before others', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    await client.create(replicaSets, replicaSet(namespace, 4));
    await untilStatus(namespace, { readyReplicas: 4 });
    const [oldest] = (await podsOf(namespace)).sort(
      (a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion),
    );
    const broken = oldest?.metadata ?? { name: '' };
    const status = { conditions: [{ type: 'Ready', status: 'False' }] };
    await client.patch(pods, broken, { status }, { type: 'strategic', subresource: 'status' });
    await untilStatus(namespace, { readyReplicas: 3 });
    await scale(namespace, 3);
    await untilStatus(namespace, { replicas: 3, readyReplicas: 3 });
    expect((await podsOf(namespace)).map(({ metadata }) => metadata.name)).not.toContain(broken.name);
  });

  test('adopts matching orphans and releases what stops matching', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    await client.create(pods, bare(namespace, 'orphan'));
    const set = await client.create(replicaSets, replicaSet(namespace, 2));
    await untilStatus(namespace, { replicas: 2, availableReplicas: 2 });
    const orphan = await client.get(pods, { namespace, name: 'orphan' });
    expect(orphan.metadata.ownerReferences).toMatchObject([{ uid: set.metadata.uid, controller: true }]);
    await client.patch(pods, orphan.metadata, { metadata: { labels: { app: 'debug' } } }, { type: 'merge' });
    await eventually(async () => {
      const { metadata } = await client.get(pods, { namespace, name: 'orphan' });
      expect(metadata.ownerReferences ?? []).toEqual([]);
      expect(await podsOf(namespace)).toHaveLength(3);
    });
    // A pod that starts to match, beyond what is wanted, is taken in and one pod goes.
    await client.patch(pods, orphan.metadata, { metadata: { labels: { app: 'web' } } }, { type: 'merge' });
    await eventually(async () => expect(await podsOf(namespace)).toHaveLength(2));
  });

  test('leaves the pods of another controller alone', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'other', uid: 'nobody', controller: true };
    // Its owner exists, as far as the garbage collector can tell: it is of a kind that nobody serves.
    await client.create(
      pods,
      bare(namespace, 'foreign', { ownerReferences: [{ ...owner, apiVersion: 'example.com/v1', kind: 'Thing' }] }),
    );
    await client.create(replicaSets, replicaSet(namespace, 1));
    await untilStatus(namespace, { replicas: 1, availableReplicas: 1 });
    expect(await podsOf(namespace)).toHaveLength(2);
  });

  test('replaces pods that ended', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    await client.create(replicaSets, replicaSet(namespace, 1));
    await untilStatus(namespace, { availableReplicas: 1 });
    const [pod] = await podsOf(namespace);
    const status = { phase: 'Failed' };
    await client.patch(pods, pod?.metadata ?? { name: '' }, { status }, { type: 'merge', subresource: 'status' });
    await eventually(async () =>
      expect((await podsOf(namespace)).map((each) => each.status?.phase).sort()).toEqual(['Failed', 'Running']),
    );
    await untilStatus(namespace, { replicas: 1, availableReplicas: 1 });
  });

  test('waits for minReadySeconds before a pod counts as available', async () => {
    const namespace = await cluster.namespace();
    await cluster.client.create(replicaSets, replicaSet(namespace, 1, { minReadySeconds: 2 }));
    const ready = await untilStatus(namespace, { readyReplicas: 1 });
    expect(ready.status?.availableReplicas ?? 0).toBe(0);
    await untilStatus(namespace, { availableReplicas: 1 });
  });

  test('shows that a quota keeps it from making pods, once, and goes on when it is raised', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    const hard = { pods: '2' };
    await client.create(resourceQuotas, { metadata: { name: 'few', namespace }, spec: { hard } });
    // Until it has been counted, a quota lets nothing in.
    await eventually(async () => {
      const { status } = await client.get(resourceQuotas, { namespace, name: 'few' });
      expect(status?.used).toEqual({ pods: '0' });
    });
    await client.create(replicaSets, replicaSet(namespace, 4));
    const set = await eventually(async () => {
      const found = await client.get(replicaSets, { namespace, name: 'web' });
      expect(found.status).toMatchObject({
        replicas: 2,
        availableReplicas: 2,
        conditions: [{ type: 'ReplicaFailure', status: 'True', reason: 'FailedCreate' }],
      });
      return found;
    });
    expect(set.status?.conditions?.[0]?.message).toMatch(
      /^pods "web-\w+" is forbidden: exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2$/,
    );
    await new Promise((resolve) => setTimeout(resolve, 300));
    const later = await client.get(replicaSets, { namespace, name: 'web' });
    expect(Number(later.metadata.resourceVersion)).toBe(Number(set.metadata.resourceVersion));
    expect((await cluster.events(set)).filter((word) => word.startsWith('FailedCreate: Error creating: '))).not.toEqual(
      [],
    );
    await client.delete(resourceQuotas, { namespace, name: 'few' });
    await scale(namespace, 5);
    const done = await untilStatus(namespace, { replicas: 5, availableReplicas: 5 });
    expect(done.status?.conditions ?? []).toEqual([]);
  });

  test('lives with pods that are never ready', async () => {
    const namespace = await cluster.namespace();
    const set = replicaSet(namespace, 2);
    const template = {
      ...set.spec?.template,
      metadata: { name: '', labels: { app: 'web' }, annotations: { [HOLLOW.ready]: 'false' } },
    };
    await cluster.client.create(replicaSets, replicaSet(namespace, 2, { template }));
    const { status } = await untilStatus(namespace, { replicas: 2, fullyLabeledReplicas: 2 });
    expect([status?.readyReplicas ?? 0, status?.availableReplicas ?? 0]).toEqual([0, 0]);
  });
});

describe('a ReplicationController', () => {
  test('does the same with a plain selector', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    const controller: ReplicationController = {
      metadata: { name: 'web', namespace },
      spec: {
        replicas: 2,
        selector: { app: 'web' },
        template: {
          metadata: { name: '', labels: { app: 'web' } },
          spec: { containers: [{ name: 'c', image: 'web' }] },
        },
      },
    };
    await client.create(pods, bare(namespace, 'orphan'));
    await client.create(replicationControllers, controller);
    const status = async (replicas: number) => {
      await eventually(async () => {
        const found = await client.get(replicationControllers, { namespace, name: 'web' });
        expect(found.status).toMatchObject({ replicas, readyReplicas: replicas, availableReplicas: replicas });
      });
      expect(await podsOf(namespace)).toHaveLength(replicas);
    };
    await status(2);
    expect((await podsOf(namespace)).map(({ metadata }) => metadata.ownerReferences?.[0]?.kind)).toEqual([
      'ReplicationController',
      'ReplicationController',
    ]);
    await client.patch(replicationControllers, controller.metadata, { spec: { replicas: 3 } }, { type: 'merge' });
    await status(3);
    await client.patch(replicationControllers, controller.metadata, { spec: { replicas: 0 } }, { type: 'merge' });
    await eventually(async () => expect(await podsOf(namespace)).toEqual([]));
  });
});

test('nothing was refused', () => expect(cluster.complaints()).toEqual([]));
