import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { endpoints, nodes, type Pod, pods, type Service, services } from '#api/core/v1.ts';
import { type EndpointSlice, endpointSlices } from '#api/discovery/v1.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { eventually } from '#test/support/eventually.ts';
import { HOLLOW } from '#test/support/hollow-node.ts';
import { TestCluster } from '#test/support/test-cluster.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start({ nodes: ['n1', 'n2'] });
});
afterAll(() => cluster.stop());

interface PodWish {
  readonly labels?: Record<string, string>;
  readonly annotations?: Record<string, string>;
  readonly port?: number;
  readonly spec?: Partial<NonNullable<Pod['spec']>>;
}

/** A pod with a port `http`, once it has an address. */
async function runPod(namespace: string, name: string, wish: PodWish = {}): Promise<Pod> {
  const { labels = { app: 'web' }, annotations = {}, port = 8080, spec = {} } = wish;
  await cluster.client.create(pods, {
    metadata: { name, namespace, labels, annotations },
    spec: { containers: [{ name: 'c', image: 'web', ports: [{ name: 'http', containerPort: port }] }], ...spec },
  });
  return eventually(async () => {
    const pod = await cluster.client.get(pods, { namespace, name });
    expect(pod.status?.podIP).toMatch(/^10\.42\./);
    return pod;
  });
}

async function serve(namespace: string, spec: Service['spec'] = {}, name = 'web'): Promise<Service> {
  return cluster.client.create(services, {
    metadata: { name, namespace, labels: { tier: 'front' } },
    spec: { selector: { app: 'web' }, ports: [{ name: 'web', port: 80, targetPort: 'http' }], ...spec },
  });
}

async function slicesOf(namespace: string, service = 'web'): Promise<readonly EndpointSlice[]> {
  const labelSelector = `kubernetes.io/service-name=${service}`;
  return (await cluster.client.list(endpointSlices, { namespace, labelSelector })).items;
}

/** `address ready/serving/terminating` of a service's endpoints. */
async function conditionsOf(namespace: string): Promise<string[]> {
  return (await slicesOf(namespace))
    .flatMap((slice) => slice.endpoints ?? [])
    .map(({ addresses, conditions }) => {
      const { ready, serving, terminating } = conditions ?? {};
      return `${addresses[0]} ${ready}/${serving}/${terminating}`;
    })
    .sort();
}

async function subsetsOf(namespace: string, name = 'web') {
  const { subsets = [] } = await cluster.client.get(endpoints, { namespace, name });
  return subsets.map(({ addresses = [], notReadyAddresses = [], ports = [] }) => ({
    ready: addresses.map(({ ip }) => ip),
    waiting: notReadyAddresses.map(({ ip }) => ip),
    ports: ports.map(({ port }) => port),
  }));
}

const ip = (pod: Pod): string => pod.status?.podIP ?? '';

