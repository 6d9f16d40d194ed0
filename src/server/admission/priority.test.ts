import { describe, expect, test } from 'vitest';
import { type Pod, pods } from '#api/core/v1.ts';
import { type PriorityClass, priorityClasses } from '#api/scheduling/v1.ts';
import { admissionDeps, admissionRequest, admit, refusalOf } from '#test/support/admission.ts';
import { priority } from './priority.ts';

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
