import { describe, expect, test } from 'vitest';
import type { Service } from '#api/core/v1.ts';
import { balanced, service, slice } from '#test/support/services.ts';
import type { ProxyNode } from './proxy-node.ts';
import { planService, type ServiceRules } from './service-rules.ts';

const node: ProxyNode = { nodeName: 'n1', clusterCidr: '10.42.0.0/16', serviceCidr: '10.43.0.0/16', bridge: 'skiff0' };
const here = { addresses: ['10.42.1.2'], nodeName: 'n1', conditions: { ready: true } };
const there = { addresses: ['10.42.2.2'], nodeName: 'n2', conditions: { ready: true } };

/** Follows a packet through the planned chains: every endpoint it may reach, with `*` where it is masqueraded on the way. */
function reach(rules: ServiceRules, chain: string, isRelevant: (rule: string) => boolean = () => true): string[] {
  const found = new Set<string>();
  const walk = (name: string, isMarked: boolean) => {
    let marked = isMarked;
    for (const rule of rules.chains.get(name) ?? []) {
      if (!isRelevant(rule)) continue;
      const target = / -j (\S+)|^-j (\S+)/.exec(rule);
      const next = target?.[1] ?? target?.[2] ?? '';
      const isForSelf = rule.startsWith('-s') && next === 'SKIFF-MARK-MASQ';
      if (next === 'SKIFF-MARK-MASQ' && !isForSelf) marked = true;
      if (next === 'DNAT') found.add(`${rule.split(' ').at(-1)}${marked ? '*' : ''}`);
      if (rules.chains.has(next)) walk(next, marked);
    }
  };
  walk(chain, false);
  return [...found].sort();
}

function entry(rules: ServiceRules, chain: string): string[] {
  return rules.entries.filter((candidate) => candidate.chain === chain).map(({ rule }) => rule);
}

const targetOf = (rule: string | undefined) => rule?.split(' ').at(-1) ?? '';
const fromOutside = (rule: string) => !rule.includes('--src-type LOCAL') && !rule.startsWith('-s 10.42.0.0/16');

