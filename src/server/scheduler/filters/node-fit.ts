import { matchesNodeAffinity, toleratesTaint } from '#api/core/scheduling.ts';
import type { Taint } from '#api/core/v1.ts';
import type { Filter, Refusal } from '../plugin.ts';

/** Cordoned nodes take no new pods, except those that tolerate it. */
export const nodeUnschedulable: Filter = {
  name: 'NodeUnschedulable',
  check(pod, { node }) {
    if (node.spec?.unschedulable !== true) return undefined;
    const taint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
    const tolerated = (pod.spec?.tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint));
    return tolerated ? undefined : unsuitable('node(s) were unschedulable');
  },
};

/** A pod must tolerate every taint that keeps pods away. */
export const taintToleration: Filter = {
  name: 'TaintToleration',
  check(pod, { node }) {
    const tolerations = pod.spec?.tolerations ?? [];
    const isRepelled = (node.spec?.taints ?? []).some(
      (taint) =>
        (taint.effect === 'NoSchedule' || taint.effect === 'NoExecute') &&
        !tolerations.some((toleration) => toleratesTaint(toleration, taint)),
    );
    // Which taints is not said: upstream keeps what nodes are for from those who may only see pods.
    return isRepelled ? unsuitable('node(s) had untolerated taint(s)') : undefined;
  },
};

/** nodeSelector and required node affinity. */
export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  check: (pod, { node }) =>
    matchesNodeAffinity(pod, node) ? undefined : unsuitable("node(s) didn't match Pod's node affinity/selector"),
};

/** A host port can be had once per address; the wildcard address clashes with every other. */
export const nodePorts: Filter = {
  name: 'NodePorts',
  check(_pod, { ports }, { demand: { hostPorts } }) {
    if (hostPorts.length === 0 || ports.size === 0) return undefined;
    const clash = hostPorts.some(({ protocol, hostPort, hostIP }) => {
      const prefix = `${protocol}/${hostPort}/`;
      if (hostIP !== '0.0.0.0') return ports.has(`${prefix}${hostIP}`) || ports.has(`${prefix}0.0.0.0`);
      return [...ports.keys()].some((key) => key.startsWith(prefix));
    });
    if (!clash) return undefined;
    return { reasons: ["node(s) didn't have free ports for the requested pod ports"], isCrowded: true };
  },
};

/** What the pod asks for must fit into what the node has left. */
export const nodeResourcesFit: Filter = {
  name: 'NodeResourcesFit',
  check(_pod, { allocatable, requested }, { demand }) {
    const lacking = Object.entries(demand.requests).filter(
      ([name, amount]) => amount > 0 && amount > (allocatable[name] ?? 0) - (requested[name] ?? 0),
    );
    if (lacking.length === 0) return undefined;
    return {
      reasons: lacking.map(([name]) => (name === 'pods' ? 'Too many pods' : `Insufficient ${name}`)),
      isCrowded: lacking.every(([name, amount]) => amount <= (allocatable[name] ?? 0)),
    };
  },
};

/** No matter which pods are there. */
function unsuitable(reason: string): Refusal {
  return { reasons: [reason], isCrowded: false };
}
