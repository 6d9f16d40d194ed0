import { type Deployment, deployments, type ReplicaSet, replicaSets } from '#api/apps/v1.ts';
import { isPodTerminal } from '#api/core/pod.ts';
import { pods } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { isAlreadyExists, isNotFound, StatusError } from '#api/meta/errors.ts';
import type { Controller, ControllerDeps } from '../controller.ts';
import { claim, controllerReference } from '../owned.ts';
import {
  DESIRED_REPLICAS,
  desired,
  type Fleet,
  isScaling,
  MAX_REPLICAS,
  newSetReplicas,
  planCleanup,
  planRecreate,
  planRollingUpdate,
  planScale,
  REVISION,
  REVISION_HISTORY,
  revisionOf,
  rollingLimits,
  type Scaling,
  size,
} from './rollout.ts';
import { deadlineOf, isComplete, planStatus } from './status.ts';
import { sameTemplate, TEMPLATE_HASH, templateHash } from './template-hash.ts';

/** Annotations that belong to one object alone and are not handed on. */
const OWN_ANNOTATIONS = new Set([
  'kubectl.kubernetes.io/last-applied-configuration',
  REVISION,
  REVISION_HISTORY,
  DESIRED_REPLICAS,
  MAX_REPLICAS,
  'deprecated.deployment.rollback.to',
]);

/** Rolls a deployment's template out through ReplicaSets. */
export function deploymentController(deps: ControllerDeps): Controller {
  const { cache, now } = deps;
  return {
    name: 'deployment-controller',
    primary: deployments,
    owns: [replicaSets],
    async reconcile(key, { signal }) {
      const deployment = cache.get(deployments, key);
      if (deployment?.spec === undefined) return;
      const sets = await claim({
        ...deps,
        owner: deployment,
        ownerRef: deployments,
        ref: replicaSets,
        selector: deployment.spec.selector,
        signal,
      });
      if (deployment.metadata.deletionTimestamp !== undefined) return;
      const outcome = await rollOut(deps, deployment, sets, signal);
      await writeStatus(deps, deployment, outcome, signal);
      const deadline = deadlineOf(cache.get(deployments, key) ?? deployment);
      if (deadline !== undefined) return { requeueAfterMs: Math.max(1000, deadline - now() + 1000) };
    },
  };
}

interface Outcome {
  readonly created: string | undefined;
  readonly failure: { readonly reason: string; readonly message: string } | undefined;
}

async function rollOut(
  deps: ControllerDeps,
  deployment: Deployment,
  sets: readonly ReplicaSet[],
  signal: AbortSignal,
): Promise<Outcome> {
  const fleet = arrange(deployment, sets);
  if (deployment.spec?.paused === true || isScaling(fleet)) {
    await scale(deps, fleet, planScale(fleet), signal);
    return { created: undefined, failure: undefined };
  }
  const recreate = deployment.spec?.strategy?.type === 'Recreate';
  let created: string | undefined;
  let current = fleet;
  // Recreate makes the new set only when the old pods are gone.
  const waiting = recreate && planRecreate(fleet, oldPodsRunning(deps, fleet)).length > 0;
  if (fleet.newSet === undefined && !waiting && !(recreate && oldPodsRunning(deps, fleet))) {
    const outcome = await createSet(deps, fleet, signal);
    if (outcome.failure !== undefined) return outcome;
    created = outcome.created;
    current = arrange(deployment, deps.cache.ownedBy(replicaSets, deployment));
  } else if (fleet.newSet !== undefined) {
    await keepRevision(deps, fleet, fleet.newSet, signal);
    current = arrange(deployment, deps.cache.ownedBy(replicaSets, deployment));
  }
  const plan = recreate ? planRecreate(current, oldPodsRunning(deps, current)) : planRollingUpdate(current);
  await scale(deps, current, plan, signal);
  const fresh = arrange(deployment, deps.cache.ownedBy(replicaSets, deployment));
  if (isComplete(deployment, planStatus({ ...fresh, now: deps.now(), created, failure: undefined }))) {
    for (const set of planCleanup(fresh)) {
      await deps.client
        .delete(replicaSets, set.metadata, { propagationPolicy: 'Background', signal })
        .catch(ignoreMissing);
    }
  }
  return { created, failure: undefined };
}

/** Oldest set with the deployment's template is the new one: old sets come back by template equality. */
function arrange(deployment: Deployment, sets: readonly ReplicaSet[]): Fleet {
  const byAge = [...sets].sort(
    (a, b) =>
      Date.parse(a.metadata.creationTimestamp ?? '') - Date.parse(b.metadata.creationTimestamp ?? '') ||
      (a.metadata.name < b.metadata.name ? -1 : 1),
  );
  const newSet = byAge.find((set) => sameTemplate(set.spec?.template, deployment.spec?.template));
  return { deployment, newSet, oldSets: byAge.filter((set) => set !== newSet) };
}

function oldPodsRunning({ cache }: ControllerDeps, { oldSets }: Fleet): boolean {
  return oldSets.some((set) => cache.ownedBy(pods, set).some((pod) => !isPodTerminal(pod)));
}

