import { type Node, nodes } from '#api/core/v1.ts';
import { sleep } from '#base/backoff.ts';
import { option } from '#base/options.ts';
import { kubeconfigOption, withAdmin } from './admin.ts';
import { defineCommand } from './command.ts';

/** `skiff status`: one line a node; fails unless every node is Ready. */
export const status = defineCommand({
  name: 'status',
  summary: 'Show whether the nodes of the cluster are Ready',
  options: {
    kubeconfig: kubeconfigOption,
    wait: option.integer({ help: 'wait so many seconds for a Ready node', value: 'SECONDS', default: 0, min: 0 }),
  },
  async run({ options, stdout, signal }) {
    const deadline = Date.now() + options.wait * 1000;
    for (;;) {
      try {
        const found = await withAdmin(
          options.kubeconfig,
          async (client) => (await client.list(nodes, { signal })).items,
        );
        const allReady = found.length > 0 && found.every(isReady);
        if (allReady || Date.now() >= deadline) {
          for (const node of found) stdout.write(`${node.metadata.name}: ${describe(node)}\n`);
          if (!allReady) throw new Error(found.length === 0 ? 'No node has joined' : 'Not every node is Ready');
          return;
        }
      } catch (error) {
        if (Date.now() >= deadline) throw error;
      }
      await sleep(200, signal);
    }
  },
});

function ready({ status: state }: Node) {
  return state?.conditions?.find(({ type }) => type === 'Ready');
}

function isReady(node: Node): boolean {
  return ready(node)?.status === 'True';
}

function describe(node: Node): string {
  return isReady(node) ? 'Ready' : `NotReady (${ready(node)?.message ?? 'never heard of'})`;
}
