import { isPodTerminal } from '#api/core/pod.ts';
import { nodes, type Pod, pods } from '#api/core/v1.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { type Controller, type ControllerDeps, watches } from './controller.ts';

/** Finished pods kept for their logs and statuses before the oldest go: upstream's --terminated-pod-gc-threshold. */
const TERMINATED_LIMIT = 12_500;
/** How long pods of a node that is gone are left alone: the node may come back under its name. */
const QUARANTINE_MS = 40_000;

/** Removes pods that no node will ever end: of nodes that are gone, and deleted before they had one. */
export function podGarbageCollector({ client, cache, now }: ControllerDeps): Controller {
  const missingSince = new Map<string, number>();
  return {
    name: 'pod-garbage-collector',
    primary: nodes,
    watches: [
      watches(pods, (pod) => {
        const { nodeName = '' } = pod.spec ?? {};
        const orphaned = nodeName !== '' && cache.get(nodes, { name: nodeName }) === undefined;
        return orphaned ? [{ name: nodeName }] : isPodTerminal(pod) || isStranded(pod) ? [{ name: '' }] : [];
      }),
    ],
    concurrency: 1,
    async reconcile({ name }, { log, signal }) {
      if (name === '') return sweep(signal);
      if (cache.get(nodes, { name }) !== undefined) {
        missingSince.delete(name);
        return;
      }
      const bound = cache.onNode(pods, name);
      if (bound.length === 0) return void missingSince.delete(name);
      const since = missingSince.get(name) ?? now();
      missingSince.set(name, since);
      if (now() - since < QUARANTINE_MS) return { requeueAfterMs: since + QUARANTINE_MS - now() + 100 };
      for (const pod of bound) await end(pod, signal);
      log.info({ node: name, pods: bound.length }, 'pods of a missing node removed');
    },
  };

  /** Deleted before they were scheduled, and finished ones beyond the limit. */
  async function sweep(signal: AbortSignal): Promise<void> {
    const all = cache.list(pods);
    for (const pod of all.filter(isStranded)) await end(pod, signal);
    const finished = all.filter(isPodTerminal);
    if (finished.length <= TERMINATED_LIMIT) return;
    const createdAt = (pod: Pod) => Date.parse(pod.metadata.creationTimestamp ?? '') || 0;
    const oldest = [...finished]
      .sort((a, b) => createdAt(a) - createdAt(b))
      .slice(0, finished.length - TERMINATED_LIMIT);
    for (const pod of oldest) await end(pod, signal);
  }

  async function end(pod: Pod, signal: AbortSignal): Promise<void> {
    const preconditions = { uid: pod.metadata.uid ?? '' };
    try {
      if (!isPodTerminal(pod)) {
        const status = {
          phase: 'Failed',
          ...(pod.spec?.nodeName && { reason: 'NodeLost', message: 'The node of this pod is gone' }),
        };
        await client.patch(pods, pod.metadata, { status }, { type: 'merge', subresource: 'status', signal });
      }
      await client.delete(pods, pod.metadata, { gracePeriodSeconds: 0, preconditions, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function isStranded(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && !pod.spec?.nodeName;
}
