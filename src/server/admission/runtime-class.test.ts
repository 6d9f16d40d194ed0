import { describe, expect, test } from 'vitest';
import { type Pod, pods } from '#api/core/v1.ts';
import { runtimeClasses } from '#api/node/v1.ts';
import { admissionDeps, admissionRequest, admit, refusalOf } from '#test/support/admission.ts';
import { runtimeClass } from './runtime-class.ts';

function pod(spec: Partial<Pod['spec']> = {}): Pod {
  return { metadata: { name: 'p', namespace: 'default' }, spec: { containers: [{ name: 'c' }], ...spec } };
}

describe('runtime class', () => {
  function plugin() {
    const deps = admissionDeps();
    deps.cache.put(runtimeClasses, {
      metadata: { name: 'vm' },
      handler: 'vm',
      overhead: { podFixed: { memory: '128Mi' } },
      scheduling: { nodeSelector: { vm: 'yes' }, tolerations: [{ key: 'vm', operator: 'Exists' }] },
    });
    return runtimeClass(deps);
  }

  test('adds overhead, selector and tolerations', async () => {
    const object = pod({ runtimeClassName: 'vm', nodeSelector: { disk: 'ssd' }, tolerations: [{ key: 'own' }] });
    const { spec } = (await admit(plugin(), admissionRequest(pods, { object }))) as Pod;
    expect(spec.overhead).toEqual({ memory: '128Mi' });
    expect(spec.nodeSelector).toEqual({ disk: 'ssd', vm: 'yes' });
    expect(spec.tolerations).toEqual([{ key: 'own' }, { key: 'vm', operator: 'Exists' }]);
  });

  test.each([
    { name: 'a missing class', spec: { runtimeClassName: 'x' }, why: 'pod rejected: RuntimeClass "x" not found' },
    {
      name: 'another overhead',
      spec: { runtimeClassName: 'vm', overhead: { memory: '1Mi' } },
      why: "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    },
    {
      name: 'an overhead without class',
      spec: { overhead: { memory: '1Mi' } },
      why: 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    },
    {
      name: 'a selector that contradicts',
      spec: { runtimeClassName: 'vm', nodeSelector: { vm: 'no' } },
      why: 'conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no',
    },
  ])('refuses $name', async ({ spec, why }) => {
    const request = admissionRequest(pods, { object: pod(spec as Partial<Pod['spec']>) });
    expect(await refusalOf(plugin(), request)).toBe(`pods "p" is forbidden: ${why}`);
  });

  test('takes the same overhead written differently', async () => {
    const object = pod({ runtimeClassName: 'vm', overhead: { memory: '131072Ki' } });
    expect(await refusalOf(plugin(), admissionRequest(pods, { object }))).toBeUndefined();
  });
});