describe('endpoints of a service', () => {
  test('are its ready pods, with the port that its name means', async () => {
    const namespace = await cluster.namespace();
    const service = await serve(namespace);
    const pod = await runPod(namespace, 'a');
    await runPod(namespace, 'other', { labels: { app: 'other' } });
    const slice = await eventually(async () => {
      const [only, ...more] = await slicesOf(namespace);
      expect([only?.endpoints?.length, more]).toEqual([1, []]);
      return only;
    });
    expect(slice).toMatchObject({
      addressType: 'IPv4',
      metadata: {
        generateName: 'web-',
        labels: {
          tier: 'front',
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
        },
        ownerReferences: [
          { apiVersion: 'v1', kind: 'Service', name: 'web', uid: service.metadata.uid, controller: true },
        ],
      },
      ports: [{ name: 'web', port: 8080, protocol: 'TCP' }],
      endpoints: [
        {
          addresses: [ip(pod)],
          conditions: { ready: true, serving: true, terminating: false },
          nodeName: pod.spec?.nodeName,
          targetRef: { kind: 'Pod', namespace, name: 'a', uid: pod.metadata.uid },
        },
      ],
    });
    await eventually(async () =>
      expect(await subsetsOf(namespace)).toEqual([{ ready: [ip(pod)], waiting: [], ports: [8080] }]),
    );
    const old = await cluster.client.get(endpoints, { namespace, name: 'web' });
    expect(old.metadata.labels).toEqual({ tier: 'front', 'endpoints.kubernetes.io/managed-by': 'endpoint-controller' });
    expect(old.metadata.annotations?.['endpoints.kubernetes.io/last-change-trigger-time']).toMatch(/^\d{4}-/);
  });

  test('resolve a named port for each pod by itself', async () => {
    const namespace = await cluster.namespace();
    await serve(namespace);
    const a = await runPod(namespace, 'a', { port: 8080 });
    const b = await runPod(namespace, 'b', { port: 9090 });
    await eventually(async () => {
      const found = (await slicesOf(namespace)).map(({ ports, endpoints: list }) => [
        ports?.[0]?.port,
        list?.map(({ addresses }) => addresses[0]),
      ]);
      expect(found.sort()).toEqual([
        [8080, [ip(a)]],
        [9090, [ip(b)]],
      ]);
      expect((await subsetsOf(namespace)).map(({ ports }) => ports).sort()).toEqual([[8080], [9090]]);
    });
  });

  test('follow readiness, and publish what is not ready where that is asked for', async () => {
    const namespace = await cluster.namespace();
    await serve(namespace);
    const pod = await runPod(namespace, 'a', { annotations: { [HOLLOW.ready]: 'false' } });
    await eventually(async () => {
      expect(await conditionsOf(namespace)).toEqual([`${ip(pod)} false/false/false`]);
      expect(await subsetsOf(namespace)).toEqual([{ ready: [], waiting: [ip(pod)], ports: [8080] }]);
    });
    await cluster.client.patch(
      services,
      { namespace, name: 'web' },
      { spec: { publishNotReadyAddresses: true } },
      { type: 'merge' },
    );
    await eventually(async () => {
      expect(await conditionsOf(namespace)).toEqual([`${ip(pod)} true/false/false`]);
      expect(await subsetsOf(namespace)).toEqual([{ ready: [ip(pod)], waiting: [], ports: [8080] }]);
    });
    await cluster.client.patch(
      services,
      { namespace, name: 'web' },
      { spec: { publishNotReadyAddresses: false } },
      { type: 'merge' },
    );
    const status = { conditions: [{ type: 'Ready', status: 'True' }] };
    await cluster.client.patch(pods, pod.metadata, { status }, { type: 'strategic', subresource: 'status' });
    await eventually(async () => expect(await conditionsOf(namespace)).toEqual([`${ip(pod)} true/true/false`]));
  });

  test('show pods that end as terminating, and finished ones not at all', async () => {
    const namespace = await cluster.namespace();
    await serve(namespace);
    const leaving = await runPod(namespace, 'leaving', { annotations: { [HOLLOW.lingers]: 'true' } });
    const staying = await runPod(namespace, 'staying');
    await runPod(namespace, 'finished', {
      annotations: { [HOLLOW.phase]: 'Succeeded' },
      spec: { restartPolicy: 'Never' },
    });
    await cluster.client.delete(pods, leaving.metadata);
    await eventually(async () => {
      expect(await conditionsOf(namespace)).toEqual(
        [`${ip(leaving)} false/true/true`, `${ip(staying)} true/true/false`].sort(),
      );
      expect(await subsetsOf(namespace)).toEqual([{ ready: [ip(staying)], waiting: [], ports: [8080] }]);
    });
    await cluster.client.delete(pods, leaving.metadata, { gracePeriodSeconds: 0 });
    await eventually(async () => expect(await conditionsOf(namespace)).toEqual([`${ip(staying)} true/true/false`]));
  });

  test('follow the selector', async () => {
    const namespace = await cluster.namespace();
    await serve(namespace);
    const a = await runPod(namespace, 'a');
    const b = await runPod(namespace, 'b', { labels: { app: 'other' } });
    await eventually(async () => expect(await conditionsOf(namespace)).toEqual([`${ip(a)} true/true/false`]));
    await cluster.client.patch(
      services,
      { namespace, name: 'web' },
      { spec: { selector: { app: 'other' } } },
      { type: 'merge' },
    );
    await eventually(async () => {
      expect(await conditionsOf(namespace)).toEqual([`${ip(b)} true/true/false`]);
      expect(await subsetsOf(namespace)).toEqual([{ ready: [ip(b)], waiting: [], ports: [8080] }]);
    });
    await cluster.client.patch(pods, b.metadata, { metadata: { labels: { app: 'third' } } }, { type: 'merge' });
    await eventually(async () => {
      expect(await conditionsOf(namespace)).toEqual([]);
      expect(await subsetsOf(namespace)).toEqual([]);
    });
  });

  test('of a headless service bear the host names of its pods', async () => {
    const namespace = await cluster.namespace();
    await serve(namespace, { clusterIP: 'None', ports: [] });
    const pod = await runPod(namespace, 'a', { spec: { hostname: 'db-0', subdomain: 'web' } });
    const slice = await eventually(async () => {
      const [only] = await slicesOf(namespace);
      expect(only?.endpoints).toHaveLength(1);
      return only;
    });
    expect(slice?.metadata.labels).toMatchObject({ 'service.kubernetes.io/headless': '' });
    expect(slice?.endpoints?.[0]).toMatchObject({ addresses: [ip(pod)], hostname: 'db-0' });
    await eventually(async () => {
      const { subsets, metadata } = await cluster.client.get(endpoints, { namespace, name: 'web' });
      expect(metadata.labels).toMatchObject({ 'service.kubernetes.io/headless': '' });
      expect(subsets).toEqual([{ addresses: [expect.objectContaining({ ip: ip(pod), hostname: 'db-0' })] }]);
    });
  });

  test('go with the service, and come back when somebody deletes them', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    await serve(namespace);
    const pod = await runPod(namespace, 'a');
    const full = () =>
      eventually(async () => {
        expect(await conditionsOf(namespace)).toEqual([`${ip(pod)} true/true/false`]);
        expect(await subsetsOf(namespace)).toEqual([{ ready: [ip(pod)], waiting: [], ports: [8080] }]);
      });
    await full();
    await client.deleteCollection(endpointSlices, { namespace });
    await client.delete(endpoints, { namespace, name: 'web' });
    await full();
    await client.delete(services, { namespace, name: 'web' });
    await eventually(async () => {
      expect(await slicesOf(namespace)).toEqual([]);
      await expect(client.get(endpoints, { namespace, name: 'web' })).rejects.toSatisfy(isNotFound);
    });
  });

  test('without a selector are left to whoever makes them', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    const subsets = [{ addresses: [{ ip: '198.51.100.7' }], ports: [{ name: 'web', port: 80, protocol: 'TCP' }] }];
    await client.create(endpoints, { metadata: { name: 'web', namespace }, subsets });
    await client.create(services, { metadata: { name: 'web', namespace }, spec: { ports: [{ port: 80 }] } });
    const selected = await serve(namespace, {}, 'selected');
    await eventually(async () => expect(await slicesOf(namespace, selected.metadata.name)).toHaveLength(1));
    expect((await client.get(endpoints, { namespace, name: 'web' })).subsets).toEqual(subsets);
    expect(await slicesOf(namespace)).toEqual([]);
  });

  test('are split into slices of a hundred', async () => {
    const namespace = await cluster.namespace();
    const { client } = cluster;
    await serve(namespace);
    // Of no node at all: nothing but the addresses matters here.
    await Promise.all(
      Array.from({ length: 150 }, async (_, i) => {
        const metadata = { name: `p${i}`, namespace, labels: { app: 'web' } };
        const containers = [{ name: 'c', image: 'web', ports: [{ name: 'http', containerPort: 80 }] }];
        await client.create(pods, { metadata, spec: { containers, schedulerName: 'nobody' } });
        const status = { podIP: `10.42.9.${i + 1}`, conditions: [{ type: 'Ready', status: 'True' }] };
        await client.patch(pods, metadata, { status }, { type: 'strategic', subresource: 'status' });
      }),
    );
    await eventually(async () => {
      const sizes = (await slicesOf(namespace)).map((slice) => slice.endpoints?.length ?? 0);
      expect(sizes.sort()).toEqual([100, 50]);
    });
  });
});

