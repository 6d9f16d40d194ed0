import { describe, expect, test } from 'vitest';
import {
  findUplink,
  type Link,
  type LinkFacts,
  parseLinks,
  planBridge,
  planNodeSide,
  planOverlayDevice,
  planPodSide,
  podDevice,
  serviceRoutes,
} from './links.ts';

const node = {
  nodeName: 'a',
  nodeIp: '192.0.2.1',
  podCidr: '10.42.1.0/24',
  clusterCidr: '10.42.0.0/16',
  serviceCidr: '10.43.0.0/16',
};
const facts: LinkFacts = { node, uplink: 'eth0', mtu: 1450, hasIpv6: true };

function link(ifname: string, changes: Partial<Link> = {}): Link {
  return { ifname, mtu: 1500, flags: ['UP'], ...changes };
}

const inet = (local: string, prefixlen: number) => ({ family: 'inet', local, prefixlen });
const bridge = link('skiff0', {
  mtu: 1450,
  address: '0a:5c:0a:2a:01:01',
  linkinfo: { info_kind: 'bridge' },
  addr_info: [inet('10.42.1.1', 24)],
});
const overlay = link('skiff.1', {
  mtu: 1450,
  address: '0a:5c:0a:2a:01:00',
  linkinfo: { info_kind: 'vxlan', info_data: { id: 1, port: 8472, local: '192.0.2.1', link: 'eth0' } },
  addr_info: [inet('10.42.1.0', 32)],
});

describe('findUplink', () => {
  test.each([
    { name: 'takes the device with the node address', nodeIp: '192.0.2.1', uplink: 'eth1', mtu: 8950 },
    { name: 'falls back on the default route', nodeIp: '198.51.100.1', uplink: 'eth0', mtu: 1450 },
    { name: 'never takes loopback', nodeIp: '127.0.0.1', uplink: 'eth0', mtu: 1450 },
  ])('$name', ({ nodeIp, uplink, mtu }) => {
    const links = [
      link('lo', { mtu: 65536, addr_info: [inet('127.0.0.1', 8)] }),
      link('eth0'),
      link('eth1', { mtu: 9000, addr_info: [inet('192.0.2.1', 24)] }),
    ];
    expect(findUplink(links, { nodeIp, defaultDevice: 'eth0' })).toEqual({ uplink, mtu });
  });

  test('stands a machine without any device', () => {
    expect(findUplink([], { nodeIp: '192.0.2.1', defaultDevice: undefined })).toEqual({ uplink: undefined, mtu: 1450 });
  });
});

describe('planBridge', () => {
  test('makes a missing bridge with all it needs', () => {
    expect(planBridge([], facts)).toEqual([
      'link add skiff0 address 0a:5c:0a:2a:01:01 mtu 1450 type bridge',
      'link set skiff0 addrgenmode none',
      'addr add 10.42.1.1/24 dev skiff0',
      'link set skiff0 up',
    ]);
  });

  test('leaves a right one alone', () => expect(planBridge([bridge], facts)).toEqual([]));

  test('moves it to another range', () => {
    const moved = { ...facts, node: { ...node, podCidr: '10.42.2.0/24' } };
    expect(planBridge([bridge], moved)).toEqual([
      'link set skiff0 address 0a:5c:0a:2a:02:01',
      'addr del 10.42.1.1/24 dev skiff0',
      'addr add 10.42.2.1/24 dev skiff0',
    ]);
  });

  test('refuses a foreign device of that name', () => {
    expect(() => planBridge([link('skiff0', { linkinfo: { info_kind: 'dummy' } })], facts)).toThrow(
      'exists and is no bridge',
    );
  });
});

describe('planOverlayDevice', () => {
  test('leaves a right one alone', () => expect(planOverlayDevice([overlay], facts)).toEqual([]));

  test.each([
    { name: 'another node address', node: { ...node, nodeIp: '192.0.2.7' } },
    { name: 'another range', node: { ...node, podCidr: '10.42.3.0/24' } },
  ])('makes it anew for $name', (changes) => {
    expect(planOverlayDevice([overlay], { ...facts, node: changes.node })[0]).toBe('link del skiff.1');
  });

  test('does without IPv6 and without a known uplink', () => {
    expect(planOverlayDevice([], { ...facts, uplink: undefined, hasIpv6: false })).toEqual([
      'link add skiff.1 address 0a:5c:0a:2a:01:00 mtu 1450 type vxlan id 1 dstport 8472 local 192.0.2.1 nolearning',
      'addr add 10.42.1.0/32 dev skiff.1',
      'link set skiff.1 up',
    ]);
  });
});

test('a pod gets everything in one batch on each side', () => {
  const pod = { podUid: 'u1', ip: '10.42.1.9', podCidr: node.podCidr, mtu: 1450, hasIpv6: false };
  expect(planPodSide(pod, '/proc/1/ns/net')).toEqual([
    'link set lo up',
    `link add eth0 address 0a:5c:0a:2a:01:09 mtu 1450 type veth peer name ${podDevice('u1')} mtu 1450 netns /proc/1/ns/net`,
    'addr add 10.42.1.9/24 dev eth0',
    'link set eth0 up',
    'route add default via 10.42.1.1',
  ]);
  expect(planNodeSide(pod)).toEqual([
    `link set ${podDevice('u1')} master skiff0 up`,
    `link set ${podDevice('u1')} type bridge_slave hairpin on`,
  ]);
});

test('device names fit the kernel and differ', () => {
  expect(podDevice('a').length).toBeLessThanOrEqual(15);
  expect(podDevice('a')).not.toBe(podDevice('b'));
});

test('service routes are more specific than the whole range', () => {
  expect(serviceRoutes(node)).toEqual([
    'route replace 10.43.0.0/17 dev skiff0 src 10.42.1.1',
    'route replace 10.43.128.0/17 dev skiff0 src 10.42.1.1',
  ]);
});

test('parseLinks drops the empty objects that ip prints', () => {
  expect(parseLinks('[{},{"ifname":"a","mtu":1,"flags":[]}]')).toHaveLength(1);
  expect(parseLinks('')).toEqual([]);
});
