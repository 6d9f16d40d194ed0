import { describe, expect, test } from 'vitest';
import { type PodFirewallFacts, planPodFirewall } from './firewall.ts';
import type { HostPort } from './pod-network.ts';

const node = {
  nodeName: 'a',
  nodeIp: '192.0.2.1',
  podCidr: '10.42.1.0/24',
  clusterCidr: '10.42.0.0/16',
  serviceCidr: '10.43.0.0/16',
};

function facts(changes: Partial<PodFirewallFacts> = {}): PodFirewallFacts {
  return {
    node,
    bridge: 'skiff0',
    overlayPort: 8472,
    peerIps: [],
    isBridgeFiltered: true,
    hostPorts: new Map(),
    ...changes,
  };
}

describe('planPodFirewall', () => {
  test.each<{ name: string; port: HostPort; rule: string }>([
    {
      name: 'a host port on any address',
      port: { hostPort: 80, containerPort: 8080, protocol: 'TCP' },
      rule: '-p tcp -m tcp --dport 80 -j DNAT --to-destination 10.42.1.2:8080',
    },
    {
      name: 'a host port on one address',
      port: { hostIp: '127.0.0.1', hostPort: 53, containerPort: 53, protocol: 'UDP' },
      rule: '-d 127.0.0.1/32 -p udp -m udp --dport 53 -j DNAT --to-destination 10.42.1.2:53',
    },
    {
      name: 'the unspecified address means any',
      port: { hostIp: '0.0.0.0', hostPort: 9, containerPort: 9, protocol: 'SCTP' },
      rule: '-p sctp -m sctp --dport 9 -j DNAT --to-destination 10.42.1.2:9',
    },
  ])('$name', ({ port, rule }) => {
    const { nat } = planPodFirewall(facts({ hostPorts: new Map([['10.42.1.2', [port]]]) }));
    expect(nat.get('SKIFF-POD-HOSTPORTS')).toEqual([rule]);
    expect(nat.get('SKIFF-POD-POSTROUTING')?.[0]).toBe('-s 10.42.1.2/32 -d 10.42.1.2/32 -j MASQUERADE --random-fully');
  });

  test('lets only known nodes send overlay packets', () => {
    const rules = planPodFirewall(facts({ peerIps: ['192.0.2.3', '192.0.2.2'] })).filter.get('SKIFF-POD-INPUT') ?? [];
    expect(rules.filter((rule) => rule.includes('8472'))).toEqual([
      '-s 192.0.2.2/32 -p udp -m udp --dport 8472 -j ACCEPT',
      '-s 192.0.2.3/32 -p udp -m udp --dport 8472 -j ACCEPT',
    ]);
  });

  test('hides the sender from a neighbour only where bridged packets are not filtered', () => {
    const hides = (isBridgeFiltered: boolean) =>
      planPodFirewall(facts({ isBridgeFiltered }))
        .nat.get('SKIFF-POD-POSTROUTING')
        ?.some((rule) => rule.startsWith('-s 10.42.1.0/24 -d 10.42.1.0/24'));
    expect([hides(true), hides(false)]).toEqual([false, true]);
  });
});
