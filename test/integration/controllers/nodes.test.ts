import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { replicaSets } from '#api/apps/v1.ts';
import { type Node, nodes, type Pod, pods, services, type Taint } from '#api/core/v1.ts';
import { endpointSlices } from '#api/discovery/v1.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { eventually } from '#test/support/eventually.ts';
import { TestCluster } from '#test/support/test-cluster.ts';

/** How far the cluster's clock runs ahead. */
let aheadMs = 0;
let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: ['n1'], now: () => Date.now() + aheadMs });
});
afterAll(() => cluster.stop());

const node = (name: string): Promise<Node> => cluster.client.get(nodes, { name });
const getPod = (namespace: string, name: string): Promise<Pod> => cluster.client.get(pods, { namespace, name });

/** Turns the clock on; the nodes in service send a heartbeat at once. */
async function later(seconds: number, silent: readonly string[] = []): Promise<void> {
  aheadMs += seconds * 1000;
  for (const each of cluster.nodes.values()) if (!silent.includes(each.name)) await each.renew();
  for (const name of silent) await poke(name);
}

/** Makes controllers look at a node whose timers would come too late for a test. */
async function poke(name: string): Promise<void> {
  await cluster.client.patch(
    nodes,
    { name },
    { metadata: { annotations: { poke: String(aheadMs) } } },
    { type: 'merge' },
  );
}

const taintsOf = ({ spec }: Node): string[] => (spec?.taints ?? []).map(({ key, effect }) => `${key}:${effect}`).sort();
const NOT_READY = 'node.kubernetes.io/not-ready';
const UNREACHABLE = 'node.kubernetes.io/unreachable';

async function run(namespace: string, name: string, spec: Partial<NonNullable<Pod['spec']>> = {}): Promise<Pod> {
  const metadata = { name, namespace, labels: { app: name } };
  await cluster.client.create(pods, { metadata, spec: { containers: [{ name: 'c', image: 'web' }], ...spec } });
  return eventually(async () => {
    const pod = await getPod(namespace, name);
    expect(pod.status?.phase).toBe('Running');
    return pod;
  });
}

describe('a node', () => {
  test('has pod addresses of its own for good', async () => {
    await cluster.addNode('n2');
    const ranges = await eventually(async () => {
      const found = [(await node('n1')).spec, (await node('n2')).spec];
      for (const spec of found) expect(spec?.podCIDRs).toEqual([spec?.podCIDR]);
      return found.map((spec) => spec?.podCIDR);
    });
    expect(ranges).toEqual(['10.42.0.0/24', '10.42.1.0/24']);
  });

  test('is kept free of pods until it says that it is ready', async () => {
    await cluster.client.create(nodes, { metadata: { name: 'new' }, spec: {} });
    await eventually(async () => expect((await node('new')).spec?.podCIDR).toBeDefined());
    expect(taintsOf(await node('new'))).toEqual([`${NOT_READY}:NoSchedule`]);
    await later(41, ['new']);
    const lost = await eventually(async () => {
      const found = await node('new');
      expect(taintsOf(found)).toEqual([`${UNREACHABLE}:NoExecute`, `${UNREACHABLE}:NoSchedule`]);
      return found;
    });
    expect(lost.status?.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'Unknown',
      reason: 'NodeStatusNeverUpdated',
    });
    await cluster.client.delete(nodes, { name: 'new' });
  });

  test('shows its conditions and its cordon as taints', async () => {
    const { client } = cluster;
    const pressure = (status: string) => ({ status: { conditions: [{ type: 'MemoryPressure', status }] } });
    const options = { type: 'strategic', subresource: 'status' } as const;
    await client.patch(nodes, { name: 'n1' }, pressure('True'), options);
    await client.patch(nodes, { name: 'n1' }, { spec: { unschedulable: true } }, { type: 'merge' });
    const own = { key: 'example.com/own', effect: 'PreferNoSchedule' };
    await eventually(async () =>
      expect(taintsOf(await node('n1'))).toEqual([
        'node.kubernetes.io/memory-pressure:NoSchedule',
        'node.kubernetes.io/unschedulable:NoSchedule',
      ]),
    );
    const taints = [...((await node('n1')).spec?.taints ?? []), own];
    await client.patch(nodes, { name: 'n1' }, { spec: { taints, unschedulable: null } }, { type: 'merge' });
    await client.patch(nodes, { name: 'n1' }, pressure('False'), options);
    await eventually(async () => expect(taintsOf(await node('n1'))).toEqual(['example.com/own:PreferNoSchedule']));
    await client.patch(nodes, { name: 'n1' }, { spec: { taints: null } }, { type: 'merge' });
  });
});

