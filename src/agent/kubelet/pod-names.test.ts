import { expect, test } from 'vitest';
import { containerHash, containerLabels, engineName, identityOf, sandboxLabels } from './pod-names.ts';

const pod = { metadata: { name: 'web', namespace: 'shop', uid: 'u1' }, spec: { containers: [] } };
const identity = { uid: 'u1', name: 'web', namespace: 'shop' };

test('containers and sandboxes are told by their labels', () => {
  expect(identityOf(containerLabels(pod, { name: 'app' }, { attempt: 3, sandboxId: 's' }))).toEqual({
    kind: 'container',
    pod: identity,
    container: 'app',
    attempt: 3,
  });
  expect(identityOf(sandboxLabels(pod, 2))).toEqual({ kind: 'sandbox', pod: identity, attempt: 2 });
  expect(identityOf({ 'io.kubernetes.pod.uid': 'u1' })).toBeUndefined();
});

test('the sandbox is not taken for a container of the pod', () => {
  expect(Object.keys(sandboxLabels(pod, 0))).not.toContain('io.kubernetes.pod.name');
});

test('names are those of dockershim', () => {
  expect(engineName(pod, 'app', 2)).toBe('k8s_app_web_shop_u1_2');
});

test('only another image makes another container', () => {
  const hash = containerHash({ name: 'app', image: 'nginx:1' });
  expect(containerHash({ name: 'app', image: 'nginx:1', env: [{ name: 'A' }] })).toBe(hash);
  expect(containerHash({ name: 'app', image: 'nginx:2' })).not.toBe(hash);
});
