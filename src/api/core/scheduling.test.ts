import { describe, expect, test } from 'vitest';
import { matchesNodeAffinity, preferredNodeAffinityWeight, toleratesTaint } from './scheduling.ts';
import type { Node, Pod, Toleration } from './v1.ts';

describe('toleratesTaint', () => {
  const taint = { key: 'k', value: 'v', effect: 'NoSchedule' };
  test.each<{ name: string; toleration: Toleration; expected: boolean }>([
    { name: 'equal key, value and effect', toleration: { key: 'k', value: 'v', effect: 'NoSchedule' }, expected: true },
    { name: 'another value', toleration: { key: 'k', value: 'w' }, expected: false },
    { name: 'Exists needs no value', toleration: { key: 'k', operator: 'Exists' }, expected: true },
    { name: 'another effect', toleration: { key: 'k', operator: 'Exists', effect: 'NoExecute' }, expected: false },
    { name: 'no effect means every effect', toleration: { key: 'k', value: 'v' }, expected: true },
    { name: 'Exists without a key stands everything', toleration: { operator: 'Exists' }, expected: true },
    { name: 'nothing given stands nothing', toleration: {}, expected: false },
  ])('$name', ({ toleration, expected }) => {
    expect(toleratesTaint(toleration, taint)).toBe(expected);
  });
});

describe('node affinity', () => {
  const node: Node = { metadata: { name: 'n1', labels: { zone: 'a', size: '4' } }, spec: {} };
  const terms = (...expressions: { key: string; operator: string; values?: string[] }[]): Pod => ({
    metadata: { name: 'p' },
    spec: {
      containers: [],
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: expressions }] },
          preferredDuringSchedulingIgnoredDuringExecution: [
            { weight: 7, preference: { matchExpressions: expressions } },
          ],
        },
      },
    },
  });
  test.each([
    { name: 'In', pod: terms({ key: 'zone', operator: 'In', values: ['a', 'b'] }), expected: true },
    { name: 'In without the label', pod: terms({ key: 'x', operator: 'In', values: ['a'] }), expected: false },
    { name: 'NotIn without the label', pod: terms({ key: 'x', operator: 'NotIn', values: ['a'] }), expected: true },
    { name: 'Exists', pod: terms({ key: 'zone', operator: 'Exists' }), expected: true },
    { name: 'DoesNotExist', pod: terms({ key: 'zone', operator: 'DoesNotExist' }), expected: false },
    { name: 'Gt', pod: terms({ key: 'size', operator: 'Gt', values: ['3'] }), expected: true },
    { name: 'Lt on text is false', pod: terms({ key: 'zone', operator: 'Lt', values: ['3'] }), expected: false },
    {
      name: 'all expressions of a term',
      pod: terms({ key: 'zone', operator: 'Exists' }, { key: 'x', operator: 'Exists' }),
      expected: false,
    },
    { name: 'an empty term', pod: terms(), expected: false },
  ])('$name', ({ pod, expected }) => {
    expect(matchesNodeAffinity(pod, node)).toBe(expected);
    expect(preferredNodeAffinityWeight(pod, node)).toBe(expected ? 7 : 0);
  });

  test('nodeSelector needs every label', () => {
    const pod: Pod = { metadata: { name: 'p' }, spec: { containers: [], nodeSelector: { zone: 'a', size: '5' } } };
    expect(matchesNodeAffinity(pod, node)).toBe(false);
  });
});
