import { type Node, nodes } from '#api/core/v1.ts';
import type { Controller, ControllerDeps } from './controller.ts';

/** Bits of each node's range: a /24 holds 254 pods. */
const NODE_BITS = 24;

/** Gives every node its own range of pod addresses, once and for good. */
export function nodeIpamController({ client, cache, cluster, events }: ControllerDeps): Controller {
  return {
    name: 'node-ipam-controller',
    primary: nodes,
    // One at a time: two nodes must not be given the same range.
    concurrency: 1,
    async reconcile({ name }, { log, signal }) {
      const node = cache.get(nodes, { name });
      if (node === undefined || node.spec?.podCIDR) return;
      const podCIDR = nextRange(cluster.clusterCidr, cache.list(nodes));
      if (podCIDR === undefined) {
        events.event(
          node,
          'Warning',
          'CIDRNotAvailable',
          `No range of pod addresses is left in ${cluster.clusterCidr}; start the server with a larger --cluster-cidr`,
        );
        return { requeueAfterMs: 60_000 };
      }
      const { resourceVersion } = node.metadata;
      await client.patch(
        nodes,
        { name },
        { metadata: { resourceVersion }, spec: { podCIDR, podCIDRs: [podCIDR] } },
        { type: 'merge', signal },
      );
      log.info({ node: name, podCidr: podCIDR }, 'pod addresses given');
    },
  };
}

/** The first free /24 of the cluster's range (or the range itself when it is no larger). Pure. */
export function nextRange(clusterCidr: string, all: readonly Node[]): string | undefined {
  const [address = '', bits = '16'] = clusterCidr.split('/');
  const taken = new Set(all.flatMap(({ spec }) => (spec?.podCIDR ? [spec.podCIDR] : [])));
  const nodeBits = Math.max(NODE_BITS, Number(bits));
  const first = address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const step = 2 ** (32 - nodeBits);
  for (let i = 0; i < 2 ** (nodeBits - Number(bits)); i++) {
    const range = `${dotted(first + i * step)}/${nodeBits}`;
    if (!taken.has(range)) return range;
  }
  return undefined;
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
