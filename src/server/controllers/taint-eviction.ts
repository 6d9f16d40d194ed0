import { isPodTerminal, podCondition } from '#api/core/pod.ts';
import { toleratesTaint } from '#api/core/scheduling.ts';
import { type Node, nodes, type Pod, pods, type Taint, type Toleration } from '#api/core/v1.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { formatTime } from '#api/meta/time.ts';
import { type Controller, type ControllerDeps, watches } from './controller.ts';

/** Deletes pods from nodes whose NoExecute taints they do not tolerate, or no longer. */
export function taintEvictionController({ client, cache, events, now }: ControllerDeps): Controller {
  /** When taints that do not say it themselves were first seen, by node and taint: `kubectl taint` writes no time. */
  const firstSeen = new Map<string, number>();
  return {
    name: 'taint-eviction-controller',
    primary: pods,
    watches: [
      watches(nodes, (node, previous) => {
        const had = executing(previous).length > 0;
        remember(node, previous);
        return had || executing(node).length > 0
          ? cache.onNode(pods, node.metadata.name).map(({ metadata }) => metadata)
          : [];
      }),
    ],
    async reconcile(key, { log, signal }) {
      const pod = cache.get(pods, key);
      if (
        pod === undefined ||
        pod.metadata.deletionTimestamp !== undefined ||
        !pod.spec?.nodeName ||
        isPodTerminal(pod)
      )
        return;
      const taints = executing(cache.get(nodes, { name: pod.spec.nodeName })).map((taint) => withTime(pod, taint));
      const at = evictionTime(pod, taints);
      if (at === undefined) return;
      if (at > now()) return { requeueAfterMs: at - now() };
      log.info({ node: pod.spec.nodeName }, 'evicting pod from tainted node');
      events.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${key.namespace}/${key.name}`);
      await disrupt(pod, signal);
    },
  };

  function remember(node: Node, previous: Node | undefined): void {
    const present = executing(node).map((taint) => taintId(node.metadata.name, taint));
    for (const id of executing(previous).map((taint) => taintId(node.metadata.name, taint)))
      if (!present.includes(id)) firstSeen.delete(id);
    for (const id of present) if (!firstSeen.has(id)) firstSeen.set(id, now());
  }

  function withTime({ spec }: Pod, taint: Taint): Taint {
    if (taint.timeAdded) return taint;
    const since = firstSeen.get(taintId(spec?.nodeName ?? '', taint)) ?? now();
    return { ...taint, timeAdded: new Date(since).toISOString() };
  }

  async function disrupt(pod: Pod, signal: AbortSignal): Promise<void> {
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
      lastTransitionTime: formatTime(new Date(now())),
    };
    try {
      await client.patch(
        pods,
        pod.metadata,
        { status: { conditions: [condition] } },
        { type: 'strategic', subresource: 'status', signal },
      );
      await client.delete(pods, pod.metadata, { preconditions: { uid: pod.metadata.uid ?? '' }, signal });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

function taintId(nodeName: string, { key, value = '' }: Taint): string {
  return `${nodeName}/${key}=${value}`;
}

function executing(node: Node | undefined): Taint[] {
  return (node?.spec?.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
}

/** When a pod has to leave; undefined when it may stay for ever. Pure. */
export function evictionTime(pod: Pod, taints: readonly Taint[]): number | undefined {
  let earliest: number | undefined;
  for (const taint of taints) {
    const tolerations = (pod.spec?.tolerations ?? []).filter((toleration: Toleration) =>
      toleratesTaint(toleration, taint),
    );
    // A pod that came to a tainted node has its time from then on.
    const since = Math.max(Date.parse(taint.timeAdded ?? '') || 0, arrivalOf(pod));
    const at = tolerations.length === 0 ? since : limitOf(tolerations, since);
    if (at !== undefined) earliest = Math.min(earliest ?? at, at);
  }
  return earliest;
}

function arrivalOf(pod: Pod): number {
  const bound = podCondition(pod, 'PodScheduled')?.lastTransitionTime;
  return Date.parse(bound ?? pod.metadata.creationTimestamp ?? '') || 0;
}

function limitOf(tolerations: readonly Toleration[], since: number): number | undefined {
  const limits = tolerations.flatMap(({ tolerationSeconds }) =>
    tolerationSeconds === undefined ? [] : [Math.max(0, tolerationSeconds)],
  );
  return limits.length === 0 ? undefined : since + Math.min(...limits) * 1000;
}
