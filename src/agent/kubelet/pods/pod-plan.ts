import { parseTime } from '#api/meta/time.ts';
import { containerHash, podIdentity } from '../pod-names.ts';
import { crashDelayMs } from './crash-backoff.ts';
import type { PodAction } from './pod-actions.ts';
import {
  type ContainerPlace,
  type ContainerView,
  containersOf,
  isDone,
  isEnding,
  latestOf,
  type PodView,
  runningSandbox,
  type Waiting,
} from './pod-view.ts';

export interface PodPlan {
  /** In order. What follows from their outcome is left to the next plan. */
  readonly actions: readonly PodAction[];
  /** Containers that are to run and do not, and why. */
  readonly waiting: ReadonlyMap<string, Waiting>;
  /** When time alone changes the plan. */
  readonly wakeAtMs: number | undefined;
}

/**
 * What to do next for a pod. Pure: the same view and time give the same plan, and a plan without actions means the pod is as
 * it should be.
 *
 *   sandbox -> init containers and sidecars in order -> containers          while it runs
 *   kill containers -> kill sidecars, last first -> sandbox -> network -> volumes -> report -> forget    when it ends
 */
export function planPod(view: PodView, now: number): PodPlan {
  if (isEnding(view)) return planEnd(view);
  const deadline = deadlineOf(view);
  if (deadline !== undefined && now >= deadline) {
    const message = 'Pod was active on the node longer than the specified deadline';
    return { ...NOTHING, actions: [{ type: 'failPod', reason: 'DeadlineExceeded', message }] };
  }
  const plan = planLife(view, now);
  return { ...plan, wakeAtMs: earliest(plan.wakeAtMs, deadline) };
}

const NOTHING: PodPlan = { actions: [], waiting: new Map(), wakeAtMs: undefined };

function earliest(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined) return b;
  return b === undefined ? a : Math.min(a, b);
}

function deadlineOf({ pod }: PodView): number | undefined {
  const { activeDeadlineSeconds } = pod.spec;
  const startedMs = parseTime(pod.status?.startTime ?? '');
  if (activeDeadlineSeconds === undefined || startedMs === undefined) return undefined;
  return startedMs + activeDeadlineSeconds * 1000;
}

function planEnd(view: PodView): PodPlan {
  const actions = endContainers(view) ?? cleanUp(view);
  return { ...NOTHING, actions };
}

/** Undefined once nothing runs. */
function endContainers(view: PodView): PodAction[] | undefined {
  const running = view.containers.filter(({ status }) => status === 'running');
  if (running.length === 0) return undefined;
  const order = containersOf(view.pod);
  const sidecars = order.filter(({ role }) => role === 'sidecar').map(({ container }) => container.name);
  const others = running.filter(({ name }) => !sidecars.includes(name));
  if (others.length > 0) return others.map((container) => kill(view, container));
  const [last] = running.toSorted((a, b) => sidecars.indexOf(b.name) - sidecars.indexOf(a.name));
  return last === undefined ? undefined : [kill(view, last)];
}

function kill(view: PodView, container: ContainerView): PodAction {
  const message = `Stopping container ${container.name}`;
  const { id, name } = container;
  return { type: 'killContainer', containerId: id, container: name, graceSeconds: view.graceSeconds, message };
}

function cleanUp(view: PodView): PodAction[] {
  const isLeaving = view.isDeleted || view.pod.metadata.deletionTimestamp !== undefined;
  const actions: PodAction[] = view.sandboxes.map(({ id }) => ({ type: 'removeSandbox', sandboxId: id }));
  if (view.hasNetwork) actions.push({ type: 'releaseNetwork' });
  if (view.hasVolumes) actions.push({ type: 'releaseVolumes' });
  if (!isLeaving) return actions;
  if (!view.isDeleted) return view.isFinished ? actions : [...actions, { type: 'finishPod' }];
  const left = view.containers.filter(({ isGone }) => !isGone);
  return [...actions, ...left.map(({ id }) => removal(id)), { type: 'forgetPod' }];
}

const removal = (containerId: string): PodAction => ({ type: 'removeContainer', containerId });

/** Collects a plan. */
class Draft {
  readonly actions: PodAction[] = [];
  readonly waiting = new Map<string, Waiting>();
  wakeAtMs: number | undefined;

  wakeAt(ms: number): void {
    this.wakeAtMs = earliest(this.wakeAtMs, ms);
  }

  plan(): PodPlan {
    return { actions: this.actions, waiting: this.waiting, wakeAtMs: this.wakeAtMs };
  }
}

function planLife(view: PodView, now: number): PodPlan {
  const draft = new Draft();
  const sandbox = runningSandbox(view);
  if (sandbox === undefined) {
    planSandbox(view, draft);
    return draft.plan();
  }
  const context: Context = { view, now, draft, sandboxId: sandbox.id };
  const places = containersOf(view.pod);
  const isInitialized = planInit(context, places);
  for (const place of places) {
    if (place.role === 'ephemeral' || (place.role === 'app' && isInitialized)) planContainer(context, place);
  }
  const surplus = view.sandboxes.filter(({ id }) => id !== sandbox.id);
  for (const { id } of surplus) draft.actions.push({ type: 'removeSandbox', sandboxId: id });
  draft.actions.push(...planGarbage(view));
  return draft.plan();
}

