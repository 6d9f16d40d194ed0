import { expect, test } from 'vitest';
import type { Container, VolumeMount } from '#api/core/v1.ts';
import { hostPortsOf, managesPath, planMounts } from './mounts.ts';

const volumes = new Map([
  ['data', { hostPath: '/pods/data' }],
  ['settings', { hostPath: '/pods/settings', readOnly: true }],
]);
const variables = new Map([['POD', 'web-0']]);
const plan = (volumeMount: VolumeMount) =>
  planMounts({ name: 'app', volumeMounts: [volumeMount] }, { volumes, variables })[0];

test.each<{ given: VolumeMount; mount: object; subPath?: string }>([
  { given: { name: 'data', mountPath: '/data' }, mount: { source: '/pods/data', target: '/data' } },
  {
    given: { name: 'data', mountPath: 'data', readOnly: true },
    mount: { source: '/pods/data', target: '/data', readOnly: true },
  },
  { given: { name: 'settings', mountPath: '/s' }, mount: { source: '/pods/settings', target: '/s', readOnly: true } },
  {
    given: { name: 'data', mountPath: '/d', mountPropagation: 'Bidirectional' },
    mount: { source: '/pods/data', target: '/d', propagation: 'rshared' },
  },
  {
    given: { name: 'data', mountPath: '/d', mountPropagation: 'HostToContainer' },
    mount: { source: '/pods/data', target: '/d', propagation: 'rslave' },
  },
  {
    given: { name: 'data', mountPath: '/d', subPath: 'a/b' },
    mount: { source: '/pods/data', target: '/d' },
    subPath: 'a/b',
  },
  {
    given: { name: 'data', mountPath: '/d', subPathExpr: 'logs/$(POD)' },
    mount: { source: '/pods/data', target: '/d' },
    subPath: 'logs/web-0',
  },
])('$given', ({ given, mount, subPath }) => {
  expect(plan(given)).toEqual({ mount, subPath });
});

test.each([
  { given: { name: 'none', mountPath: '/d' }, message: 'cannot find volume "none" to mount into container "app"' },
  { given: { name: 'data', mountPath: '/d', subPath: '/etc' }, message: 'must not be an absolute path' },
  { given: { name: 'data', mountPath: '/d', subPath: 'a/../../etc' }, message: "must not contain '..'" },
  { given: { name: 'data', mountPath: '/d', subPathExpr: '$(NONE)' }, message: 'missing value for "NONE"' },
])('$given is refused', ({ given, message }) => {
  expect(() => plan(given)).toThrow(message);
});

test('leaves a path alone where the container mounts something itself', () => {
  const container: Container = { name: 'app', volumeMounts: [{ name: 'data', mountPath: '/etc/hosts/' }] };
  expect(managesPath(container, '/etc/hosts')).toBe(false);
  expect(managesPath(container, '/etc/resolv.conf')).toBe(true);
});

test('finds the ports to open on the node, those of sidecars too', () => {
  const ports = [{ containerPort: 80, hostPort: 8080, hostIP: '127.0.0.1' }, { containerPort: 81 }];
  const sidecar: Container = {
    name: 's',
    restartPolicy: 'Always',
    ports: [{ containerPort: 53, hostPort: 53, protocol: 'UDP' }],
  };
  const init: Container = { name: 'i', ports: [{ containerPort: 1, hostPort: 1 }] };
  const pod = {
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'app', ports }], initContainers: [sidecar, init] },
  };
  expect(hostPortsOf(pod)).toEqual([
    { hostPort: 53, containerPort: 53, protocol: 'UDP' },
    { hostIp: '127.0.0.1', hostPort: 8080, containerPort: 80, protocol: 'TCP' },
  ]);
});
