import type { Container, ContainerState, ContainerStateTerminated, ContainerStatus } from '#api/core/v1.ts';
import { formatTime, parseTime } from '#api/meta/time.ts';
import {
  type ContainerPlace,
  type ContainerView,
  isEnding,
  latestOf,
  mayRestart,
  type PodView,
} from '../pods/pod-view.ts';

/** What the API shows of one container. `previous` is what it showed before: the only memory of ends long gone. */
export function containerStatus(
  view: PodView,
  place: ContainerPlace,
  options: { previous: ContainerStatus | undefined; isInitialized: boolean },
): ContainerStatus {
  const { container } = place;
  const { previous } = options;
  const all = view.containers.filter(({ name }) => name === container.name);
  const [latest] = all;
  const { state, lastState } = stateOf(view, place, all, options);
  const isRunning = latest?.status === 'running';
  const health = latest === undefined ? undefined : view.health.get(latest.id);
  const isStarted = isRunning && health?.isStarted === true;
  const hasSucceeded = place.role === 'init' && latest?.status === 'exited' && latest.exitCode === 0;
  const shown = latest?.status === 'created' ? undefined : latest;
  const stopSignal = container.lifecycle?.stopSignal;
  return {
    name: container.name,
    state,
    lastState,
    ready: place.role === 'init' ? hasSucceeded : isRunning && health?.isReady === true,
    restartCount: latest?.attempt ?? previous?.restartCount ?? 0,
    image: imageName(container, shown),
    imageID: imageIdText(shown?.imageId),
    ...(shown === undefined ? {} : { containerID: `docker://${shown.id}` }),
    started: isStarted,
    ...(place.role === 'ephemeral' ? {} : resourceFields(container)),
    ...(stopSignal === undefined ? {} : { stopSignal }),
  };
}

function imageName({ image = '' }: Container, latest: ContainerView | undefined): string {
  // An engine that was asked for an id answers with one; the name that was asked for says more.
  return latest === undefined || latest.image === '' || /^sha256:/.test(latest.image) ? image : latest.image;
}

/** The engine's ids carry its name, as the container ids do; what the API remembers has it already. */
function imageIdText(imageId = ''): string {
  return imageId.startsWith('sha256:') ? `docker://${imageId}` : imageId;
}

function resourceFields({ resources }: Container): Pick<ContainerStatus, 'resources' | 'allocatedResources'> {
  if (resources === undefined || Object.keys(resources).length === 0) return { resources: {} };
  const { requests, limits } = resources;
  return {
    ...(requests === undefined ? {} : { allocatedResources: { ...requests } }),
    resources: { ...(limits && { limits: { ...limits } }), ...(requests && { requests: { ...requests } }) },
  };
}

interface States {
  readonly state: ContainerState;
  readonly lastState: ContainerState;
}

function stateOf(
  view: PodView,
  place: ContainerPlace,
  [latest, ...older]: readonly ContainerView[],
  { previous, isInitialized }: { previous: ContainerStatus | undefined; isInitialized: boolean },
): States {
  const name = place.container.name;
  const waiting = view.waiting.get(name) ?? defaultWaiting(view, place, isInitialized);
  if (latest === undefined || latest.status === 'created') {
    return {
      state: { waiting: withoutEmpty(waiting) },
      lastState: older[0] ? { terminated: terminated(older[0]) } : {},
    };
  }
  const lastEnd = older[0] === undefined ? rememberedEnd(previous, latest) : { terminated: terminated(older[0]) };
  if (latest.status === 'running') {
    return { state: { running: { startedAt: wholeSeconds(latest.startedAt) } }, lastState: lastEnd };
  }
  const comesBack = mayRestart(view.pod, place, latest.exitCode ?? 0) && !isEnding(view);
  if (comesBack && view.waiting.has(name)) {
    return { state: { waiting: withoutEmpty(waiting) }, lastState: { terminated: terminated(latest) } };
  }
  return { state: { terminated: terminated(latest) }, lastState: lastEnd };
}

const withoutEmpty = ({ reason, message }: { reason: string; message?: string | undefined }) => ({
  reason,
  ...(message === undefined ? {} : { message }),
});

function defaultWaiting(view: PodView, { role }: ContainerPlace, isInitialized: boolean): { reason: string } {
  const hasInit = (view.pod.spec.initContainers ?? []).length > 0;
  if (!hasInit || role === 'ephemeral') return { reason: 'ContainerCreating' };
  return { reason: isInitialized && role === 'app' ? 'ContainerCreating' : 'PodInitializing' };
}

/** The end of the attempt before, as far as the API still shows it. */
function rememberedEnd(previous: ContainerStatus | undefined, latest: ContainerView): ContainerState {
  if (previous === undefined || latest.attempt === 0) return {};
  const before = previous.state?.terminated ?? previous.lastState?.terminated;
  if (before === undefined || before.containerID === `docker://${latest.id}`) return previous.lastState ?? {};
  return { terminated: before };
}

function terminated(container: ContainerView): ContainerStateTerminated {
  const { exitCode = 0, reason, message, startedAt, finishedAt, id } = container;
  return {
    exitCode,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined || message === '' ? {} : { message }),
    startedAt: wholeSeconds(startedAt ?? finishedAt),
    finishedAt: wholeSeconds(finishedAt),
    containerID: `docker://${id}`,
  };
}

function wholeSeconds(text: string | undefined): string {
  const ms = text === undefined ? undefined : parseTime(text);
  return formatTime(new Date(ms ?? 0));
}

/** Whether an init container lets the next one start. */
export function isInitDone(view: PodView, { container, role }: ContainerPlace): boolean {
  const latest = latestOf(view, container.name);
  if (latest === undefined) return false;
  if (role === 'sidecar') return latest.status === 'running' && view.health.get(latest.id)?.isStarted === true;
  return latest.status === 'exited' && latest.exitCode === 0;
}