/** Containers live in their sandbox's namespaces: when it died they must go before there is a new one. */
function planSandbox(view: PodView, draft: Draft): void {
  const running = view.containers.filter(({ status }) => status === 'running');
  if (running.length > 0) {
    const message = 'Pod sandbox changed, it will be killed and re-created.';
    for (const { id, name } of running) {
      draft.actions.push({
        type: 'killContainer',
        containerId: id,
        container: name,
        graceSeconds: view.graceSeconds,
        message,
      });
    }
    return;
  }
  for (const { id } of view.sandboxes) draft.actions.push({ type: 'removeSandbox', sandboxId: id });
  const attempt = Math.max(-1, ...view.sandboxes.map((sandbox) => sandbox.attempt)) + 1;
  draft.actions.push({ type: 'createSandbox', attempt });
}

interface Context {
  readonly view: PodView;
  readonly now: number;
  readonly draft: Draft;
  readonly sandboxId: string;
}

/** Plans up to the first init container that is not done; true when none is left. */
function planInit(context: Context, places: readonly ContainerPlace[]): boolean {
  const { view, sandboxId } = context;
  const hasStarted = places.some(({ container, role }) => {
    const latest = role === 'app' ? latestOf(view, container.name) : undefined;
    return latest !== undefined && !latest.isGone && latest.sandboxId === sandboxId;
  });
  for (const place of places) {
    if (place.role === 'init' && !hasStarted) {
      if (!planInitContainer(context, place)) return false;
    } else if (place.role === 'sidecar') {
      const isRunning = planContainer(context, place);
      if (!hasStarted && !(isRunning && isStarted(view, place))) return false;
    }
  }
  return true;
}

/** Runs to completion once per sandbox; true when it has. */
function planInitContainer(context: Context, place: ContainerPlace): boolean {
  const { view, sandboxId, draft } = context;
  const latest = latestOf(view, place.container.name);
  const hasSucceeded = latest?.status === 'exited' && latest.exitCode === 0;
  if (hasSucceeded && latest.sandboxId === sandboxId) return true;
  if (hasSucceeded) {
    // What it prepared in an earlier sandbox may be gone with it.
    draft.actions.push(start(place, latest.attempt + 1));
    return false;
  }
  planContainer(context, place);
  return false;
}

function isStarted(view: PodView, { container }: ContainerPlace): boolean {
  const latest = latestOf(view, container.name);
  return latest !== undefined && view.health.get(latest.id)?.isStarted === true;
}

const start = ({ container, role }: ContainerPlace, attempt: number): PodAction => ({
  type: 'startContainer',
  container: container.name,
  role,
  attempt,
});

/** Brings one container to run, or says why it waits; true when it runs. */
function planContainer(context: Context, place: ContainerPlace): boolean {
  const { view, draft } = context;
  const { name } = place.container;
  const latest = latestOf(view, name);
  if (latest?.status === 'running') {
    const reason = killReason(view, place, latest);
    if (reason === undefined) return true;
    draft.actions.push({ type: 'killContainer', containerId: latest.id, container: name, ...reason });
    return false;
  }
  if (isDone(view, place)) return false;
  if (waitsForRetry(context, name)) return false;
  if (latest?.status === 'created') {
    // The agent died between creating and starting it.
    draft.actions.push(removal(latest.id), start(place, latest.attempt));
    return false;
  }
  if (latest !== undefined && waitsAfterCrash(context, latest)) return false;
  draft.actions.push(start(place, latest === undefined ? 0 : latest.attempt + 1));
  return false;
}

function killReason(
  view: PodView,
  { container, role }: ContainerPlace,
  latest: ContainerView,
): { graceSeconds: number; message: string } | undefined {
  const { verdict } = view.health.get(latest.id) ?? {};
  const graceSeconds = verdict?.graceSeconds ?? view.graceSeconds;
  if (verdict !== undefined) return { graceSeconds, message: verdict.message };
  if (role !== 'ephemeral' && latest.hash !== '' && latest.hash !== containerHash(container)) {
    return { graceSeconds, message: `Container ${container.name} definition changed, will be restarted` };
  }
  return undefined;
}

/** After a start that failed before there was a container. */
function waitsForRetry({ view, now, draft }: Context, name: string): boolean {
  const failure = view.failures.get(name);
  if (failure === undefined || now >= failure.retryAtMs) return false;
  const { later } = failure;
  if (later === undefined || now >= later.atMs) {
    draft.waiting.set(name, { reason: later?.reason ?? failure.reason, message: later?.message ?? failure.message });
  } else {
    draft.waiting.set(name, { reason: failure.reason, message: failure.message });
    draft.wakeAt(later.atMs);
  }
  draft.wakeAt(failure.retryAtMs);
  return true;
}

/** After an end. */
function waitsAfterCrash({ view, now, draft }: Context, latest: ContainerView): boolean {
  const endedMs = parseTime(latest.finishedAt ?? '') ?? 0;
  const delayMs = crashDelayMs(view.restarts.get(latest.name), endedMs);
  if (now >= endedMs + delayMs) return false;
  const { name, namespace, uid } = podIdentity(view.pod);
  const message = `back-off ${backOffText(delayMs)} restarting failed container=${latest.name} pod=${name}_${namespace}(${uid})`;
  draft.waiting.set(latest.name, { reason: 'CrashLoopBackOff', message });
  draft.wakeAt(endedMs + delayMs);
  return true;
}

function backOffText(ms: number): string {
  const seconds = Math.round(ms / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}

/** Of the ended containers only the newest of each name is kept, for its logs and its last state. */
function planGarbage(view: PodView): PodAction[] {
  const seen = new Set<string>();
  return view.containers
    .filter(({ status, isGone }) => status === 'exited' && !isGone)
    .filter(({ name }) => {
      const isOlder = seen.has(name);
      seen.add(name);
      return isOlder;
    })
    .map(({ id }) => removal(id));
}