describe('a LoadBalancer', () => {
  const balanced = (namespace: string, name: string, port: number, more: Service['spec'] = {}) =>
    serve(namespace, { type: 'LoadBalancer', ports: [{ port }], ...more }, name);
  const ingress = async ({ metadata }: Service) =>
    (await cluster.client.get(services, metadata)).status?.loadBalancer?.ingress;
  const BOTH = [{ ip: '192.0.2.11' }, { ip: '192.0.2.12' }];

  test('has the addresses of ready nodes and nothing else in its status', async () => {
    const namespace = await cluster.namespace();
    const service = await balanced(namespace, 'web', 8001);
    await eventually(async () => expect(await ingress(service)).toEqual(BOTH));
    await cluster.nodes.get('n2')?.report('False');
    await eventually(async () => expect(await ingress(service)).toEqual(BOTH.slice(0, 1)));
    await cluster.nodes.get('n2')?.report('True');
    await eventually(async () => expect(await ingress(service)).toEqual(BOTH));
    const label = 'node.kubernetes.io/exclude-from-external-load-balancers';
    await cluster.client.patch(nodes, { name: 'n1' }, { metadata: { labels: { [label]: '' } } }, { type: 'merge' });
    await eventually(async () => expect(await ingress(service)).toEqual(BOTH.slice(1)));
    await cluster.client.patch(nodes, { name: 'n1' }, { metadata: { labels: { [label]: null } } }, { type: 'merge' });
    await eventually(async () => expect(await ingress(service)).toEqual(BOTH));
  });

  test('waits while another has its port, and says who', async () => {
    const namespace = await cluster.namespace();
    const first = await balanced(namespace, 'first', 8002);
    await eventually(async () => expect(await ingress(first)).toEqual(BOTH));
    const second = await balanced(namespace, 'second', 8002);
    await eventually(async () =>
      expect(await cluster.events(second)).toEqual([
        `PortInUse: Port 8002/TCP of the nodes is in use by service ${namespace}/first`,
      ]),
    );
    expect(await ingress(second)).toBeUndefined();
    await cluster.client.patch(services, first.metadata, { spec: { type: 'ClusterIP' } }, { type: 'merge' });
    await eventually(async () => {
      expect(await ingress(second)).toEqual(BOTH);
      expect(await ingress(first)).toBeUndefined();
    });
    const third = await balanced(namespace, 'third', 8002);
    await eventually(async () => expect(await cluster.events(third)).toHaveLength(1));
    await cluster.client.delete(services, second.metadata);
    await eventually(async () => expect(await ingress(third)).toEqual(BOTH));
  });

  test('of a class of its own is left to that class', async () => {
    const namespace = await cluster.namespace();
    const service = await balanced(namespace, 'classy', 8003, { loadBalancerClass: 'example.com/lb' });
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.9' }] } };
    await cluster.client.updateStatus(services, { ...service, status });
    // A later one of ours with the same port is served: the reconciles of the first are over then.
    const ours = await balanced(namespace, 'ours', 8003);
    await eventually(async () => expect(await ingress(ours)).toEqual(BOTH));
    expect(await ingress(service)).toEqual([expect.objectContaining({ ip: '203.0.113.9' })]);
  });
});

test('nothing was refused', () => expect(cluster.complaints()).toEqual([]));
