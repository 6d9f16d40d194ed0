import { type ReplicaSet, replicaSets } from '#api/apps/v1.ts';
import { isPodActive, isPodAvailable, isPodReady } from '#api/core/pod.ts';
import { type Pod, pods, type ReplicationController, replicationControllers } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { isAlreadyExists, isForbidden, isNotFound } from '#api/meta/errors.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import { labelSelectorOf } from '#api/meta/selectors.ts';
import { formatTime } from '#api/meta/time.ts';
import type { LabelSelector } from '#api/meta/types.ts';
import { type Controller, type ControllerDeps, watches } from './controller.ts';
import { claim, controllerOf, podFromTemplate, slowStart } from './owned.ts';

type Replicated = ReplicaSet | ReplicationController;

/** Most pods made or removed in one go. */
const BURST = 500;

/** Keeps as many active pods as a ReplicaSet's `spec.replicas` asks for. */
export function replicaSetController(deps: ControllerDeps): Controller {
  return replicatedController(deps, {
    name: 'replicaset-controller',
    ref: replicaSets,
    selectorOf: (set) => (set as ReplicaSet).spec?.selector,
  });
}

/** The same for ReplicationControllers, whose selector is a plain map of labels. */
export function replicationControllerController(deps: ControllerDeps): Controller {
  return replicatedController(deps, {
    name: 'replication-controller',
    ref: replicationControllers,
    selectorOf: (set) => {
      const labels = (set as ReplicationController).spec?.selector;
      return labels === undefined || Object.keys(labels).length === 0 ? undefined : { matchLabels: labels };
    },
  });
}

interface Flavour {
  readonly name: string;
  readonly ref: ResourceRef<Replicated>;
  readonly selectorOf: (set: Replicated) => LabelSelector | undefined;
}

function replicatedController(deps: ControllerDeps, { name, ref, selectorOf }: Flavour): Controller {
  const { client, cache, events, now } = deps;
  return {
    name,
    primary: ref,
    owns: [pods],
    watches: [
      // A pod that nobody owns may be one to adopt.
      watches(pods, (pod) => {
        if (controllerOf(pod) !== undefined || pod.metadata.deletionTimestamp !== undefined) return [];
        return cache
          .list(ref, { namespace: pod.metadata.namespace })
          .filter((set) => labelSelectorOf(selectorOf(set)).matches(pod.metadata.labels))
          .map(({ metadata }) => metadata);
      }),
    ],
    async reconcile(key, { log, signal }) {
      const set = cache.get(ref, key);
      if (set === undefined || set.spec === undefined) return;
      const owned = await claim({
        client,
        cache,
        owner: set,
        ownerRef: ref,
        ref: pods,
        selector: selectorOf(set),
        signal,
      });
      const plan = set.metadata.deletionTimestamp === undefined ? planReplicas(set, owned) : { create: 0, remove: [] };
      let failure: unknown;
      if (plan.create > 0 && set.spec.template !== undefined) {
        const pod = podFromTemplate(set.spec.template, set, ref);
        const { done, error } = await slowStart(plan.create, async () => {
          const created = await client.create(pods, pod, { signal });
          events.event(set, 'Normal', 'SuccessfulCreate', `Created pod: ${created.metadata.name}`);
        });
        failure = error;
        log.info({ created: done, wanted: plan.create }, 'scaled up');
        if (error !== undefined && !isAlreadyExists(error)) {
          events.event(set, 'Warning', 'FailedCreate', `Error creating: ${(error as Error).message}`);
        }
      }
      for (const pod of plan.remove) {
        try {
          await client.delete(pods, pod.metadata, { preconditions: { uid: pod.metadata.uid ?? '' }, signal });
          events.event(set, 'Normal', 'SuccessfulDelete', `Deleted pod: ${pod.metadata.name}`);
        } catch (error) {
          if (!isNotFound(error)) failure = error;
        }
      }
      if (plan.remove.length > 0) log.info({ removed: plan.remove.length }, 'scaled down');
      const present = cache.ownedBy(pods, set);
      const status = planStatus(set, present, { failure, removing: plan.remove.length > 0, now: now() });
      if (!deepEqual(status, set.status ?? {}))
        await client.updateStatus(ref, { ...set, status } as Replicated, { signal });
      if (failure !== undefined && !isForbidden(failure)) throw failure;
      if (failure !== undefined) return { requeueAfterMs: 15_000 };
      const soonest = nextAvailable(set, present, now());
      if (soonest !== undefined) return { requeueAfterMs: soonest };
    },
  };
}

/** Pure, so every scaling rule is one row of a table test. */
export function planReplicas(set: Replicated, owned: readonly Pod[]): { create: number; remove: Pod[] } {
  const active = owned.filter(isPodActive);
  const excess = active.length - (set.spec?.replicas ?? 1);
  if (excess <= 0) return { create: Math.min(BURST, -excess), remove: [] };
  const crowds = new Map<string, number>();
  for (const pod of active) {
    const node = pod.spec?.nodeName ?? '';
    crowds.set(node, (crowds.get(node) ?? 0) + 1);
  }
  const crowd = (pod: Pod) => crowds.get(pod.spec?.nodeName ?? '') ?? 0;
  return {
    create: 0,
    remove: [...active].sort((a, b) => compareForRemoval(a, b, crowd)).slice(0, Math.min(BURST, excess)),
  };
}

