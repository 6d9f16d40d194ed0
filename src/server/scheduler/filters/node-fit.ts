import { podHostPorts } from '#api/core/pod-resources.ts';
import { matchesNodeAffinity, toleratesTaint } from '#api/core/scheduling.ts';
import type { Taint } from '#api/core/v1.ts';
import { requestsOf } from '../node-state.ts';
import type { Filter } from '../plugin.ts';

/** Cordoned nodes take no new pods, except those that tolerate it. */
export const nodeUnschedulable: Filter = {
  name: 'NodeUnschedulable',
  check(pod, { node }) {
    if (node.spec?.unschedulable !== true) return undefined;
    const taint: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };
    const tolerated = (pod.spec?.tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint));
    return tolerated ? undefined : ['node(s) were unschedulable'];
  },
};

/** A pod must tolerate every taint that keeps pods away. */
export const taintToleration: Filter = {
  name: 'TaintToleration',
  check(pod, { node }) {
    const tolerations = pod.spec?.tolerations ?? [];
    const taint = (node.spec?.taints ?? []).find(
      ({ effect, ...rest }) =>
        (effect === 'NoSchedule' || effect === 'NoExecute') &&
        !tolerations.some((toleration) => toleratesTaint(toleration, { effect, ...rest })),
    );
    return taint === undefined ? undefined : [`node(s) had untolerated taint(s) {${taint.key}: ${taint.value ?? ''}}`];
  },
};

/** nodeSelector and required node affinity. */
export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  check: (pod, { node }) =>
    matchesNodeAffinity(pod, node) ? undefined : ["node(s) didn't match Pod's node affinity/selector"],
};

/** A host port can be had once per address; the wildcard address clashes with every other. */
export const nodePorts: Filter = {
  name: 'NodePorts',
  check(pod, { ports }) {
    const wanted = podHostPorts(pod);
    if (wanted.length === 0 || ports.size === 0) return undefined;
    const clash = wanted.some(({ protocol, hostPort, hostIP }) => {
      const prefix = `${protocol}/${hostPort}/`;
      if (hostIP !== '0.0.0.0') return ports.has(`${prefix}${hostIP}`) || ports.has(`${prefix}0.0.0.0`);
      return [...ports.keys()].some((key) => key.startsWith(prefix));
    });
    return clash ? ["node(s) didn't have free ports for the requested pod ports"] : undefined;
  },
};

/** What the pod asks for must fit into what the node has left. */
export const nodeResourcesFit: Filter = {
  name: 'NodeResourcesFit',
  check(pod, { allocatable, requested }) {
    const reasons = Object.entries(requestsOf(pod)).flatMap(([name, amount]) => {
      const free = (allocatable[name] ?? 0) - (requested[name] ?? 0);
      if (amount === 0 || amount <= free) return [];
      return [name === 'pods' ? 'Too many pods' : `Insufficient ${name}`];
    });
    return reasons.length === 0 ? undefined : reasons;
  },
};
