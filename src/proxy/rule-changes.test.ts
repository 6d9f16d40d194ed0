import { describe, expect, test } from 'vitest';
import { service, slice } from '#test/support/services.ts';
import { baseRules } from './base-rules.ts';
import type { ProxyNode } from './proxy-node.ts';
import { inSlices, planChanges, planRepair } from './rule-changes.ts';
import { planService } from './service-rules.ts';

const node: ProxyNode = { nodeName: 'n1', clusterCidr: '10.42.0.0/16', serviceCidr: '10.43.0.0/16', bridge: 'skiff0' };
const rulesOf = (...ips: string[]) => planService(service('web'), [slice('web', ips)], node);
const chainsOf = (kind: string, rules: ReturnType<typeof rulesOf>) =>
  [...rules.chains.keys()].filter((chain) => chain.includes(kind));

describe('planChanges', () => {
  test('nothing changed, nothing to do', () => {
    expect(planChanges([{ before: rulesOf('10.42.0.2'), after: rulesOf('10.42.0.2') }])).toEqual({});
  });

  test('a new endpoint writes its chain and the one that chooses, nothing else', () => {
    const [before, after] = [rulesOf('10.42.0.2'), rulesOf('10.42.0.2', '10.42.0.3')];
    const { nat, filter } = planChanges([{ before, after }]);
    expect([...(nat?.write?.keys() ?? [])].sort()).toEqual(
      [...chainsOf('SVC', after), ...chainsOf('SEP', after).filter((chain) => !before.chains.has(chain))].sort(),
    );
    expect([nat?.removeRules, nat?.appendRules, nat?.removeChains, filter]).toEqual([[], [], [], undefined]);
  });

  test('the last endpoint leaves: chains go, the refusal comes', () => {
    const before = rulesOf('10.42.0.2');
    const { nat, filter } = planChanges([{ before, after: rulesOf() }]);
    expect(nat?.removeChains).toEqual([...before.chains.keys()]);
    expect(nat?.removeRules).toHaveLength(1);
    expect(filter?.appendRules).toHaveLength(1);
  });

  test('a deleted service leaves nothing', () => {
    const before = rulesOf('10.42.0.2');
    const { nat } = planChanges([{ before, after: undefined }]);
    expect(nat?.write?.size).toBe(0);
    expect([nat?.removeRules?.length, nat?.removeChains?.length]).toEqual([1, 2]);
  });
});

describe('planRepair', () => {
  const base = baseRules(node);
  const rules = rulesOf('10.42.0.2');
  const shared = [...rules.entries].map(({ rule }) => rule);
  const current = () => ({
    nat: new Map<string, readonly string[]>([
      ...base.nat,
      ...rules.chains,
      ['SKIFF-SERVICES', shared],
      ['SKIFF-EXTERNAL', []],
      ['SKIFF-NODEPORTS', []],
    ]),
    filter: new Map<string, readonly string[]>([...base.filter, ['SKIFF-REJECTS', []]]),
  });

  test('finds nothing to do where all is right', () => {
    expect(planRepair(current(), { base, services: [rules] })).toEqual({});
  });

  test('writes all into an empty kernel', () => {
    const { nat, filter } = planRepair({ nat: new Map(), filter: new Map() }, { base, services: [rules] });
    expect(nat?.write?.size).toBe(current().nat.size);
    expect(filter?.write?.size).toBe(current().filter.size);
  });

  test('removes what services of before left, and never a foreign chain', () => {
    const there = current();
    there.nat
      .set('SKIFF-SVC-OLD', ['-j SKIFF-SEP-OLD'])
      .set('SKIFF-SEP-OLD', [])
      .set('DOCKER', ['-j X'])
      .set('SKIFF-POD-HOSTPORTS', []);
    there.nat.set('SKIFF-SERVICES', [...shared, '-d 10.43.9.9/32 -j SKIFF-SVC-OLD']);
    const { nat } = planRepair(there, { base, services: [rules] });
    expect(nat?.removeChains).toEqual(['SKIFF-SVC-OLD', 'SKIFF-SEP-OLD']);
    expect(nat?.removeRules?.map(({ rule }) => rule)).toEqual(['-d 10.43.9.9/32 -j SKIFF-SVC-OLD']);
    expect(nat?.write?.size).toBe(0);
  });

  test('takes out what is there twice', () => {
    const there = current();
    there.nat.set('SKIFF-SERVICES', [...shared, ...shared]);
    expect(planRepair(there, { base, services: [rules] }).nat?.removeRules).toHaveLength(1);
  });
});

describe('inSlices', () => {
  const changes = planRepair(
    { nat: new Map(), filter: new Map() },
    { base: baseRules(node), services: [rulesOf('10.42.0.2', '10.42.0.3')] },
  );

  test('leaves a small change whole, and makes nothing of nothing', () => {
    expect(inSlices(changes, 100)).toEqual([changes]);
    expect(inSlices({}, 1)).toEqual([]);
  });

  test('cuts a big one so that every chain is there before it is referred to', () => {
    const slices = inSlices(changes, 2);
    const written = slices.map(({ nat }) => [...(nat?.write ?? [])]);
    expect(Math.max(...written.map((chains) => chains.length))).toBe(2);
    expect(new Map(written.flat())).toEqual(new Map(changes.nat?.write));
    const known = new Set<string>();
    for (const [chain, rules] of written.flat()) {
      const targets = rules
        .map((rule) => / -j (SKIFF-\S+)|^-j (SKIFF-\S+)/.exec(rule))
        .flatMap((found) => found?.[1] ?? found?.[2] ?? []);
      expect(
        targets.filter((target) => !known.has(target)),
        chain,
      ).toEqual([]);
      known.add(chain);
    }
    expect(slices.at(-1)?.filter).toEqual(changes.filter);
  });
});
