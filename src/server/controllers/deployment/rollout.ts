import type { Deployment, ReplicaSet } from '#api/apps/v1.ts';
import { scaleIntOrPercent } from '#api/meta/int-or-string.ts';

/** Annotations on ReplicaSets that remember what the deployment wanted; kubectl reads the revision. */
export const REVISION = 'deployment.kubernetes.io/revision';
export const REVISION_HISTORY = 'deployment.kubernetes.io/revision-history';
export const DESIRED_REPLICAS = 'deployment.kubernetes.io/desired-replicas';
export const MAX_REPLICAS = 'deployment.kubernetes.io/max-replicas';

/** One ReplicaSet and the size it should have. */
export interface Scaling {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

export interface Fleet {
  readonly deployment: Deployment;
  /** The one with the deployment's present template. */
  readonly newSet: ReplicaSet | undefined;
  readonly oldSets: readonly ReplicaSet[];
}

export const desired = (deployment: Deployment): number => deployment.spec?.replicas ?? 1;
export const size = (set: ReplicaSet): number => set.spec?.replicas ?? 0;
export const available = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0;
const total = (sets: readonly ReplicaSet[], value: (set: ReplicaSet) => number) =>
  sets.reduce((sum, set) => sum + value(set), 0);
const createdAt = (set: ReplicaSet) => Date.parse(set.metadata.creationTimestamp ?? '') || 0;
const oldestFirst = (a: ReplicaSet, b: ReplicaSet) =>
  createdAt(a) - createdAt(b) || (a.metadata.name < b.metadata.name ? -1 : 1);

/** How many pods may be missing and how many there may be too many while rolling. */
export function rollingLimits(deployment: Deployment): { maxUnavailable: number; maxSurge: number } {
  if (deployment.spec?.strategy?.type === 'Recreate') return { maxUnavailable: 0, maxSurge: 0 };
  const { maxUnavailable: unavailable = '25%', maxSurge: surge = '25%' } =
    deployment.spec?.strategy?.rollingUpdate ?? {};
  const replicas = desired(deployment);
  const maxSurge = scaleIntOrPercent(surge, replicas, 'up');
  const maxUnavailable = scaleIntOrPercent(unavailable, replicas, 'down');
  // Both zero would never move: upstream's ResolveFenceposts.
  if (maxSurge === 0 && maxUnavailable === 0) return { maxUnavailable: 1, maxSurge };
  return { maxUnavailable: Math.min(maxUnavailable, replicas), maxSurge };
}

/** How big the new ReplicaSet may be right now. */
export function newSetReplicas({ deployment, newSet, oldSets }: Fleet): number {
  const wanted = desired(deployment);
  const present = newSet === undefined ? 0 : size(newSet);
  if (deployment.spec?.strategy?.type === 'Recreate') return wanted;
  const { maxSurge } = rollingLimits(deployment);
  const pods = present + total(oldSets, size);
  const room = wanted + maxSurge - pods;
  if (room <= 0) return Math.min(present, wanted);
  return Math.min(wanted, present + Math.min(room, Math.max(0, wanted - present)));
}

/** One step of a rolling update: first the new set grows, else the old ones shrink as availability allows. */
export function planRollingUpdate(fleet: Fleet): Scaling[] {
  const { deployment, newSet, oldSets } = fleet;
  if (newSet !== undefined) {
    const replicas = newSetReplicas(fleet);
    if (replicas !== size(newSet)) return [{ set: newSet, replicas }];
  }
  const oldPods = total(oldSets, size);
  if (oldPods === 0) return [];
  const sets = newSet === undefined ? oldSets : [...oldSets, newSet];
  const minAvailable = desired(deployment) - rollingLimits(deployment).maxUnavailable;
  const newMissing = newSet === undefined ? 0 : Math.max(0, size(newSet) - available(newSet));
  const spare = total(sets, size) - minAvailable - newMissing;
  if (spare <= 0) return [];
  const sizes = new Map(oldSets.map((set) => [set, size(set)]));
  // Pods that do not work anyway go first: they cost no availability.
  let removable = spare;
  for (const set of [...oldSets].sort(oldestFirst)) {
    const broken = Math.min(removable, Math.max(0, size(set) - available(set)));
    sizes.set(set, size(set) - broken);
    removable -= broken;
  }
  let surplus = Math.min(total(sets, available) - minAvailable, removable);
  for (const set of [...oldSets].sort(oldestFirst)) {
    const present = sizes.get(set) ?? 0;
    const fewer = Math.max(0, Math.min(surplus, present));
    sizes.set(set, present - fewer);
    surplus -= fewer;
  }
  return changed(sizes);
}

/** Recreate: all old pods go, and only then does the new set grow. */
export function planRecreate({ deployment, newSet, oldSets }: Fleet, oldPodsRunning: boolean): Scaling[] {
  const down = oldSets.filter((set) => size(set) > 0).map((set) => ({ set, replicas: 0 }));
  if (down.length > 0 || oldPodsRunning || newSet === undefined) return down;
  return size(newSet) === desired(deployment) ? [] : [{ set: newSet, replicas: desired(deployment) }];
}

/**
 * Sizes after `spec.replicas` changed, or while paused: with several sets in use each gets its share, so that a rollout
 * half-way done stays half-way done (proportional scaling).
 */
export function planScale({ deployment, newSet, oldSets }: Fleet): Scaling[] {
  const wanted = desired(deployment);
  const sets = newSet === undefined ? [...oldSets] : [...oldSets, newSet];
  const active = sets.filter((set) => size(set) > 0);
  if (active.length <= 1) {
    const target = active[0] ?? newSet ?? [...oldSets].sort(oldestFirst).at(-1);
    return target === undefined || size(target) === wanted ? [] : [{ set: target, replicas: wanted }];
  }
  if (newSet !== undefined && size(newSet) === wanted && available(newSet) === wanted) {
    return active.filter((set) => set !== newSet).map((set) => ({ set, replicas: 0 }));
  }
  if (deployment.spec?.strategy?.type === 'Recreate') return [];
  const allowed = wanted === 0 ? 0 : wanted + rollingLimits(deployment).maxSurge;
  const toAdd = allowed - total(active, size);
  if (toAdd === 0) return [];
  return changed(shareOut(active, { allowed, toAdd, wanted }));
}

/** Biggest set first when growing and shrinking alike; what rounding leaves goes to the biggest. */
function shareOut(
  sets: readonly ReplicaSet[],
  { allowed, toAdd, wanted }: { allowed: number; toAdd: number; wanted: number },
): Map<ReplicaSet, number> {
  const newestWins = toAdd > 0 ? -1 : 1;
  const ordered = [...sets].sort((a, b) => size(b) - size(a) || newestWins * oldestFirst(a, b));
  const sizes = new Map<ReplicaSet, number>();
  let added = 0;
  for (const set of ordered) {
    const before = Number(set.metadata.annotations?.[MAX_REPLICAS] ?? 0) || wanted;
    const share = Math.round((size(set) * allowed) / before) - size(set);
    const left = toAdd - added;
    const amount = toAdd > 0 ? Math.min(Math.max(share, 0), left) : Math.max(Math.min(share, 0), left);
    sizes.set(set, Math.max(0, size(set) + amount));
    added += amount;
  }
  const [biggest] = ordered;
  if (biggest !== undefined && added !== toAdd)
    sizes.set(biggest, Math.max(0, (sizes.get(biggest) ?? 0) + toAdd - added));
  return sizes;
}

/** Whether `spec.replicas` changed since the sets were last sized. */
export function isScaling({ deployment, newSet, oldSets }: Fleet): boolean {
  const sets = newSet === undefined ? oldSets : [...oldSets, newSet];
  return sets.some((set) => {
    const remembered = set.metadata.annotations?.[DESIRED_REPLICAS];
    return size(set) > 0 && remembered !== undefined && Number(remembered) !== desired(deployment);
  });
}

/** Old, empty, fully observed sets beyond the history limit, oldest first. */
export function planCleanup({ deployment, oldSets }: Fleet): ReplicaSet[] {
  const limit = deployment.spec?.revisionHistoryLimit ?? 10;
  const removable = oldSets.filter(
    (set) =>
      size(set) === 0 &&
      (set.status?.replicas ?? 0) === 0 &&
      (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0) &&
      set.metadata.deletionTimestamp === undefined,
  );
  const excess = oldSets.length - limit;
  return excess <= 0 ? [] : [...removable].sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, excess);
}

export function revisionOf(object: { metadata: { annotations?: Record<string, string> | undefined } }): number {
  return Number(object.metadata.annotations?.[REVISION] ?? 0) || 0;
}

function changed(sizes: ReadonlyMap<ReplicaSet, number>): Scaling[] {
  return [...sizes].filter(([set, replicas]) => replicas !== size(set)).map(([set, replicas]) => ({ set, replicas }));
}
