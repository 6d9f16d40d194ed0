import { describe, expect, test } from 'vitest';
import { type Pod, pods } from '#api/core/v1.ts';
import { admissionRequest, admit } from '#test/support/admission.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';

function pod(spec: Partial<Pod['spec']> = {}): Pod {
  return { metadata: { name: 'p', namespace: 'default' }, spec: { containers: [{ name: 'c' }], ...spec } };
}

describe('tolerations for lost nodes', () => {
  const lasting = (condition: string) => ({
    key: `node.kubernetes.io/${condition}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 300,
  });

  test.each([
    { name: 'are added', given: [], added: [lasting('not-ready'), lasting('unreachable')] },
    {
      name: 'are added one by one',
      given: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', tolerationSeconds: 5 }],
      added: [lasting('unreachable')],
    },
    { name: 'are in a toleration of everything', given: [{ operator: 'Exists' }], added: [] },
    {
      name: 'are not in a toleration of another effect',
      given: [{ operator: 'Exists', effect: 'NoSchedule' }],
      added: [lasting('not-ready'), lasting('unreachable')],
    },
  ])('$name', async ({ given, added }) => {
    const request = admissionRequest(pods, { object: pod({ tolerations: given }) });
    const { spec } = (await admit(defaultTolerationSeconds(), request)) as Pod;
    expect(spec.tolerations).toEqual([...given, ...added]);
  });
});
