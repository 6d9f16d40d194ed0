import { nodes } from '#api/core/v1.ts';
import type { Controller, ControllerDeps } from './controller.ts';

const LABEL = 'node-role.kubernetes.io/control-plane';

/** Marks the nodes that servers run on. A node may not give itself a role, so the server does. */
export function controlPlaneNodeController({ client, cache, cluster }: ControllerDeps): Controller {
  return {
    name: 'control-plane-node',
    primary: nodes,
    async reconcile({ name }, { signal }) {
      const node = cache.get(nodes, { name });
      if (node === undefined || !cluster.controlPlaneNodes.includes(name)) return;
      if (node.metadata.labels?.[LABEL] !== undefined) return;
      await client.patch(nodes, { name }, { metadata: { labels: { [LABEL]: '' } } }, { type: 'merge', signal });
    },
  };
}
