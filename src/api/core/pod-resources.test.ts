import { describe, expect, test } from 'vitest';
import { podHostPorts, podRequests, qosClass } from './pod-resources.ts';
import type { Container, Pod } from './v1.ts';

function pod(containers: Partial<Container>[], more: Partial<NonNullable<Pod['spec']>> = {}): Pod {
  return {
    metadata: { name: 'p' },
    spec: { containers: containers.map((container, i) => ({ name: `c${i}`, ...container })), ...more },
  };
}
const cpu = (amount: string) => ({ resources: { requests: { cpu: amount } } });

describe('podRequests', () => {
  test.each([
    { name: 'adds containers up', given: pod([cpu('100m'), cpu('1')]), expected: { cpu: 1100 } },
    {
      name: 'takes the hungriest init container where it needs more',
      given: pod([cpu('100m')], {
        initContainers: [
          { name: 'i', ...cpu('2') },
          { name: 'j', ...cpu('1') },
        ],
      }),
      expected: { cpu: 2000 },
    },
    {
      name: 'keeps sidecars running beside the containers',
      given: pod([cpu('100m')], { initContainers: [{ name: 's', restartPolicy: 'Always', ...cpu('300m') }] }),
      expected: { cpu: 400 },
    },
    {
      name: 'counts sidecars that started before an init container',
      given: pod([cpu('100m')], {
        initContainers: [
          { name: 's', restartPolicy: 'Always', ...cpu('300m') },
          { name: 'i', ...cpu('1') },
        ],
      }),
      expected: { cpu: 1300 },
    },
    { name: 'adds the overhead', given: pod([cpu('100m')], { overhead: { cpu: '50m' } }), expected: { cpu: 150 } },
    { name: 'is empty for a pod that asks for nothing', given: pod([{}]), expected: {} },
  ])('$name', ({ given, expected }) => {
    expect(podRequests(given)).toEqual(expected);
  });
});

test('podHostPorts lists what is taken on the node', () => {
  const ports = [
    { containerPort: 80, hostPort: 8080 },
    { containerPort: 81 },
    { containerPort: 53, hostPort: 53, hostIP: '10.0.0.1', protocol: 'UDP' },
  ];
  expect(podHostPorts(pod([{ ports }]))).toEqual([
    { protocol: 'TCP', hostPort: 8080, hostIP: '0.0.0.0' },
    { protocol: 'UDP', hostPort: 53, hostIP: '10.0.0.1' },
  ]);
});

describe('qosClass', () => {
  const both = { cpu: '1', memory: '1Gi' };
  test.each([
    { name: 'nothing asked is BestEffort', given: pod([{}]), expected: 'BestEffort' },
    {
      name: 'limits equal to requests everywhere is Guaranteed',
      given: pod([{ resources: { requests: both, limits: { cpu: '1000m', memory: '1024Mi' } } }]),
      expected: 'Guaranteed',
    },
    {
      name: 'a container without limits makes it Burstable',
      given: pod([{ resources: { limits: both } }, {}]),
      expected: 'Burstable',
    },
    { name: 'limits alone are Guaranteed', given: pod([{ resources: { limits: both } }]), expected: 'Guaranteed' },
    {
      name: 'a zero request is no request',
      given: pod([{ resources: { requests: { cpu: '0' } } }]),
      expected: 'BestEffort',
    },
  ])('$name', ({ given, expected }) => {
    expect(qosClass(given)).toBe(expected);
  });
});
