import type { ContainerStatus as EngineStatus } from '#agent/runtime/container-runtime.ts';
import type { Container, ContainerRestartRule, Pod } from '#api/core/v1.ts';

/** A pod and everything about it on this node that a plan or a status depends on, at one moment. */
export interface PodView {
  readonly pod: Pod;
  /** The API knows it no more. */
  readonly isDeleted: boolean;
  /** Newest first. */
  readonly sandboxes: readonly SandboxView[];
  /** Newest attempt of each container first. */
  readonly containers: readonly ContainerView[];
  /** What probes and hooks found out, by container id. */
  readonly health: ReadonlyMap<string, ContainerHealth>;
  /** Starts that failed before there was a container, by container name. */
  readonly failures: ReadonlyMap<string, StartFailure>;
  /** Restarts in a row, by container name. */
  readonly restarts: ReadonlyMap<string, RestartHistory>;
  /** Why containers are not running, by name, as the last plan saw it. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** The pod's end as the node decided it. */
  readonly outcome: Outcome | undefined;
  /** Seconds left for containers to end by themselves, once they have been told to. */
  readonly graceSeconds: number;
  readonly ip: string | undefined;
  readonly hasNetwork: boolean;
  readonly hasVolumes: boolean;
  /** The API was told that the pod has ended; finalizers may still keep its object. */
  readonly isFinished: boolean;
}

export interface SandboxView {
  readonly id: string;
  readonly attempt: number;
  readonly isRunning: boolean;
  readonly pid: number;
}

export interface ContainerView {
  readonly id: string;
  readonly name: string;
  readonly attempt: number;
  readonly hash: string;
  readonly sandboxId: string;
  readonly status: EngineStatus;
  readonly image: string;
  readonly imageId: string;
  readonly pid: number;
  readonly startedAt?: string | undefined;
  readonly finishedAt?: string | undefined;
  readonly exitCode?: number | undefined;
  readonly reason?: string | undefined;
  /** What the container left as its termination message, or the engine's words why it could not start. */
  readonly message?: string | undefined;
  readonly logPath: string;
  readonly cgroupPath?: string | undefined;
  /** Somebody removed it from the engine; only its memory is left. */
  readonly isGone: boolean;
}

export interface ContainerHealth {
  /** Its start hook and startup probe are done. */
  readonly isStarted: boolean;
  readonly isReady: boolean;
  /** Set when it must be killed; the message is the event's. */
  readonly verdict?: { readonly message: string; readonly graceSeconds?: number | undefined } | undefined;
}

export interface StartFailure {
  readonly reason: string;
  readonly message: string;
  /** Shown instead once the first moment is over (`ErrImagePull` becomes `ImagePullBackOff`). */
  readonly later?: Waiting & { readonly atMs: number };
  readonly retryAtMs: number;
  readonly count: number;
}

export interface RestartHistory {
  readonly count: number;
  readonly lastMs: number;
}

export interface Waiting {
  readonly reason: string;
  readonly message?: string | undefined;
}

export interface Outcome {
  readonly phase: 'Failed' | 'Succeeded';
  readonly reason: string;
  readonly message: string;
}

export type ContainerRole = 'init' | 'sidecar' | 'app' | 'ephemeral';

export interface ContainerPlace {
  readonly container: Container;
  readonly role: ContainerRole;
}

/** A restartable init container: started in order with the init containers, then kept running beside the others. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** Every container of the pod with its part in it: init containers and sidecars first, in order. */
export function containersOf({ spec }: Pod): ContainerPlace[] {
  return [
    ...(spec.initContainers ?? []).map(
      (container): ContainerPlace => ({ container, role: isSidecar(container) ? 'sidecar' : 'init' }),
    ),
    ...(spec.containers ?? []).map((container): ContainerPlace => ({ container, role: 'app' })),
    ...(spec.ephemeralContainers ?? []).map((container): ContainerPlace => ({ container, role: 'ephemeral' })),
  ];
}

export function latestOf(view: Pick<PodView, 'containers'>, name: string): ContainerView | undefined {
  return view.containers.find((container) => container.name === name);
}

export function runningSandbox(view: Pick<PodView, 'sandboxes'>): SandboxView | undefined {
  return view.sandboxes.find((sandbox) => sandbox.isRunning);
}

/** Whether a container that ended with this code is to be started again. */
export function mayRestart(pod: Pod, { container, role }: ContainerPlace, exitCode: number): boolean {
  if (role === 'ephemeral') return false;
  if (role === 'sidecar') return true;
  const rule = container.restartPolicyRules?.find((candidate) => matchesExitCode(candidate, exitCode));
  if (rule !== undefined) return rule.action !== 'Never';
  const policy = container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always';
  // An init container that succeeded is done, whatever the policy.
  if (role === 'init') return policy !== 'Never' && exitCode !== 0;
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

function matchesExitCode({ exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  if (exitCodes === undefined) return false;
  const isListed = (exitCodes.values ?? []).includes(exitCode);
  return exitCodes.operator === 'In' ? isListed : !isListed;
}

/** Whether the container has ended and stays so. */
export function isDone(view: PodView, place: ContainerPlace): boolean {
  const latest = latestOf(view, place.container.name);
  return latest?.status === 'exited' && !mayRestart(view.pod, place, latest.exitCode ?? 0);
}

/**
 * How the pod ends by itself, once nothing of it will be started again: the phase, or undefined while it goes on. Sidecars do
 * not count, they end after the others.
 */
export function ownEnd(view: PodView): 'Succeeded' | 'Failed' | undefined {
  const places = containersOf(view.pod);
  const failedInit = places.some((place) => {
    if (place.role !== 'init' || !isDone(view, place)) return false;
    return (latestOf(view, place.container.name)?.exitCode ?? 0) !== 0;
  });
  if (failedInit) return 'Failed';
  const apps = places.filter(({ role }) => role === 'app');
  if (apps.length === 0 || !apps.every((place) => isDone(view, place))) return undefined;
  const succeeded = apps.every(({ container }) => (latestOf(view, container.name)?.exitCode ?? 0) === 0);
  return succeeded ? 'Succeeded' : 'Failed';
}

/** Whether the pod is to end, or has ended, for good. */
export function isEnding(view: PodView): boolean {
  const { metadata, status } = view.pod;
  if (view.isDeleted || metadata.deletionTimestamp !== undefined || view.outcome !== undefined) return true;
  if (status?.phase === 'Succeeded' || status?.phase === 'Failed') return true;
  return ownEnd(view) !== undefined;
}