describe('cluster addresses', () => {
  test('lead to all ready endpoints with equal chance', () => {
    const rules = planService(service('web'), [slice('web', ['10.42.1.2', '10.42.1.3', '10.42.1.4'])], node);
    const [rule, ...others] = entry(rules, 'SKIFF-SERVICES');
    expect(others).toEqual([]);
    expect(rule).toMatch(
      /^-d 10\.43\.0\.80\/32 -p tcp -m comment --comment "default\/web:http" -m tcp --dport 80 -j SKIFF-SVC-[A-Z2-7]{16}$/,
    );
    expect(reach(rules, targetOf(rule))).toEqual(['10.42.1.2:8080', '10.42.1.3:8080', '10.42.1.4:8080']);
    const spread = (rules.chains.get(targetOf(rule)) ?? []).map((text) => /probability (\S+)/.exec(text)?.[1]);
    expect(spread).toEqual(['0.33333333349', '0.50000000000', undefined]);
  });

  test.each<{ name: string; spec: Partial<Service['spec']>; how: string }>([
    { name: 'TCP by a reset', spec: {}, how: 'REJECT --reject-with tcp-reset' },
    {
      name: 'UDP by ICMP',
      spec: { ports: [{ port: 80, protocol: 'UDP' }] },
      how: 'REJECT --reject-with icmp-port-unreachable',
    },
  ])('without endpoints are refused: $name', ({ spec, how }) => {
    const rules = planService(service('web', { ...spec }), [], node);
    expect(rules.chains.size).toBe(0);
    expect(rules.entries).toHaveLength(1);
    expect(rules.entries[0]).toMatchObject({ table: 'filter', chain: 'SKIFF-REJECTS' });
    expect(rules.entries[0]?.rule).toMatch(new RegExp(`^-d 10\\.43\\.0\\.80/32 .*has no endpoints.* -j ${how}$`));
  });

  test.each<{ name: string; spec: Partial<Service['spec']>; own?: string[] }>([
    { name: 'headless', spec: { clusterIP: 'None' } },
    { name: 'ExternalName', spec: { type: 'ExternalName', externalName: 'example.com' } },
    { name: 'IPv6', spec: { clusterIP: 'fd00::1' } },
    { name: 'not allocated yet', spec: { clusterIP: '' } },
    { name: 'served by the node itself', spec: { clusterIP: '10.43.0.10' }, own: ['10.43.0.10'] },
  ])('need no rules: $name', ({ spec, own = [] }) => {
    const rules = planService(service('web', { ...spec }), [slice('web', ['10.42.1.2'])], {
      ...node,
      ownServiceIps: own,
    });
    expect([rules.chains.size, rules.entries.length]).toEqual([0, 0]);
  });

  test('internalTrafficPolicy Local stays on the node, and is silent where there is nobody', () => {
    const local = service('web', { internalTrafficPolicy: 'Local' });
    const rules = planService(local, [slice('web', [here, there])], node);
    expect(reach(rules, targetOf(entry(rules, 'SKIFF-SERVICES')[0]))).toEqual(['10.42.1.2:8080']);
    const closed = planService(local, [slice('web', [there])], node);
    expect(entry(closed, 'SKIFF-SERVICES')).toEqual([]);
    expect(entry(closed, 'SKIFF-REJECTS')[0]).toMatch(/-j DROP$/);
  });

  test('ClientIP affinity tries the endpoint of before first', () => {
    const sticky = service('web', {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
    });
    const rules = planService(sticky, [slice('web', ['10.42.1.2', '10.42.1.3'])], node);
    const [first, second, third] = rules.chains.get(targetOf(entry(rules, 'SKIFF-SERVICES')[0])) ?? [];
    const end = targetOf(first);
    expect(first).toBe(
      `-m recent --rcheck --seconds 60 --reap --name ${end} --mask 255.255.255.255 --rsource -j ${end}`,
    );
    expect(second).toContain('--rcheck');
    expect(third).toContain('statistic');
    expect(rules.chains.get(end)?.[1]).toBe(
      `-p tcp -m recent --set --name ${end} --mask 255.255.255.255 --rsource -m tcp -j DNAT --to-destination 10.42.1.2:8080`,
    );
  });

  test('each port has its own chains, SCTP too', () => {
    const ports = [
      { name: 'a', port: 1, protocol: 'TCP' },
      { name: 'b', port: 2, protocol: 'SCTP' },
    ];
    const numbers = [
      { name: 'a', port: 11, protocol: 'TCP' },
      { name: 'b', port: 22, protocol: 'SCTP' },
    ];
    const rules = planService(service('web', { ports }), [slice('web', ['10.42.1.2'], { ports: numbers })], node);
    const reached = entry(rules, 'SKIFF-SERVICES').map((rule) => reach(rules, targetOf(rule)));
    expect(reached).toEqual([['10.42.1.2:11'], ['10.42.1.2:22']]);
    expect([...rules.chains.values()].flat()).toContain('-p sctp -m sctp -j DNAT --to-destination 10.42.1.2:22');
  });
});