describe('a lost node', () => {
  test('is marked, its pods leave their services at once, and move when their time is over', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    await cluster.addNode('n3', { labels: { role: 'lost' } });
    const labels = { app: 'web' };
    await client.create(services, {
      metadata: { name: 'web', namespace },
      spec: { selector: labels, ports: [{ port: 80 }] },
    });
    const prefer = {
      weight: 100,
      preference: { matchExpressions: [{ key: 'role', operator: 'In', values: ['lost'] }] },
    };
    await client.create(replicaSets, {
      metadata: { name: 'web', namespace },
      spec: {
        replicas: 1,
        selector: { matchLabels: labels },
        template: {
          metadata: { name: '', labels },
          spec: {
            containers: [{ name: 'c', image: 'web' }],
            affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [prefer] } },
          },
        },
      },
    });
    const own = async () => (await client.list(pods, { namespace })).items;
    const ready = async () => {
      const { items } = await client.list(endpointSlices, { namespace });
      return items.flatMap((slice) => slice.endpoints ?? []).filter(({ conditions }) => conditions?.ready === true);
    };
    await eventually(async () => expect(await ready()).toMatchObject([{ nodeName: 'n3' }]));
    const [pod] = await own();
    await cluster.nodes.get('n3')?.silence();
    await later(30, ['n3']);
    expect(taintsOf(await node('n3'))).toEqual([]);
    await later(11, ['n3']);
    await eventually(async () => {
      const found = await node('n3');
      expect(taintsOf(found)).toEqual([`${UNREACHABLE}:NoExecute`, `${UNREACHABLE}:NoSchedule`]);
      expect(found.status?.conditions?.map(({ type, status }) => `${type}=${status}`).sort()).toEqual([
        'DiskPressure=Unknown',
        'MemoryPressure=Unknown',
        'PIDPressure=Unknown',
        'Ready=Unknown',
      ]);
      expect(await ready()).toEqual([]);
    });
    expect(await cluster.events(await node('n3'))).toContain('NodeNotReady: Node n3 status is now: NodeNotReady');
    await eventually(async () => expect(await cluster.events(pod as Pod)).toContain('NodeNotReady: Node is not ready'));
    expect(taintsOf(await node('n1'))).toEqual([]);
    await later(290, ['n3']);
    expect((await own()).map(({ metadata }) => metadata.deletionTimestamp)).toEqual([undefined]);
    await later(11, ['n3']);
    await eventually(async () => {
      expect(
        (await own()).map(({ spec, metadata }) => `${spec?.nodeName} ${metadata.deletionTimestamp === undefined}`),
      ).toContain('n3 false');
      expect(await ready()).toHaveLength(1);
      expect((await ready())[0]?.nodeName).not.toBe('n3');
    });
    const target = (await own()).find(({ spec }) => spec?.nodeName === 'n3')?.status?.conditions;
    expect(target?.find(({ type }) => type === 'DisruptionTarget')).toMatchObject({
      status: 'True',
      reason: 'DeletionByTaintManager',
    });
    // The node is taken away for good: what it held goes too, after a while.
    await client.delete(nodes, { name: 'n3' });
    cluster.nodes.delete('n3');
    await later(41);
    await client.patch(pods, pod?.metadata ?? { name: '' }, { metadata: { labels: { poke: 'x' } } }, { type: 'merge' });
    await eventually(async () => expect((await own()).map(({ spec }) => spec?.nodeName)).not.toContain('n3'));
    await later(41);
    expect(await own()).toHaveLength(1);
  });

  test('that comes back keeps its pods', async () => {
    const namespace = await cluster.namespace();
    const pod = await run(namespace, 'stays', { nodeSelector: { 'kubernetes.io/hostname': 'n2' } });
    await cluster.nodes.get('n2')?.silence();
    await later(45, ['n2']);
    await eventually(async () => expect(taintsOf(await node('n2'))).toHaveLength(2));
    await cluster.nodes.get('n2')?.start();
    await eventually(async () => expect(taintsOf(await node('n2'))).toEqual([]));
    await later(301);
    await poke('n2');
    expect((await getPod(namespace, 'stays')).metadata).toMatchObject({ uid: pod.metadata.uid });
    expect((await getPod(namespace, 'stays')).metadata.deletionTimestamp).toBeUndefined();
  });
});

