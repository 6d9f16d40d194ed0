import { expect, test } from 'vitest';
import type { Container, Pod } from '#api/core/v1.ts';
import { type ContainerSpecInput, containerSpec, pidMode } from './container-spec.ts';

const container: Container = {
  name: 'app',
  image: 'nginx:1',
  command: ['run', '$(POD)'],
  args: ['$(NONE)'],
  workingDir: '/work',
  env: [{ name: 'POD', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
  stdin: true,
  tty: true,
};
const pod: Pod = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
  spec: { containers: [container], terminationGracePeriodSeconds: 5 },
};

const input: ContainerSpecInput = {
  pod,
  container,
  attempt: 2,
  sandboxId: 's1',
  image: { id: 'sha256:1', user: '' },
  mounts: [{ source: '/a', target: '/b' }],
  seccompProfile: undefined,
  memoryBytes: 1,
  cgroupParent: undefined,
  log: { maxSizeBytes: 1, maxFiles: 2 },
  pid: 'container',
  facts: { nodeName: 'n', nodeIps: [], podIps: [], allocatable: {} },
  configMaps: new Map(),
  secrets: new Map(),
  services: new Map(),
  hostname: 'web',
};

test('asks for one container', () => {
  expect(containerSpec(input)).toEqual({
    name: 'k8s_app_web_shop_u1_2',
    sandboxId: 's1',
    hostname: 'web',
    image: 'nginx:1',
    labels: expect.objectContaining({
      'io.kubernetes.pod.name': 'web',
      'io.kubernetes.pod.namespace': 'shop',
      'io.kubernetes.pod.uid': 'u1',
      'io.kubernetes.container.name': 'app',
      'annotation.io.kubernetes.container.restartCount': '2',
      'annotation.io.kubernetes.pod.terminationGracePeriod': '5',
    }),
    command: ['run', 'web'],
    args: ['$(NONE)'],
    workingDir: '/work',
    env: ['HOSTNAME=web', 'POD=web'],
    mounts: [{ source: '/a', target: '/b' }],
    resources: { cpuShares: 2, oomScoreAdj: 1000 },
    security: { seccomp: 'unconfined' },
    stdin: true,
    tty: true,
    pid: 'container',
    log: { maxSizeBytes: 1, maxFiles: 2 },
  });
});

test("leaves the image's command alone where the pod gives none", () => {
  const spec = containerSpec({ ...input, container: { name: 'app', image: 'nginx:1' } });
  expect(spec).not.toHaveProperty('command');
  expect(spec).not.toHaveProperty('args');
});

test.each([
  [{}, 'container'],
  [{ shareProcessNamespace: true }, 'sandbox'],
  [{ hostPID: true }, 'host'],
])('%o sees the processes of: %s', (spec, expected) => {
  expect(pidMode({ metadata: { name: 'p' }, spec: { containers: [], ...spec } })).toBe(expected);
});
