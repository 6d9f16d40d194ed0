import { describe, expect, test } from 'vitest';
import { type Node, nodes } from '#api/core/v1.ts';
import { admissionRequest, admit } from '#test/support/admission.ts';
import { taintNodesByCondition } from './taint-nodes-by-condition.ts';

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
