import type { ContainerStatus, Pod, PodCondition, PodStatus } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { formatTime } from '#api/meta/time.ts';
import { type ContainerPlace, containersOf, isEnding, ownEnd, type PodView, runningSandbox } from '../pods/pod-view.ts';
import { qosClassOf } from '../spec/qos.ts';
import { containerStatus, isInitDone } from './container-status.ts';

export interface StatusContext {
  readonly nodeIps: readonly string[];
  readonly now: number;
}

/** The pod's status as this node sees it, with what others wrote kept. Pure; equal to the old one when nothing changed. */
export function podStatus(view: PodView, context: StatusContext): PodStatus {
  const { pod } = view;
  const old = pod.status ?? {};
  const places = containersOf(pod);
  const isInitialized = hasInitialized(view, places);
  const statuses = (roles: readonly string[], previous: readonly ContainerStatus[] = []) =>
    places
      .filter(({ role }) => roles.includes(role))
      .map((place) => {
        const before = previous.find(({ name }) => name === place.container.name);
        return containerStatus(view, place, { previous: before, isInitialized });
      });
  const initContainerStatuses = statuses(['init', 'sidecar'], old.initContainerStatuses);
  const containerStatuses = statuses(['app'], old.containerStatuses).sort(byName);
  const ephemeralContainerStatuses = statuses(['ephemeral'], old.ephemeralContainerStatuses);
  const phase = phaseOf(view, { initContainerStatuses, containerStatuses });
  const { generation } = pod.metadata;
  const draft: PodStatus = {
    ...old,
    phase,
    ...outcomeText(view, old),
    startTime: old.startTime ?? formatTime(new Date(context.now)),
    qosClass: old.qosClass ?? qosClassOf(pod),
    ...addresses(view, context),
    ...(initContainerStatuses.length > 0 ? { initContainerStatuses } : {}),
    containerStatuses,
    ...(ephemeralContainerStatuses.length > 0 ? { ephemeralContainerStatuses } : {}),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
  const conditions = conditionsOf(view, draft, { isInitialized, places });
  return { ...draft, conditions: mergeConditions(old.conditions ?? [], conditions, { generation, now: context.now }) };
}

const byName = (a: ContainerStatus, b: ContainerStatus) => (a.name < b.name ? -1 : Number(a.name > b.name));

function hasInitialized(view: PodView, places: readonly ContainerPlace[]): boolean {
  const hasStarted = places.some(({ container, role }) => {
    return (
      role === 'app' && view.containers.some(({ name, status }) => name === container.name && status !== 'created')
    );
  });
  return (
    hasStarted || places.every((place) => place.role === 'app' || place.role === 'ephemeral' || isInitDone(view, place))
  );
}

function outcomeText({ outcome }: PodView, old: PodStatus): Pick<PodStatus, 'reason' | 'message'> {
  if (outcome !== undefined) return { reason: outcome.reason, message: outcome.message };
  const { reason, message } = old;
  return { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) };
}

function addresses(view: PodView, { nodeIps }: StatusContext): Partial<PodStatus> {
  const [hostIp] = nodeIps;
  const host = hostIp === undefined ? {} : { hostIP: hostIp, hostIPs: nodeIps.map((ip) => ({ ip })) };
  const ips = view.pod.spec.hostNetwork ? nodeIps : view.ip === undefined ? [] : [view.ip];
  const [podIp] = ips;
  return podIp === undefined ? host : { ...host, podIP: podIp, podIPs: ips.map((ip) => ({ ip })) };
}

interface Reports {
  readonly initContainerStatuses: readonly ContainerStatus[];
  readonly containerStatuses: readonly ContainerStatus[];
}

/** The pod's phase: the summary of its containers' states. */
export function phaseOf(view: PodView, { initContainerStatuses, containerStatuses }: Reports): string {
  const old = view.pod.status?.phase;
  // Nothing leads out of an end.
  if (old === 'Succeeded' || old === 'Failed') return old;
  const all = [...initContainerStatuses, ...containerStatuses];
  const isAnyRunning = all.some(({ state }) => state?.running !== undefined);
  if (isEnding(view) && !isAnyRunning) return endPhase(view, containerStatuses);
  const hasRun = containerStatuses.some(
    ({ state, lastState }) => state?.running ?? state?.terminated ?? lastState?.terminated,
  );
  if (!hasRun) return 'Pending';
  const isNew = containerStatuses.some(({ state, lastState }) => state?.waiting && !lastState?.terminated);
  return isNew ? 'Pending' : 'Running';
}

