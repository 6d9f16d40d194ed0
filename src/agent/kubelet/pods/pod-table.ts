import type { ContainerState, ContainerStatus, Pod } from '#api/core/v1.ts';
import { keyString } from '#api/meta/resource-ref.ts';
import type {
  ContainerHealth,
  ContainerView,
  Outcome,
  PodView,
  RestartHistory,
  SandboxView,
  StartFailure,
  Waiting,
} from './pod-view.ts';
import { containersOf, latestOf } from './pod-view.ts';

/** What the agent remembers of a pod beyond the API's object and the engine's containers; all of it may be lost. */
export interface PodRecord {
  readonly uid: string;
  pod: Pod;
  isDeleted: boolean;
  readonly health: Map<string, ContainerHealth>;
  readonly failures: Map<string, StartFailure>;
  readonly restarts: Map<string, RestartHistory>;
  waiting: ReadonlyMap<string, Waiting>;
  outcome: Outcome | undefined;
  /** When its containers were first told to end. */
  endingSinceMs: number | undefined;
  ip: string | undefined;
  hasNetwork: boolean;
  hasVolumes: boolean;
  /** The API was told that the pod has ended; finalizers may still keep its object. */
  isFinished: boolean;
}

/** The pods of this node, whatever their source: the API, and later a folder. */
export class PodTable {
  readonly #records = new Map<string, PodRecord>();

  get(uid: string): PodRecord | undefined {
    return this.#records.get(uid);
  }

  list(): PodRecord[] {
    return [...this.#records.values()];
  }

  /** The newest pod of that name: one being replaced by another may still be ending. */
  find(namespace: string, name: string): PodRecord | undefined {
    const key = keyString({ namespace, name });
    const found = this.list().filter(({ pod }) => keyString(pod.metadata) === key);
    return found.find(({ isDeleted }) => !isDeleted) ?? found[0];
  }

  /** Adds or replaces the pod's object. */
  set(uid: string, pod: Pod): PodRecord {
    const known = this.#records.get(uid);
    if (known !== undefined) {
      known.pod = pod;
      return known;
    }
    const record: PodRecord = {
      uid,
      pod,
      isDeleted: false,
      health: new Map(),
      failures: new Map(),
      restarts: new Map(),
      waiting: new Map(),
      outcome: undefined,
      endingSinceMs: undefined,
      ip: undefined,
      // Unknown until released once: an earlier run of the agent may have made them.
      hasNetwork: true,
      hasVolumes: true,
      isFinished: false,
    };
    this.#records.set(uid, record);
    return record;
  }

  delete(uid: string): void {
    this.#records.delete(uid);
  }
}

/** The view a plan is made from: the record, the engine's containers, and what the API remembers of lost ones. */
export function viewPod(
  record: PodRecord,
  engine: { readonly sandboxes: readonly SandboxView[]; readonly containers: readonly ContainerView[] },
  now: number,
): PodView {
  const { pod, isDeleted, health, failures, restarts, waiting, outcome, ip, hasNetwork, hasVolumes, isFinished } =
    record;
  return {
    pod,
    isDeleted,
    sandboxes: engine.sandboxes,
    containers: [...engine.containers, ...lostContainers(pod, engine.containers)],
    health,
    failures,
    restarts,
    waiting,
    outcome,
    graceSeconds: graceSeconds(record, now),
    ip,
    hasNetwork,
    hasVolumes,
    isFinished,
  };
}

/** At least a second: zero means that the API did not wait, not that the process gets no signal. */
function graceSeconds({ pod, endingSinceMs }: PodRecord, now: number): number {
  const { deletionGracePeriodSeconds } = pod.metadata;
  const whole = deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  const spent = endingSinceMs === undefined ? 0 : Math.floor((now - endingSinceMs) / 1000);
  return Math.max(1, whole - spent);
}

/** Containers the API's status tells of and the engine does not know: they were removed while the agent was away. */
function lostContainers(pod: Pod, known: readonly ContainerView[]): ContainerView[] {
  const { status = {} } = pod;
  const reported = [
    ...(status.initContainerStatuses ?? []),
    ...(status.containerStatuses ?? []),
    ...(status.ephemeralContainerStatuses ?? []),
  ];
  const names = new Set(containersOf(pod).map(({ container }) => container.name));
  return reported.flatMap((report) => {
    if (!names.has(report.name) || latestOf({ containers: known }, report.name) !== undefined) return [];
    return lostContainer(report);
  });
}

function lostContainer({ name, state = {}, lastState = {}, ...report }: ContainerStatus): ContainerView[] {
  const id = (report.containerID ?? '').replace(/^.*:\/\//, '');
  if (id === '') return [];
  const end = endOf(state) ?? endOf(lastState) ?? { exitCode: 137, reason: 'ContainerStatusUnknown' };
  const lost: ContainerView = {
    id,
    name,
    attempt: report.restartCount,
    hash: '',
    sandboxId: '',
    status: 'exited',
    image: report.image,
    imageId: report.imageID,
    pid: 0,
    startedAt: end.startedAt ?? state.running?.startedAt,
    finishedAt: end.finishedAt,
    exitCode: end.exitCode,
    reason: end.reason,
    message: end.message,
    logPath: '',
    isGone: true,
  };
  return [lost];
}

const endOf = ({ terminated }: ContainerState) => terminated;
