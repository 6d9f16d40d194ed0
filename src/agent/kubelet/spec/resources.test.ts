import { expect, test } from 'vitest';
import type { Container, Pod, ResourceRequirements } from '#api/core/v1.ts';
import { qosClassOf } from './qos.ts';
import { containerResources, cpuShares, oomScoreAdj } from './resources.ts';

const GIB = 1024 ** 3;
const podOf = (resources: ResourceRequirements, more: Partial<Pod['spec']> = {}): Pod => ({
  metadata: { name: 'p' },
  spec: { containers: [{ name: 'app', resources }], ...more },
});
const resourcesOf = (resources: ResourceRequirements) => {
  const pod = podOf(resources);
  return containerResources(pod, pod.spec.containers[0]!, { memoryBytes: 4 * GIB });
};

test.each([
  { given: {}, expected: { cpuShares: 2, oomScoreAdj: 1000 } },
  { given: { requests: { cpu: '500m' } }, expected: { cpuShares: 512, oomScoreAdj: 999 } },
  {
    given: { limits: { cpu: '500m', memory: '64Mi' } },
    expected: { cpuShares: 512, cpuPeriodUs: 100_000, cpuQuotaUs: 50_000, memoryBytes: 67_108_864, oomScoreAdj: -997 },
  },
  {
    given: { requests: { cpu: '100m', memory: '1Gi' }, limits: { cpu: '1', memory: '2Gi' } },
    expected: { cpuShares: 102, cpuPeriodUs: 100_000, cpuQuotaUs: 100_000, memoryBytes: 2 * GIB, oomScoreAdj: 750 },
  },
  {
    given: { limits: { cpu: '5m' } },
    expected: { cpuShares: 5, cpuPeriodUs: 100_000, cpuQuotaUs: 1000, oomScoreAdj: 999 },
  },
])('$given', ({ given, expected }) => {
  expect(resourcesOf(given)).toEqual(expected);
});

test.each([
  [0, 2],
  [1, 2],
  [1000, 1024],
  [10_000_000, 262_144],
])('%i thousandths of a CPU weigh %i', (milli, expected) => {
  expect(cpuShares(milli)).toBe(expected);
});

test('what asks for nearly all memory goes last of the burstable', () => {
  expect(oomScoreAdj(podOf({ requests: { memory: '4Gi' } }), 4 * GIB, 4 * GIB)).toBe(3);
});

test('pods of the system go last of all', () => {
  expect(oomScoreAdj(podOf({}, { priority: 2_000_001_000 }), 0, GIB)).toBe(-997);
});

test.each<{ name: string; containers: Partial<Container>[]; expected: string }>([
  { name: 'nothing asked', containers: [{}], expected: 'BestEffort' },
  { name: 'zero asked', containers: [{ resources: { requests: { cpu: '0' } } }], expected: 'BestEffort' },
  { name: 'something asked', containers: [{ resources: { requests: { cpu: '1m' } } }], expected: 'Burstable' },
  { name: 'all limited', containers: [{ resources: { limits: { cpu: '1', memory: '1Gi' } } }], expected: 'Guaranteed' },
  {
    name: 'requests equal to limits, written differently',
    containers: [{ resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '1000m', memory: '1024Mi' } } }],
    expected: 'Guaranteed',
  },
  {
    name: 'one container without limits',
    containers: [{ resources: { limits: { cpu: '1', memory: '1Gi' } } }, {}],
    expected: 'Burstable',
  },
  { name: 'only one limit', containers: [{ resources: { limits: { memory: '1Gi' } } }], expected: 'Burstable' },
])('$name makes a pod $expected', ({ containers, expected }) => {
  const pod: Pod = {
    metadata: { name: 'p' },
    spec: { containers: containers.map((each, i) => ({ name: `c${i}`, ...each })) },
  };
  expect(qosClassOf(pod)).toBe(expected);
});