describe('addresses for the outside', () => {
  const exposed = (spec: Partial<Service['spec']> = {}) =>
    service(
      'web',
      {
        type: 'LoadBalancer',
        ports: [{ name: 'http', port: 80, nodePort: 30080 }],
        externalIPs: ['198.51.100.7'],
        ...spec,
      },
      { status: balanced('192.0.2.1') },
    );

  test('node port, external and balancer address lead to every endpoint, as this node', () => {
    const rules = planService(exposed(), [slice('web', [here, there])], node);
    expect(entry(rules, 'SKIFF-EXTERNAL').map((rule) => rule.split(' ')[1])).toEqual([
      '198.51.100.7/32',
      '192.0.2.1/32',
    ]);
    expect(entry(rules, 'SKIFF-NODEPORTS')[0]).toMatch(/^-p tcp .* --dport 30080 -j SKIFF-EXT-/);
    for (const rule of [...entry(rules, 'SKIFF-EXTERNAL'), ...entry(rules, 'SKIFF-NODEPORTS')]) {
      expect(reach(rules, targetOf(rule))).toEqual(['10.42.1.2:8080*', '10.42.2.2:8080*']);
    }
    expect(entry(rules, 'SKIFF-REJECTS')).toEqual([]);
  });

  test('externalTrafficPolicy Local keeps the sender and stays on the node; insiders still reach all', () => {
    const rules = planService(exposed({ externalTrafficPolicy: 'Local' }), [slice('web', [here, there])], node);
    const chain = targetOf(entry(rules, 'SKIFF-NODEPORTS')[0]);
    expect(reach(rules, chain, fromOutside)).toEqual(['10.42.1.2:8080']);
    expect(reach(rules, chain, (rule) => !rule.includes('SKIFF-SVL') && !rule.includes('src-type'))).toEqual([
      '10.42.1.2:8080',
      '10.42.2.2:8080',
    ]);
    expect(entry(rules, 'SKIFF-REJECTS')).toEqual([]);
  });

  test('externalTrafficPolicy Local without an endpoint here is silent, so that a balancer goes elsewhere', () => {
    const rules = planService(exposed({ externalTrafficPolicy: 'Local' }), [slice('web', [there])], node);
    const chain = targetOf(entry(rules, 'SKIFF-NODEPORTS')[0]);
    expect(reach(rules, chain, fromOutside)).toEqual([]);
    expect(entry(rules, 'SKIFF-REJECTS').map((rule) => targetOf(rule))).toEqual(['DROP', 'DROP', 'DROP']);
  });

  test('without endpoints all of them are refused', () => {
    const rules = planService(exposed(), [], node);
    expect(entry(rules, 'SKIFF-REJECTS')).toHaveLength(4);
    expect(entry(rules, 'SKIFF-REJECTS')[3]).toContain('-m addrtype --dst-type LOCAL -m tcp --dport 30080 -j REJECT');
    expect(entry(rules, 'SKIFF-NODEPORTS')).toEqual([]);
  });

  test('source ranges guard the balancer address only', () => {
    const rules = planService(exposed({ loadBalancerSourceRanges: ['203.0.113.0/24'] }), [slice('web', [here])], node);
    const [external, balancer] = entry(rules, 'SKIFF-EXTERNAL');
    expect(targetOf(external)).toMatch(/^SKIFF-EXT-/);
    expect(rules.chains.get(targetOf(balancer))).toEqual([
      `-s 203.0.113.0/24 -j ${targetOf(external)}`,
      `-m addrtype --src-type LOCAL -j ${targetOf(external)}`,
    ]);
    expect(entry(rules, 'SKIFF-REJECTS')).toEqual([expect.stringMatching(/^-d 192\.0\.2\.1\/32 .* -j DROP$/)]);
  });

  test('a balancer that is a proxy of its own gets no rules', () => {
    const lb = service(
      'web',
      { type: 'LoadBalancer' },
      { status: { loadBalancer: { ingress: [{ ip: '192.0.2.9', ipMode: 'Proxy' }] } } },
    );
    expect(entry(planService(lb, [slice('web', [here])], node), 'SKIFF-EXTERNAL')).toEqual([]);
  });

  test('the health check counts endpoints here', () => {
    const local = exposed({ externalTrafficPolicy: 'Local', healthCheckNodePort: 31000 });
    expect(planService(local, [slice('web', [here, there])], node).healthCheck).toEqual({
      namespace: 'default',
      name: 'web',
      port: 31000,
      localEndpoints: 1,
    });
    expect(planService(exposed({ healthCheckNodePort: 31000 }), [], node).healthCheck).toBeUndefined();
  });
});

test('chain names fit the kernel', () => {
  const long = service('a-very-long-service-name-that-goes-on-and-on', {}, { namespace: 'a-very-long-namespace-name' });
  const rules = planService(long, [slice(long.metadata.name ?? '', ['10.42.1.2'])], node);
  expect(rules.chains.size).toBe(2);
  for (const chain of rules.chains.keys()) expect(chain.length).toBeLessThanOrEqual(28);
});
