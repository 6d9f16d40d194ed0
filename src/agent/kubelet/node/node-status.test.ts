import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { NodeStatus } from '#api/core/v1.ts';
import { kubeletConfig } from '../kubelet-config.ts';
import { type Machine, parseMemInfo, prettyName, readMachine } from './machine.ts';
import { peersOf } from './node-network.ts';
import { allocatableOf, imageList, mustReport, type NodeObservation, nodeStatus } from './node-status.ts';
import { readNodeResolver } from './resolver-file.ts';

const NOW = Date.UTC(2026, 0, 1);
const GIB = 1024 ** 3;
const config = kubeletConfig({
  nodeName: 'n1',
  nodeIps: ['192.0.2.1'],
  dataDir: '/d',
  reserved: { cpu: '500m', memory: '1Gi' },
});

const machine: Machine = {
  cpus: 4,
  memoryBytes: 8 * GIB,
  swapBytes: 0,
  hugePages: { '2Mi': 4 * 1024 * 1024 },
  machineId: 'm',
  systemUuid: 's',
  bootId: 'b',
  kernel: '6.1',
  osImage: 'Debian',
  architecture: 'amd64',
};

const observation: NodeObservation = {
  machine,
  usage: { memoryAvailableBytes: 4 * GIB, diskBytes: 100 * GIB, diskAvailableBytes: 50 * GIB },
  runtime: { version: 'docker://20.10.24', cgroupVersion: 2, cgroupDriver: 'systemd', rootDir: '/var/lib/docker' },
  images: [],
  problems: [],
};

const statusOf = (more: Partial<NodeObservation> = {}, old: NodeStatus = {}, now = NOW) =>
  nodeStatus(old, { observation: { ...observation, ...more }, config }, now);
const condition = ({ conditions }: NodeStatus, type: string) => conditions?.find((each) => each.type === type);

test('says what the node is', () => {
  expect(statusOf()).toMatchObject({
    capacity: {
      cpu: '4',
      memory: '8388608Ki',
      pods: '110',
      'ephemeral-storage': '104857600Ki',
      'hugepages-2Mi': '4096Ki',
    },
    allocatable: { cpu: '3500m', memory: '7Gi', pods: '110' },
    addresses: [
      { type: 'InternalIP', address: '192.0.2.1' },
      { type: 'Hostname', address: 'n1' },
    ],
    nodeInfo: { containerRuntimeVersion: 'docker://20.10.24', architecture: 'amd64', operatingSystem: 'linux' },
    daemonEndpoints: { kubeletEndpoint: { Port: 10250 } },
  });
});

test('is ready when nothing is wrong', () => {
  expect(condition(statusOf(), 'Ready')).toEqual({
    type: 'Ready',
    status: 'True',
    reason: 'KubeletReady',
    message: 'kubelet is posting ready status',
    lastHeartbeatTime: '2026-01-01T00:00:00Z',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  });
});

test('says what is wrong', () => {
  const status = statusOf({ problems: ['container runtime is down: x', 'network is not ready: y'] });
  expect(condition(status, 'Ready')).toMatchObject({
    status: 'False',
    reason: 'KubeletNotReady',
    message: 'container runtime is down: x, network is not ready: y',
  });
});

test.each([
  { usage: { memoryAvailableBytes: 1, diskBytes: 100, diskAvailableBytes: 50 }, pressed: 'MemoryPressure' },
  { usage: { memoryAvailableBytes: GIB, diskBytes: 100, diskAvailableBytes: 4 }, pressed: 'DiskPressure' },
])('reports $pressed', ({ usage, pressed }) => {
  expect(condition(statusOf({ usage }), pressed)?.status).toBe('True');
});

test('keeps conditions of others and the time of the last turn', () => {
  const old: NodeStatus = {
    conditions: [
      { type: 'Custom', status: 'True' },
      { type: 'Ready', status: 'True', lastTransitionTime: '2025-01-01T00:00:00Z' },
    ],
  };
  const status = statusOf({}, old);
  expect(condition(status, 'Custom')).toEqual({ type: 'Custom', status: 'True' });
  expect(condition(status, 'Ready')?.lastTransitionTime).toBe('2025-01-01T00:00:00Z');
});

