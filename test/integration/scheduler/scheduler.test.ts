import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { replicaSets } from '#api/apps/v1.ts';
import { type Node, nodes, type Pod, pods } from '#api/core/v1.ts';
import { priorityClasses } from '#api/scheduling/v1.ts';
import { eventually } from '#test/support/eventually.ts';
import { TestCluster } from '#test/support/test-cluster.ts';

let cluster: TestCluster;
let namespace: string;
beforeAll(async () => {
  cluster = await TestCluster.start();
  await cluster.addNode('n1', { labels: { disk: 'ssd' } });
  await cluster.addNode('n2');
  await cluster.addNode('n3', { allocatable: { cpu: '8' } });
});
afterAll(() => cluster.stop());
beforeEach(async () => {
  namespace = await cluster.namespace();
});

type Spec = NonNullable<Pod['spec']>;
type Container = Spec['containers'][number];

function create(name: string, spec: Partial<Spec> = {}, container: Partial<Container> = {}): Promise<Pod> {
  const containers = [{ name: 'c', image: 'web', ...container }];
  return cluster.client.create(pods, { metadata: { name, namespace }, spec: { containers, ...spec } });
}

const get = (name: string): Promise<Pod> => cluster.client.get(pods, { namespace, name });
const nodeOf = (name: string): Promise<string> =>
  eventually(async () => {
    const { nodeName = '' } = (await get(name)).spec ?? {};
    expect(nodeName).not.toBe('');
    return nodeName;
  });

/** What the pod itself says of why it waits. */
const refusal = (name: string): Promise<string> =>
  eventually(async () => {
    const condition = (await get(name)).status?.conditions?.find(({ type }) => type === 'PodScheduled');
    expect(condition).toMatchObject({ status: 'False', reason: 'Unschedulable' });
    return condition?.message ?? '';
  });

const asking = (cpu: string): Partial<Container> => ({ resources: { requests: { cpu } } });
const taint = (name: string, taints: NonNullable<Node['spec']>['taints'] | null) =>
  cluster.client.patch(nodes, { name }, { spec: { taints } }, { type: 'merge' });

describe('a pod', () => {
  test('goes where it fits, and says so', async () => {
    const pod = await create('big', {}, asking('6'));
    expect(await nodeOf('big')).toBe('n3');
    const bound = await get('big');
    expect(bound.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.status).toBe('True');
    await eventually(async () =>
      expect(await cluster.events(pod)).toContain(`Scheduled: Successfully assigned ${namespace}/big to n3`),
    );
    await cluster.client.delete(pods, pod.metadata);
  });

  test('follows its node selector and its affinity', async () => {
    await create('selecting', { nodeSelector: { disk: 'ssd' } });
    const term = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['n2'] }] };
    const affinity = {
      nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
    };
    await create('affine', { affinity });
    expect([await nodeOf('selecting'), await nodeOf('affine')]).toEqual(['n1', 'n2']);
  });

  test('keeps away from taints that it does not tolerate', async () => {
    const dedicated = { key: 'dedicated', value: 'db', effect: 'NoSchedule' };
    await taint('n1', [dedicated]);
    await taint('n2', [dedicated]);
    await create('plain');
    await create('tolerating', { nodeSelector: { disk: 'ssd' }, tolerations: [{ ...dedicated, operator: 'Equal' }] });
    expect([await nodeOf('plain'), await nodeOf('tolerating')]).toEqual(['n3', 'n1']);
    await taint('n1', null);
    await taint('n2', null);
  });

  test('gets a host port of its own', async () => {
    const port = { ports: [{ containerPort: 80, hostPort: 8080 }] };
    for (const name of ['a', 'b', 'c']) await create(name, {}, port);
    expect([await nodeOf('a'), await nodeOf('b'), await nodeOf('c')].sort()).toEqual(['n1', 'n2', 'n3']);
    await create('d', {}, port);
    expect(await refusal('d')).toBe(
      "0/3 nodes are available: 3 node(s) didn't have free ports for the requested pod ports. preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod.",
    );
    await cluster.client.delete(pods, { namespace, name: 'b' });
    await nodeOf('d');
  });

  test('waits behind its gates, and for its own scheduler', async () => {
    await create('gated', { schedulingGates: [{ name: 'example.com/wait' }] });
    await create('foreign', { schedulerName: 'mine' });
    await create('usual');
    await nodeOf('usual');
    expect((await get('foreign')).spec?.nodeName).toBeUndefined();
    expect((await get('gated')).spec?.nodeName).toBeUndefined();
    await cluster.client.patch(
      pods,
      { namespace, name: 'gated' },
      { spec: { schedulingGates: null } },
      { type: 'merge' },
    );
    await nodeOf('gated');
  });
});

