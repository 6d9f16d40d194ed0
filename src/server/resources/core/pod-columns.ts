import type { ContainerStatus, Pod } from '#api/core/v1.ts';
import { humanDuration } from '#api/meta/time.ts';
import { ageColumn, type Column, nameColumn, type RowCondition } from '#server/apiserver/resource.ts';
import { NONE } from '../columns.ts';

/** What `kubectl get pods` says of one pod. */
export interface PodSummary {
  readonly ready: string;
  readonly status: string;
  readonly restarts: string;
}

/** State words and counts, worked out from the pod's status the way users know them. */
export function summarizePod(pod: Pod, now: Date): PodSummary {
  const init = summarizeInit(pod);
  const { containers } = pod.spec;
  const restartable = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  const total = containers.length + restartable.length;
  const isInitialized =
    pod.status?.conditions?.some(({ type, status }) => type === 'Initialized' && status === 'True') === true;
  const running =
    init.reason === undefined || isInitialized ? summarizeContainers(pod, init) : { ...init, status: init.reason };
  return {
    ready: `${running.ready}/${total}`,
    status: endWord(pod, running.status ?? baseReason(pod)),
    restarts: restartsText(running.restarts, running.lastRestart, now),
  };
}

interface Tally {
  readonly ready: number;
  readonly restarts: number;
  /** When a container last ended before it was restarted; milliseconds, 0 for never. */
  readonly lastRestart: number;
}

function baseReason({ status }: Pod): string {
  const isGated =
    status?.conditions?.some(({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated') === true;
  if (isGated) return 'SchedulingGated';
  return status?.reason || status?.phase || '';
}

function lastEnd({ lastState }: ContainerStatus): number {
  const finished = lastState?.terminated?.finishedAt;
  return finished === undefined || finished === null ? 0 : Date.parse(finished);
}

/** Init containers up to the first that is not done; `reason` says what it is at. */
function summarizeInit({ spec, status }: Pod): Tally & { reason: string | undefined } {
  const restartable = new Set(
    (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  );
  const total = spec.initContainers?.length ?? 0;
  let [ready, restarts, lastRestart] = [0, 0, 0];
  let [sidecarRestarts, sidecarRestart] = [0, 0];
  let reason: string | undefined;
  for (const [index, container] of (status?.initContainerStatuses ?? []).entries()) {
    restarts += container.restartCount ?? 0;
    lastRestart = Math.max(lastRestart, lastEnd(container));
    if (restartable.has(container.name)) {
      sidecarRestarts += container.restartCount ?? 0;
      sidecarRestart = Math.max(sidecarRestart, lastEnd(container));
    }
    if (container.state?.terminated?.exitCode === 0) continue;
    if (restartable.has(container.name) && container.started === true) {
      if (container.ready) ready++;
      continue;
    }
    reason = initReason(container, { index, total });
    break;
  }
  // Once the app containers count, only restartable init containers count with them.
  return reason === undefined
    ? { ready, restarts: sidecarRestarts, lastRestart: sidecarRestart, reason }
    : { ready, restarts, lastRestart, reason };
}

function initReason({ state }: ContainerStatus, { index, total }: { index: number; total: number }): string {
  const { terminated, waiting } = state ?? {};
  if (terminated !== undefined) {
    if (terminated.reason) return `Init:${terminated.reason}`;
    return terminated.signal ? `Init:Signal:${terminated.signal}` : `Init:ExitCode:${terminated.exitCode}`;
  }
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
  return `Init:${index}/${total}`;
}

/** App containers, last to first, so that the first one's word stands at the end. */
function summarizeContainers(pod: Pod, init: Tally): Tally & { status: string } {
  let { ready, restarts, lastRestart } = init;
  let status = baseReason(pod);
  let hasRunning = false;
  let failure: string | undefined;
  for (const container of (pod.status?.containerStatuses ?? []).toReversed()) {
    restarts += container.restartCount ?? 0;
    lastRestart = Math.max(lastRestart, lastEnd(container));
    const { waiting, terminated, running } = container.state ?? {};
    if (waiting?.reason) status = waiting.reason;
    else if (terminated !== undefined) {
      status =
        terminated.reason || (terminated.signal ? `Signal:${terminated.signal}` : `ExitCode:${terminated.exitCode}`);
      if (terminated.exitCode !== 0) failure = status;
    } else if (container.ready && running !== undefined) {
      hasRunning = true;
      ready++;
    }
  }
  if (status === 'Completed') status = settled(pod, { hasRunning, failure });
  return { ready, restarts, lastRestart, status };
}

/** A pod with an ended container is not at its end while others run, or when one of them failed. */
function settled(
  { status }: Pod,
  { hasRunning, failure }: { hasRunning: boolean; failure: string | undefined },
): string {
  if (!hasRunning) return failure ?? 'Completed';
  const isReady = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
  return isReady ? 'Running' : (failure ?? 'NotReady');
}

function endWord({ metadata, status }: Pod, word: string): string {
  if (metadata.deletionTimestamp === undefined || metadata.deletionTimestamp === null) return word;
  if (status?.reason === 'NodeLost') return 'Unknown';
  return status?.phase === 'Succeeded' || status?.phase === 'Failed' ? word : 'Terminating';
}

function restartsText(restarts: number, lastRestart: number, now: Date): string {
  if (restarts === 0 || lastRestart === 0) return String(restarts);
  return `${restarts} (${humanDuration(now.getTime() - lastRestart)} ago)`;
}

export const podColumns: readonly Column<Pod>[] = [
  nameColumn,
  { name: 'Ready', value: (pod, now) => summarizePod(pod, now).ready },
  { name: 'Status', value: (pod, now) => summarizePod(pod, now).status },
  { name: 'Restarts', value: (pod, now) => summarizePod(pod, now).restarts },
  ageColumn,
  { name: 'IP', priority: 1, value: ({ status }) => status?.podIPs?.[0]?.ip || NONE },
  { name: 'Node', priority: 1, value: ({ spec }) => spec.nodeName || NONE },
  { name: 'Nominated Node', priority: 1, value: ({ status }) => status?.nominatedNodeName || NONE },
  { name: 'Readiness Gates', priority: 1, value: readinessGates },
];

function readinessGates({ spec, status }: Pod): string {
  const gates = spec.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  const met = gates.filter(({ conditionType }) =>
    status?.conditions?.some(({ type, status: value }) => type === conditionType && value === 'True'),
  );
  return `${met.length}/${gates.length}`;
}

/** Marks the rows of pods that have come to their end. */
export function podRowConditions({ status }: Pod): RowCondition[] {
  const completed = (reason: string, message: string) => [{ type: 'Completed', status: 'True', reason, message }];
  if (status?.phase === 'Succeeded') return completed('Succeeded', 'The pod has completed successfully.');
  return status?.phase === 'Failed' ? completed('Failed', 'The pod failed.') : [];
}
