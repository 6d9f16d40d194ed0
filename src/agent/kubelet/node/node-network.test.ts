import { expect, test } from 'vitest';
import { nodes } from '#api/core/v1.ts';
import { createLogger } from '#base/logger.ts';
import { MemoryCache } from '#test/fakes/memory-cache.ts';
import { eventually } from '#test/support/eventually.ts';
import { kubeletConfig } from '../kubelet-config.ts';
import { NodeNetworkSync, peersOf } from './node-network.ts';

const node = (name: string, podCIDR?: string, ip = '10.0.0.1') => ({
  apiVersion: 'v1',
  kind: 'Node',
  metadata: { name },
  spec: podCIDR === undefined ? {} : { podCIDR },
  status: { addresses: [{ type: 'InternalIP', address: ip }] },
});

function setUp(configure: () => Promise<void>) {
  const cache = new MemoryCache();
  const sync = new NodeNetworkSync({
    cache,
    network: { configure, setPeers: async () => {} },
    config: kubeletConfig({ nodeName: 'n1', nodeIps: ['10.0.0.1'], dataDir: '/nowhere' }),
    log: createLogger({ level: 'silent' }),
    onChange: () => {},
  });
  return { cache, sync };
}

test('nothing is known until the first set-up has ended', async () => {
  const done = Promise.withResolvers<void>();
  const { cache, sync } = setUp(() => done.promise);
  sync.start();
  cache.put(nodes, node('n1', '10.42.0.0/24'));
  expect([sync.isSettling, sync.problem]).toEqual([true, 'network is not ready: this node has no pod range yet']);
  done.resolve();
  await eventually(() => expect([sync.isSettling, sync.problem]).toEqual([false, undefined]));
  await sync.stop();
});

test('a set-up that fails is a problem at once', async () => {
  const { cache, sync } = setUp(() => Promise.reject(new Error('no iptables')));
  sync.start();
  cache.put(nodes, node('n1', '10.42.0.0/24'));
  await eventually(() => expect([sync.isSettling, sync.problem]).toEqual([false, 'network is not ready: no iptables']));
  await sync.stop();
});

test('peers are the other nodes with a range and an address', () => {
  const all = [node('n3', '10.42.2.0/24', '10.0.0.3'), node('n2', '10.42.1.0/24', '10.0.0.2'), node('n1'), node('n4')];
  expect(peersOf(all, 'n1')).toEqual([
    { nodeName: 'n2', nodeIp: '10.0.0.2', podCidr: '10.42.1.0/24' },
    { nodeName: 'n3', nodeIp: '10.0.0.3', podCidr: '10.42.2.0/24' },
  ]);
});
