import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '#api/apps/v1.ts';
import { formatTime } from '#api/meta/time.ts';
import { available, desired, type Fleet, rollingLimits } from './rollout.ts';

/** No deadline: upstream's word for "never". */
const NO_DEADLINE = 2_147_483_647;

export interface StatusRequest extends Fleet {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Name of a set that was made in this reconcile. */
  readonly created: string | undefined;
  readonly failure: { readonly reason: string; readonly message: string } | undefined;
}

/** The status a deployment should show; conditions keep their transition times while their status is the same. */
export function planStatus(request: StatusRequest): DeploymentStatus {
  const { deployment, newSet, oldSets } = request;
  const sets = newSet === undefined ? [...oldSets] : [...oldSets, newSet];
  const sum = (value: (set: ReplicaSet) => number | undefined) =>
    sets.reduce((result, set) => result + (value(set) ?? 0), 0);
  const numbers = {
    replicas: sum(({ status }) => status?.replicas),
    updatedReplicas: newSet?.status?.replicas ?? 0,
    readyReplicas: sum(({ status }) => status?.readyReplicas),
    availableReplicas: sum(available),
    unavailableReplicas: Math.max(0, sum(({ spec }) => spec?.replicas) - sum(available)),
  };
  const { collisionCount } = deployment.status ?? {};
  const present = Object.fromEntries(Object.entries(numbers).filter(([, value]) => value !== 0));
  const status: DeploymentStatus = {
    observedGeneration: deployment.metadata.generation,
    ...present,
    terminatingReplicas: sum((set) => set.status?.terminatingReplicas),
    ...(collisionCount !== undefined && { collisionCount }),
  };
  return { ...status, conditions: planConditions(request, status) };
}

/** Whether every pod is a new one and available. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = desired(deployment);
  return (
    (status.updatedReplicas ?? 0) === wanted &&
    (status.replicas ?? 0) === wanted &&
    (status.availableReplicas ?? 0) === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/** When the progress deadline passes, if one is running; milliseconds since the epoch. */
export function deadlineOf(deployment: Deployment): number | undefined {
  const seconds = deployment.spec?.progressDeadlineSeconds ?? NO_DEADLINE;
  const progressing = condition(deployment, 'Progressing');
  if (seconds === NO_DEADLINE || progressing === undefined || progressing.status !== 'True') return undefined;
  if (progressing.reason === 'NewReplicaSetAvailable' || progressing.reason === 'DeploymentPaused') return undefined;
  return Date.parse(progressing.lastUpdateTime ?? '') + seconds * 1000;
}

function planConditions(request: StatusRequest, status: DeploymentStatus): DeploymentCondition[] {
  const wanted = new Map((request.deployment.status?.conditions ?? []).map((known) => [known.type, known]));
  const set = (next: Verdict | undefined, type: string) => {
    if (next === undefined) return;
    const known = wanted.get(type);
    if (known !== undefined && known.status === next.status && known.reason === next.reason && !next.renew) return;
    const time = formatTime(new Date(request.now));
    const { renew: _renew, ...verdict } = next;
    const lastTransitionTime = known?.status === next.status ? known.lastTransitionTime : time;
    wanted.set(type, { type, ...verdict, lastUpdateTime: time, lastTransitionTime });
  };
  set(availability(request.deployment, status), 'Available');
  set(progress(request, status), 'Progressing');
  const failure = request.failure ?? setFailure(request);
  if (failure === undefined) wanted.delete('ReplicaFailure');
  else set({ status: 'True', reason: failure.reason ?? '', message: failure.message ?? '' }, 'ReplicaFailure');
  return [...wanted.values()];
}

/** What keeps one of the sets, the new one first, from making or removing pods. */
function setFailure({ newSet, oldSets }: Fleet) {
  const sets = newSet === undefined ? oldSets : [newSet, ...oldSets];
  return sets.flatMap(({ status }) => status?.conditions ?? []).find(({ type }) => type === 'ReplicaFailure');
}

interface Verdict {
  readonly status: 'True' | 'False' | 'Unknown';
  readonly reason: string;
  readonly message: string;
  /** Write it even though status and reason are as before. */
  readonly renew?: boolean;
}

function availability(deployment: Deployment, status: DeploymentStatus): Verdict {
  const enough = (status.availableReplicas ?? 0) >= desired(deployment) - rollingLimits(deployment).maxUnavailable;
  return enough
    ? { status: 'True', reason: 'MinimumReplicasAvailable', message: 'Deployment has minimum availability.' }
    : {
        status: 'False',
        reason: 'MinimumReplicasUnavailable',
        message: 'Deployment does not have minimum availability.',
      };
}

function progress(request: StatusRequest, status: DeploymentStatus): Verdict | undefined {
  const { deployment, newSet, created, now } = request;
  const known = condition(deployment, 'Progressing');
  const subject =
    newSet === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${newSet.metadata.name}"`;
  if (deployment.spec?.paused === true) {
    return { status: 'Unknown', reason: 'DeploymentPaused', message: 'Deployment is paused' };
  }
  if (known?.reason === 'DeploymentPaused') {
    return { status: 'Unknown', reason: 'DeploymentResumed', message: 'Deployment is resumed' };
  }
  if ((deployment.spec?.progressDeadlineSeconds ?? NO_DEADLINE) === NO_DEADLINE) return undefined;
  if (created !== undefined) {
    return { status: 'True', reason: 'NewReplicaSetCreated', message: `Created new replica set "${created}"` };
  }
  if (isComplete(deployment, status)) {
    return { status: 'True', reason: 'NewReplicaSetAvailable', message: `${subject} has successfully progressed.` };
  }
  if (known === undefined || hasProgressed(deployment.status ?? {}, status)) {
    return { status: 'True', reason: 'ReplicaSetUpdated', message: `${subject} is progressing.`, renew: true };
  }
  const deadline = deadlineOf(deployment);
  if (deadline !== undefined && now >= deadline) {
    return { status: 'False', reason: 'ProgressDeadlineExceeded', message: `${subject} has timed out progressing.` };
  }
  // A finished rollout that lost a pod is no rollout in progress, unless its template changed.
  if (known.reason === 'NewReplicaSetAvailable' && (status.updatedReplicas ?? 0) < desired(deployment)) {
    return { status: 'True', reason: 'ReplicaSetUpdated', message: `${subject} is progressing.` };
  }
  return undefined;
}

function hasProgressed(before: DeploymentStatus, after: DeploymentStatus): boolean {
  const old = (status: DeploymentStatus) => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0) ||
    old(after) < old(before)
  );
}

function condition(deployment: Deployment, type: string): DeploymentCondition | undefined {
  return deployment.status?.conditions?.find((candidate) => candidate.type === type);
}
