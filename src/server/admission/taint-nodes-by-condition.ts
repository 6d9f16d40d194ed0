import { type Node, nodes, type Taint } from '#api/core/v1.ts';
import { type AdmissionPlugin, concerns } from './plugin.ts';

const NOT_READY: Taint = { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' };

/** Keeps pods away from a new node until it has said that it is ready. */
export function taintNodesByCondition(): AdmissionPlugin {
  return {
    name: 'TaintNodesByCondition',
    handles: (request) => request.operation === 'CREATE' && concerns(request, nodes),
    mutate({ object }) {
      const node = object as Node;
      const { taints = [] } = node.spec ?? {};
      if (taints.some(({ key, effect }) => key === NOT_READY.key && effect === NOT_READY.effect)) return;
      node.spec = { ...node.spec, taints: [...taints, { ...NOT_READY }] };
    },
  };
}
