import { expect, test } from 'vitest';
import { containerLabels, sandboxLabels } from '../pod-names.ts';
import { podFromLabels } from './orphan.ts';
import { ReferenceIndex } from './reference-index.ts';

const pod = {
  metadata: { name: 'web', namespace: 'shop', uid: 'u1' },
  spec: {
    containers: [{ name: 'a', envFrom: [{ configMapRef: { name: 'settings' } }] }, { name: 'b' }],
    volumes: [{ name: 'v', secret: { secretName: 'keys' } }],
    imagePullSecrets: [{ name: 'pull' }],
    terminationGracePeriodSeconds: 7,
  },
};

test('a pod is told from the labels of its containers', () => {
  const labels = [
    sandboxLabels(pod, 0),
    ...pod.spec.containers.map((container) => containerLabels(pod, container, { attempt: 1, sandboxId: 's' })),
  ];
  const identity = { uid: 'u1', name: 'web', namespace: 'shop' };
  expect(podFromLabels(identity, labels)).toMatchObject({
    metadata: identity,
    spec: { containers: [{ name: 'a' }, { name: 'b' }], terminationGracePeriodSeconds: 7 },
  });
});

test('knows which pods use an object', () => {
  const index = new ReferenceIndex();
  index.set('u1', pod);
  index.set('u2', pod);
  expect(index.users('configMaps', { namespace: 'shop', name: 'settings' })).toEqual(['u1', 'u2']);
  expect(index.users('configMaps', { namespace: 'other', name: 'settings' })).toEqual([]);
  expect(index.keys('secrets')).toEqual([
    { namespace: 'shop', name: 'keys' },
    { namespace: 'shop', name: 'pull' },
  ]);
  index.delete('u1');
  index.delete('u2');
  expect(index.keys('secrets')).toEqual([]);
});