describe('mustReport', () => {
  test.each([
    {
      name: 'nothing but the time has changed',
      next: statusOf({}, {}, NOW + 10_000),
      at: NOW + 10_000,
      expected: false,
    },
    {
      name: 'the last report is five minutes old',
      next: statusOf({}, {}, NOW + 300_000),
      at: NOW + 300_000,
      expected: true,
    },
    { name: 'something has changed', next: statusOf({ problems: ['x'] }), at: NOW + 10_000, expected: true },
  ])('$expected when $name', ({ next, at, expected }) => {
    const old = statusOf();
    // Turns are taken from the old status, as nodeStatus would.
    const turned = {
      ...next,
      conditions: next.conditions?.map((each) => ({ ...each, lastTransitionTime: '2026-01-01T00:00:00Z' })),
    };
    expect(mustReport(old, turned as NodeStatus, at)).toBe(expected);
  });
  test('true when the node has never reported', () => {
    expect(mustReport({}, statusOf(), NOW)).toBe(true);
  });
});

test('what is reserved is never negative', () => {
  expect(allocatableOf({ cpu: '1', pods: '110' }, { cpu: '2' })).toEqual({ cpu: '0', pods: '110' });
});

test('lists the largest images with names first by digest', () => {
  const image = (i: number) => ({ id: `${i}`, tags: [`t${i}`], digests: [`d${i}`], sizeBytes: i });
  const list = imageList([
    ...Array.from({ length: 60 }, (_, i) => image(i)),
    { id: 'x', tags: [], digests: [], sizeBytes: 1e9 },
  ]);
  expect(list).toHaveLength(50);
  expect(list[0]).toEqual({ names: ['d59', 't59'], sizeBytes: 59 });
});

test('peers are the other nodes that can be reached', () => {
  const node = (name: string, podCIDR: string | undefined, address?: string) => ({
    metadata: { name },
    spec: { ...(podCIDR && { podCIDR }) },
    status: { addresses: address === undefined ? [] : [{ type: 'InternalIP', address }] },
  });
  const all = [
    node('n1', '10.42.0.0/24', 'a'),
    node('n3', '10.42.2.0/24', 'c'),
    node('n2', '10.42.1.0/24', 'b'),
    node('n4', undefined, 'd'),
    node('n5', 'x'),
  ];
  expect(peersOf(all, 'n1')).toEqual([
    { nodeName: 'n2', nodeIp: 'b', podCidr: '10.42.1.0/24' },
    { nodeName: 'n3', nodeIp: 'c', podCidr: '10.42.2.0/24' },
  ]);
});

describe('files of the machine', () => {
  test('memory in bytes', () => {
    expect(parseMemInfo('MemTotal:       16 kB\nMemAvailable:   8 kB\nHugePages_Total: 0\n')).toEqual(
      new Map([
        ['MemTotal', 16_384],
        ['MemAvailable', 8192],
      ]),
    );
  });

  test.each([
    ['PRETTY_NAME="Debian 12"\nNAME=x', 'Debian 12'],
    ["NAME=x\nPRETTY_NAME='Alpine'", 'Alpine'],
    ['NAME=x', 'Linux'],
  ])('the name in %o', (text, expected) => {
    expect(prettyName(text)).toBe(expected);
  });

  test('huge pages by size, and an own id where the firmware has none', async () => {
    const root = await mkdtemp(join(tmpdir(), 'skiff-machine-'));
    const pages = join(root, 'sys/kernel/mm/hugepages');
    for (const [size, count] of [
      ['hugepages-2048kB', '3'],
      ['hugepages-1048576kB', '0'],
    ] as const) {
      await mkdir(join(pages, size), { recursive: true });
      await writeFile(join(pages, size, 'nr_hugepages'), `${count}\n`);
    }
    await mkdir(join(root, 'etc'));
    await writeFile(join(root, 'etc/machine-id'), 'abc\n');
    const read = await readMachine(root);
    expect(read).toMatchObject({
      hugePages: { '2Mi': 3 * 2 * 1024 * 1024, '1Gi': 0 },
      machineId: 'abc',
      systemUuid: 'abc',
    });
    await rm(root, { recursive: true });
  });

  test('name servers on the loopback are none for pods', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'skiff-resolver-'));
    const [own, upstream] = [join(dir, 'own'), join(dir, 'upstream')];
    await writeFile(own, 'nameserver 127.0.0.53\nsearch a.test\n');
    await writeFile(upstream, 'nameserver 192.0.2.53\n');
    expect(await readNodeResolver(own, upstream)).toEqual({
      nameservers: ['192.0.2.53'],
      searches: ['a.test'],
      options: [],
    });
    await writeFile(own, 'nameserver 192.0.2.1\n');
    expect((await readNodeResolver(own, upstream)).nameservers).toEqual(['192.0.2.1']);
    await rm(dir, { recursive: true });
  });
});