const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/** Upstream's order of who goes first: ActivePodsWithRanks in pkg/controller/controller_utils.go. */
function compareForRemoval(a: Pod, b: Pod, crowd: (pod: Pod) => number): number {
  const unassigned = (pod: Pod) => (pod.spec?.nodeName ? 1 : 0);
  const phase = (pod: Pod) => PHASES[pod.status?.phase ?? ''] ?? 0;
  const ready = (pod: Pod) => (isPodReady(pod) ? 1 : 0);
  const cost = (pod: Pod) => Number(pod.metadata.annotations?.['controller.kubernetes.io/pod-deletion-cost'] ?? 0) || 0;
  const restarts = (pod: Pod) =>
    Math.max(0, ...(pod.status?.containerStatuses ?? []).map(({ restartCount }) => restartCount));
  const readySince = (pod: Pod) => {
    const since = pod.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
    return ready(pod) === 1 && since ? Date.parse(since) : 0;
  };
  const created = (pod: Pod) => Date.parse(pod.metadata.creationTimestamp ?? '') || 0;
  return (
    unassigned(a) - unassigned(b) ||
    phase(a) - phase(b) ||
    ready(a) - ready(b) ||
    cost(a) - cost(b) ||
    crowd(b) - crowd(a) ||
    readySince(b) - readySince(a) ||
    restarts(b) - restarts(a) ||
    created(b) - created(a)
  );
}

function planStatus(
  set: Replicated,
  owned: readonly Pod[],
  { failure, removing, now }: { failure: unknown; removing: boolean; now: number },
): NonNullable<ReplicaSet['status']> {
  const active = owned.filter(isPodActive);
  const terminating = owned.filter(
    ({ metadata, status }) =>
      metadata.deletionTimestamp !== undefined && status?.phase !== 'Failed' && status?.phase !== 'Succeeded',
  );
  const labels = Object.entries(set.spec?.template?.metadata?.labels ?? {});
  const complete = (pod: Pod) => labels.every(([key, value]) => pod.metadata.labels?.[key] === value);
  const minReadySeconds = set.spec?.minReadySeconds ?? 0;
  const others = (set.status?.conditions ?? []).filter(({ type }) => type !== 'ReplicaFailure');
  const known = set.status?.conditions?.find(({ type }) => type === 'ReplicaFailure');
  const conditions = failure === undefined ? others : [...others, failureCondition(known, { failure, removing, now })];
  const count = (matches: (pod: Pod) => boolean) => active.filter(matches).length;
  const numbers = {
    replicas: active.length,
    fullyLabeledReplicas: count(complete),
    readyReplicas: count(isPodReady),
    availableReplicas: count((pod) => isPodAvailable(pod, minReadySeconds, now)),
    // ReplicationControllers have no such field.
    ...(set.kind === 'ReplicaSet' && { terminatingReplicas: terminating.length }),
  };
  return {
    ...omitZeros(numbers),
    replicas: numbers.replicas,
    ...(set.kind === 'ReplicaSet' && { terminatingReplicas: terminating.length }),
    observedGeneration: set.metadata.generation,
    ...(conditions.length > 0 && { conditions }),
  };
}

type Condition = NonNullable<NonNullable<ReplicaSet['status']>['conditions']>[number];

/** The first failure of a kind stays: messages name pods that never came to be, and would make a write of every try. */
function failureCondition(
  known: Condition | undefined,
  { failure, removing, now }: { failure: unknown; removing: boolean; now: number },
): Condition {
  const reason = removing ? 'FailedDelete' : 'FailedCreate';
  if (known?.status === 'True' && known.reason === reason) return known;
  const { message } = failure as Error;
  return { type: 'ReplicaFailure', status: 'True', reason, message, lastTransitionTime: formatTime(new Date(now)) };
}

/** Counts of zero are left out of the wire form, except where a field is required. */
function omitZeros<T extends Record<string, unknown>>(numbers: T): Partial<T> {
  return Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== 0)) as Partial<T>;
}

/** How long until the next ready pod has been ready for `minReadySeconds`. */
function nextAvailable(set: Replicated, owned: readonly Pod[], now: number): number | undefined {
  const minReadyMs = (set.spec?.minReadySeconds ?? 0) * 1000;
  if (minReadyMs === 0) return undefined;
  const waits = owned.filter(isPodReady).flatMap((pod) => {
    const since = pod.status?.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime;
    const wait = Date.parse(since ?? '') + minReadyMs - now;
    return wait > 0 ? [wait + 10] : [];
  });
  return waits.length === 0 ? undefined : Math.min(...waits);
}