describe('a NoExecute taint', () => {
  const taint = async (taints: Taint[] | null) =>
    cluster.client.patch(nodes, { name: 'n2' }, { spec: { taints } }, { type: 'merge' });
  const MAINTENANCE: Taint = { key: 'example.com/maintenance', effect: 'NoExecute' };
  const tolerating = (tolerationSeconds?: number) => ({
    nodeSelector: { 'kubernetes.io/hostname': 'n2' },
    tolerations: [
      { ...MAINTENANCE, operator: 'Exists', ...(tolerationSeconds !== undefined && { tolerationSeconds }) },
    ],
  });

  test('sends pods away as they tolerate it', async () => {
    const namespace = await cluster.namespace();
    await run(namespace, 'now', { nodeSelector: { 'kubernetes.io/hostname': 'n2' } });
    await run(namespace, 'later', tolerating(60));
    await run(namespace, 'never', tolerating());
    // As `kubectl taint` does it, without a time.
    await taint([MAINTENANCE]);
    const names = async () =>
      (await cluster.client.list(pods, { namespace })).items.map(({ metadata }) => metadata.name);
    await eventually(async () => expect(await names()).toEqual(['later', 'never']));
    await later(50);
    await poke('n2');
    // One that came later has its full time.
    await run(namespace, 'latecomer', tolerating(60));
    expect(await names()).toEqual(['latecomer', 'later', 'never']);
    await later(15);
    await poke('n2');
    await eventually(async () => expect(await names()).toEqual(['latecomer', 'never']));
    await taint(null);
    await later(60);
    await poke('n2');
    await run(namespace, 'fresh');
    expect(await names()).toEqual(['fresh', 'latecomer', 'never']);
  });
});

describe('pods that no node will end', () => {
  test('go when they were deleted before they had one', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    await client.create(pods, {
      metadata: { name: 'nowhere', namespace, finalizers: ['example.com/hold'] },
      spec: { containers: [{ name: 'c', image: 'web' }], schedulerName: 'nobody' },
    });
    await client.delete(pods, { namespace, name: 'nowhere' });
    expect((await getPod(namespace, 'nowhere')).metadata.deletionTimestamp).toBeDefined();
    await client.patch(pods, { namespace, name: 'nowhere' }, { metadata: { finalizers: null } }, { type: 'merge' });
    await expect(getPod(namespace, 'nowhere')).rejects.toSatisfy(isNotFound);
  });

  test('go when their node never was', async () => {
    const namespace = await cluster.namespace();
    await cluster.client.create(pods, {
      metadata: { name: 'lost', namespace },
      spec: { containers: [{ name: 'c', image: 'web' }], nodeName: 'no-such-node' },
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    await later(41);
    await cluster.client.patch(
      pods,
      { namespace, name: 'lost' },
      { metadata: { labels: { a: 'b' } } },
      { type: 'merge' },
    );
    await eventually(async () => expect((await cluster.client.list(pods, { namespace })).items).toEqual([]));
  });
});

test('nothing was refused', () => {
  // That a node is lost is worth a warning.
  expect(cluster.complaints().filter((text) => !/node is lost/.test(text))).toEqual([]);
});