function endPhase(view: PodView, statuses: readonly ContainerStatus[]): string {
  if (view.outcome !== undefined) return view.outcome.phase;
  const own = ownEnd(view);
  if (own !== undefined) return own;
  const haveSucceeded = statuses.every(({ state }) => state?.terminated?.exitCode === 0);
  return haveSucceeded ? 'Succeeded' : 'Failed';
}

interface Progress {
  readonly isInitialized: boolean;
  readonly places: readonly ContainerPlace[];
}

type Verdict = Pick<PodCondition, 'status' | 'reason' | 'message'>;

const TRUE: Verdict = { status: 'True' };

function conditionsOf(view: PodView, status: PodStatus, progress: Progress): PodCondition[] {
  const containersReady = containersReadyVerdict(status, progress);
  const sandbox = runningSandbox(view);
  const hasNetwork = sandbox !== undefined && (status.podIP ?? '') !== '';
  return [
    { type: 'PodReadyToStartContainers', ...(hasNetwork ? TRUE : { status: 'False' }) },
    { type: 'Initialized', ...initializedVerdict(view, status, progress) },
    { type: 'Ready', ...readyVerdict(view.pod, containersReady) },
    { type: 'ContainersReady', ...containersReady },
    { type: 'PodScheduled', ...TRUE },
  ];
}

function initializedVerdict(view: PodView, { phase }: PodStatus, { isInitialized, places }: Progress): Verdict {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  if (isInitialized) return TRUE;
  const incomplete = places.filter(
    (place) => (place.role === 'init' || place.role === 'sidecar') && !isInitDone(view, place),
  );
  const names = incomplete.map(({ container }) => container.name).join(' ');
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${names}]`,
  };
}

function containersReadyVerdict(status: PodStatus, { places }: Progress): Verdict {
  const { phase, containerStatuses = [], initContainerStatuses = [] } = status;
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const counted = places
    .filter(({ role }) => role === 'app' || role === 'sidecar')
    .map(({ container }) => container.name);
  const reports = [...initContainerStatuses, ...containerStatuses];
  const unready = counted.filter((name) => !reports.some((report) => report.name === name && report.ready));
  if (unready.length === 0) return TRUE;
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  };
}

function readyVerdict({ spec, status }: Pod, containersReady: Verdict): Verdict {
  if (containersReady.status !== 'True') return containersReady;
  const problems = (spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = status?.conditions?.find(({ type }) => type === conditionType);
    if (condition === undefined)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (condition.status === 'True') return [];
    return [`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`];
  });
  if (problems.length === 0) return TRUE;
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: problems.join(', ') };
}

/** Ours replace ours of before, in our order; conditions of others stay as they are. */
function mergeConditions(
  old: readonly PodCondition[],
  ours: readonly PodCondition[],
  { generation, now }: { generation: number | undefined; now: number },
): PodCondition[] {
  const merged = ours.map((condition) => {
    const before = old.find(({ type }) => type === condition.type);
    const hasTurned = before?.status !== condition.status;
    const lastTransitionTime = hasTurned ? formatTime(new Date(now)) : before?.lastTransitionTime;
    return {
      ...withoutUndefined(condition),
      ...(before !== undefined && 'lastProbeTime' in before ? { lastProbeTime: before.lastProbeTime } : {}),
      lastTransitionTime,
      ...(generation === undefined ? {} : { observedGeneration: generation }),
    };
  });
  const others = old.filter(({ type }) => !ours.some((condition) => condition.type === type));
  return [...merged, ...others];
}

function withoutUndefined(condition: PodCondition): PodCondition {
  const { type, status, reason, message } = condition;
  return { type, status, ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) };
}

/** Whether a status has to be sent. */
export function hasChanged(old: PodStatus | undefined, next: PodStatus): boolean {
  return !deepEqual(old ?? {}, next);
}