async function createSet(deps: ControllerDeps, fleet: Fleet, signal: AbortSignal): Promise<Outcome> {
  const { client, events } = deps;
  const { deployment } = fleet;
  const template = deployment.spec?.template;
  if (template === undefined) return { created: undefined, failure: undefined };
  const hash = templateHash(template, deployment.status?.collisionCount ?? 0);
  const labels = { ...template.metadata?.labels, [TEMPLATE_HASH]: hash };
  const { matchLabels, ...selector } = deployment.spec?.selector ?? {};
  const replicas = newSetReplicas(fleet);
  const set: ReplicaSet = {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace,
      labels,
      annotations: { ...inherited(deployment), ...sizes(deployment), [REVISION]: String(nextRevision(fleet)) },
      ownerReferences: [controllerReference(deployments, deployment)],
    },
    spec: {
      replicas,
      ...(deployment.spec?.minReadySeconds !== undefined && { minReadySeconds: deployment.spec.minReadySeconds }),
      selector: { ...selector, matchLabels: { ...matchLabels, [TEMPLATE_HASH]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
  try {
    await client.create(replicaSets, set, { signal });
  } catch (error) {
    if (isAlreadyExists(error)) return collide(deps, fleet, set, signal);
    if (!(error instanceof StatusError) || error.code >= 500) throw error;
    events.event(
      deployment,
      'Warning',
      'ReplicaSetCreateError',
      `Failed to create new replica set "${set.metadata.name}": ${error.message}`,
    );
    return { created: undefined, failure: { reason: 'ReplicaSetCreateError', message: error.message } };
  }
  await copyRevision(deps, deployment, nextRevision(fleet), signal);
  if (replicas > 0)
    events.event(
      deployment,
      'Normal',
      'ScalingReplicaSet',
      `Scaled up replica set ${set.metadata.name} from 0 to ${replicas}`,
    );
  return { created: set.metadata.name, failure: undefined };
}

/** Another set has the name: a hash collision unless it is ours, in which case the next reconcile sees it. */
async function collide(
  { client, cache }: ControllerDeps,
  { deployment }: Fleet,
  set: ReplicaSet,
  signal: AbortSignal,
): Promise<never> {
  const other = cache.get(replicaSets, set.metadata);
  const ours = other?.metadata.ownerReferences?.some(({ uid }) => uid === deployment.metadata.uid) === true;
  if (!ours) {
    const collisionCount = (deployment.status?.collisionCount ?? 0) + 1;
    await client.updateStatus(
      deployments,
      { ...deployment, status: { ...deployment.status, collisionCount } },
      { signal },
    );
  }
  throw new Error(`Replica set "${set.metadata.name}" exists already`);
}

/** Keeps the new set's revision the highest, and the deployment showing it: a rollback reuses an old set. */
async function keepRevision(deps: ControllerDeps, fleet: Fleet, set: ReplicaSet, signal: AbortSignal): Promise<void> {
  const highest = Math.max(0, ...fleet.oldSets.map(revisionOf));
  const present = revisionOf(set);
  const revision = present > highest ? present : highest + 1;
  const annotations: Record<string, string> = {
    ...set.metadata.annotations,
    ...inherited(fleet.deployment),
    ...sizes(fleet.deployment),
    [REVISION]: String(revision),
  };
  if (present !== revision && present > 0) {
    const history = annotations[REVISION_HISTORY];
    annotations[REVISION_HISTORY] = history === undefined ? String(present) : `${history},${present}`;
  }
  const minReadySeconds = fleet.deployment.spec?.minReadySeconds;
  if (!deepEqual(annotations, set.metadata.annotations) || minReadySeconds !== set.spec?.minReadySeconds) {
    const patch = { metadata: { annotations }, spec: { minReadySeconds: minReadySeconds ?? null } };
    await deps.client.patch(replicaSets, set.metadata, patch, { type: 'merge', signal });
  }
  await copyRevision(deps, fleet.deployment, revision, signal);
}

async function copyRevision(
  { client }: ControllerDeps,
  deployment: Deployment,
  revision: number,
  signal: AbortSignal,
): Promise<void> {
  if (revisionOf(deployment) === revision) return;
  const annotations = { ...deployment.metadata.annotations, [REVISION]: String(revision) };
  await client.update(deployments, { ...deployment, metadata: { ...deployment.metadata, annotations } }, { signal });
}

async function scale(
  { client, events }: ControllerDeps,
  { deployment }: Fleet,
  plan: readonly Scaling[],
  signal: AbortSignal,
): Promise<void> {
  for (const { set, replicas } of plan) {
    const patch = { metadata: { annotations: sizes(deployment) }, spec: { replicas } };
    await client.patch(replicaSets, set.metadata, patch, { type: 'merge', signal });
    const direction = replicas > size(set) ? 'up' : 'down';
    events.event(
      deployment,
      'Normal',
      'ScalingReplicaSet',
      `Scaled ${direction} replica set ${set.metadata.name} from ${size(set)} to ${replicas}`,
    );
  }
}

async function writeStatus(
  { client, cache, now }: ControllerDeps,
  deployment: Deployment,
  outcome: Outcome,
  signal: AbortSignal,
): Promise<void> {
  const latest = cache.get(deployments, deployment.metadata);
  if (latest === undefined || latest.metadata.uid !== deployment.metadata.uid) return;
  // The generation this reconcile worked on, which a newer change must not be credited with.
  const seen = {
    ...latest,
    metadata: { ...latest.metadata, generation: deployment.metadata.generation },
    spec: deployment.spec,
  };
  const fleet = arrange(seen, cache.ownedBy(replicaSets, deployment));
  const status = planStatus({ ...fleet, ...outcome, now: now() });
  if (!deepEqual(status, latest.status ?? {}))
    await client.updateStatus(deployments, { ...latest, status }, { signal });
}

function nextRevision({ oldSets }: Fleet): number {
  return Math.max(0, ...oldSets.map(revisionOf)) + 1;
}

function inherited(deployment: Deployment): Record<string, string> {
  return Object.fromEntries(
    Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !OWN_ANNOTATIONS.has(key)),
  );
}

function sizes(deployment: Deployment): Record<string, string> {
  const wanted = desired(deployment);
  return { [DESIRED_REPLICAS]: String(wanted), [MAX_REPLICAS]: String(wanted + rollingLimits(deployment).maxSurge) };
}

function ignoreMissing(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