describe('the pods of one controller', () => {
  test('are spread over the nodes', async () => {
    const labels = { app: 'web' };
    await cluster.client.create(replicaSets, {
      metadata: { name: 'web', namespace },
      spec: {
        replicas: 6,
        selector: { matchLabels: labels },
        template: { metadata: { name: '', labels }, spec: { containers: [{ name: 'c', image: 'web' }] } },
      },
    });
    await eventually(async () => {
      const { items } = await cluster.client.list(pods, { namespace });
      const places = items.map(({ spec }) => spec?.nodeName ?? '').sort();
      expect(places).toEqual(['n1', 'n1', 'n2', 'n2', 'n3', 'n3']);
    });
  });
});

describe('a pod that fits nowhere', () => {
  test('tells why with counts, once, and gets the first node that helps', async () => {
    await cluster.client.patch(nodes, { name: 'n2' }, { spec: { unschedulable: true } }, { type: 'merge' });
    await eventually(async () =>
      expect((await cluster.client.get(nodes, { name: 'n2' })).spec?.taints ?? []).toHaveLength(1),
    );
    const pod = await create('huge', {}, asking('20'));
    const message =
      '0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.';
    expect(await refusal('huge')).toBe(message);
    await eventually(async () => expect(await cluster.events(pod)).toEqual([`FailedScheduling: ${message}`]));
    await cluster.client.patch(nodes, { name: 'n2' }, { spec: { unschedulable: null } }, { type: 'merge' });
    await cluster.addNode('n4', { allocatable: { cpu: '32' } });
    expect(await nodeOf('huge')).toBe('n4');
    const condition = (await get('huge')).status?.conditions?.filter(({ type }) => type === 'PodScheduled');
    expect(condition).toMatchObject([{ status: 'True' }]);
    await cluster.client.delete(pods, pod.metadata);
  });

  test('is tried again when another leaves', async () => {
    const first = await create('first', {}, asking('30'));
    expect(await nodeOf('first')).toBe('n4');
    await create('second', {}, asking('30'));
    expect(await refusal('second')).toMatch(
      /^0\/4 nodes are available: 4 Insufficient cpu\. preemption: .*1 No preemption victims found for incoming pod, 3 /,
    );
    await cluster.client.delete(pods, first.metadata);
    expect(await nodeOf('second')).toBe('n4');
  });

  test('waits with others in the order of their priorities', async () => {
    for (const [name, value] of [
      ['low', 1],
      ['high', 1000],
    ] as const)
      await cluster.client.create(priorityClasses, { metadata: { name }, value });
    for (const [i, priorityClassName] of ['low', 'low', 'high'].entries())
      await create(`p${i}`, { priorityClassName, nodeSelector: { room: 'one' } }, asking('3'));
    for (const name of ['p0', 'p1', 'p2']) await refusal(name);
    await cluster.addNode('n5', { labels: { room: 'one' } });
    expect(await nodeOf('p2')).toBe('n5');
    for (const name of ['p0', 'p1'])
      expect(await refusal(name)).toMatch(/1 Insufficient cpu, 4 node\(s\) didn't match/);
  });

  test('is no longer waited for when it is deleted', async () => {
    const pod = await create('gone', { nodeSelector: { no: 'node' } });
    await refusal('gone');
    await cluster.client.delete(pods, pod.metadata);
    await create('after');
    await nodeOf('after');
  });
});

describe('many pods', () => {
  test('find their nodes quickly and evenly', async () => {
    const names = Array.from({ length: 10 }, (_, i) => `big${i}`);
    for (const name of names) await cluster.addNode(name, { labels: { pool: 'big' }, allocatable: { cpu: '64' } });
    const labels = { app: 'crowd' };
    await cluster.client.create(replicaSets, {
      metadata: { name: 'crowd', namespace },
      spec: {
        replicas: 300,
        selector: { matchLabels: labels },
        template: {
          metadata: { name: '', labels },
          spec: { nodeSelector: { pool: 'big' }, containers: [{ name: 'c', image: 'web', ...asking('100m') }] },
        },
      },
    });
    await eventually(
      async () => {
        const items = cluster.cache.list(pods, { namespace });
        expect(items.filter(({ spec }) => spec?.nodeName)).toHaveLength(300);
        for (const name of names) expect(items.filter(({ spec }) => spec?.nodeName === name)).toHaveLength(30);
      },
      { withinMs: 20_000 },
    );
  });
});

test('nothing was refused', () => expect(cluster.complaints()).toEqual([]));
