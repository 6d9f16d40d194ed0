import { expect, test } from 'vitest';
import type { PodSpec } from '#api/core/v1.ts';
import { formatResolvConf, parseResolvConf, podResolver } from './resolv-conf.ts';

const settings = {
  clusterDns: ['10.43.0.10'],
  clusterDomain: 'cluster.local',
  node: { nameservers: ['192.0.2.53'], searches: ['example.test'], options: ['edns0'] },
};

const resolverOf = (spec: Partial<PodSpec>) =>
  podResolver({ metadata: { name: 'web', namespace: 'shop' }, spec: { containers: [], ...spec } }, settings);

const cluster = {
  nameservers: ['10.43.0.10'],
  searches: ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local', 'example.test'],
  options: ['ndots:5'],
};

test.each([
  { name: 'ClusterFirst', spec: { dnsPolicy: 'ClusterFirst' }, expected: cluster },
  { name: 'no policy', spec: {}, expected: cluster },
  { name: 'Default', spec: { dnsPolicy: 'Default' }, expected: settings.node },
  { name: "ClusterFirst in the node's network", spec: { hostNetwork: true }, expected: settings.node },
  {
    name: 'ClusterFirstWithHostNet',
    spec: { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
    expected: cluster,
  },
  {
    name: 'None',
    spec: {
      dnsPolicy: 'None',
      dnsConfig: { nameservers: ['192.0.2.1'], searches: ['a.test'], options: [{ name: 'debug' }] },
    },
    expected: { nameservers: ['192.0.2.1'], searches: ['a.test'], options: ['debug'] },
  },
  {
    name: 'additions',
    spec: {
      dnsConfig: {
        nameservers: ['192.0.2.1', '10.43.0.10'],
        searches: ['svc.cluster.local', 'a.test'],
        options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
      },
    },
    expected: {
      nameservers: ['10.43.0.10', '192.0.2.1'],
      searches: [...cluster.searches, 'a.test'],
      options: ['ndots:2', 'edns0'],
    },
  },
])('$name', ({ spec, expected }) => {
  expect(resolverOf(spec)).toEqual(expected);
});

test('no more than three servers and 32 search domains', () => {
  const numbers = Array.from({ length: 40 }, (_, i) => i);
  const dnsConfig = { nameservers: numbers.map((i) => `192.0.2.${i}`), searches: numbers.map((i) => `s${i}.test`) };
  const resolver = resolverOf({ dnsConfig });
  expect(resolver.nameservers).toHaveLength(3);
  expect(resolver.searches).toHaveLength(32);
});

test('is written as the C library reads it', () => {
  expect(formatResolvConf(cluster)).toBe(
    'search shop.svc.cluster.local svc.cluster.local cluster.local example.test\nnameserver 10.43.0.10\noptions ndots:5\n',
  );
});

test('reads comments, tabs and repeated lines', () => {
  const text =
    '# made by hand\nnameserver\t192.0.2.1 ; first\nnameserver 192.0.2.2\ndomain a.test\nsearch b.test c.test\noptions rotate\noptions timeout:1\n';
  expect(parseResolvConf(text)).toEqual({
    nameservers: ['192.0.2.1', '192.0.2.2'],
    searches: ['b.test', 'c.test'],
    options: ['rotate', 'timeout:1'],
  });
});
