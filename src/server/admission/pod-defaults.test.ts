import { describe, expect, test } from 'vitest';
import { type Node, nodes, type Pod, pods } from '#api/core/v1.ts';
import { runtimeClasses } from '#api/node/v1.ts';
import { type PriorityClass, priorityClasses } from '#api/scheduling/v1.ts';
import { admissionDeps, admissionRequest, admit, refusalOf } from '#test/support/admission.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { priority } from './priority.ts';
import { runtimeClass } from './runtime-class.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

function pod(spec: Partial<Pod['spec']> = {}): Pod {
  return { metadata: { name: 'p', namespace: 'default' }, spec: { containers: [{ name: 'c' }], ...spec } };
}

describe('priority', () => {
  const high: PriorityClass = { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' };
  const usual: PriorityClass = { metadata: { name: 'usual' }, value: 10, globalDefault: true };
  const lower: PriorityClass = { metadata: { name: 'lower' }, value: 5, globalDefault: true };

  function plugin(...classes: PriorityClass[]) {
    const deps = admissionDeps();
    for (const one of classes) deps.cache.put(priorityClasses, one);
    return priority(deps);
  }

  test.each([
    { name: 'is 0 without classes', classes: [], spec: {}, result: [undefined, 0, 'PreemptLowerPriority'] },
    {
      name: 'comes from the named class',
      classes: [high],
      spec: { priorityClassName: 'high' },
      result: ['high', 1000, 'Never'],
    },
    {
      name: 'comes from the lowest default class',
      classes: [usual, lower],
      spec: {},
      result: ['lower', 5, 'PreemptLowerPriority'],
    },
  ])('$name', async ({ classes, spec, result }) => {
    const object = pod(spec);
    const admitted = (await admit(plugin(...classes), admissionRequest(pods, { object }))) as Pod;
    const { priorityClassName, priority: value, preemptionPolicy } = admitted.spec;
    expect([priorityClassName, value, preemptionPolicy]).toEqual(result);
  });

  test.each([
    {
      name: 'an unknown class',
      request: admissionRequest(pods, { object: pod({ priorityClassName: 'x' }) }),
      refusal: 'pods "p" is forbidden: no PriorityClass with name x was found',
    },
    {
      name: 'a number that is not the class',
      request: admissionRequest(pods, { object: pod({ priorityClassName: 'high', priority: 7 }) }),
      refusal:
        'pods "p" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
    },
    {
      name: 'a preemption policy that is not the class',
      request: admissionRequest(pods, {
        object: pod({ priorityClassName: 'high', preemptionPolicy: 'PreemptLowerPriority' }),
      }),
      refusal:
        'pods "p" is forbidden: the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod spec; priority admission controller computed Never from the given PriorityClass name',
    },
    {
      name: 'a second default class',
      request: admissionRequest(priorityClasses, { object: lower }),
      refusal:
        'priorityclasses.scheduling.k8s.io "lower" is forbidden: PriorityClass usual is already marked as default. Only one default can exist',
    },
    {
      name: 'no change of the default class itself',
      request: admissionRequest(priorityClasses, { object: usual, oldObject: usual }),
      refusal: undefined,
    },
  ])('refuses $name', async ({ request, refusal }) => {
    expect(await refusalOf(plugin(high, usual), request)).toBe(refusal);
  });

  test('is kept when a client does not send it', async () => {
    const request = admissionRequest(pods, {
      object: pod(),
      oldObject: pod({ priority: 9, preemptionPolicy: 'Never' }),
    });
    const { spec } = (await admit(plugin(), request)) as Pod;
    expect([spec.priority, spec.preemptionPolicy]).toEqual([9, 'Never']);
  });
});

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

describe('taints of a new node', () => {
  const notReady = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };
  const own = { key: 'own', effect: 'NoExecute' };

  test.each([
    { name: 'say that it is not ready', taints: undefined, expected: [notReady] },
    { name: 'keep what it brings', taints: [own], expected: [own, notReady] },
    { name: 'are not doubled', taints: [notReady], expected: [notReady] },
  ])('$name', async ({ taints, expected }) => {
    const object: Node = { metadata: { name: 'n' }, spec: taints === undefined ? {} : { taints } };
    const { spec } = (await admit(taintNodesByCondition(), admissionRequest(nodes, { object }))) as Node;
    expect(spec?.taints).toEqual(expected);
  });
});

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
