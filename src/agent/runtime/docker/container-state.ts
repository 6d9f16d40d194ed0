import type { ContainerState, ContainerStatus, ContainerSummary } from '../container-runtime.ts';

/** The part of Docker's container list that is read. */
export interface ListedContainer {
  Id: string;
  Names: string[];
  Labels: Record<string, string> | null;
  State: string;
}

/** The part of Docker's container inspection that is read. */
export interface InspectedContainer {
  Id: string;
  Name: string;
  Created: string;
  Image: string;
  LogPath: string;
  Config: { Image: string; Labels: Record<string, string> | null };
  State: {
    Status: string;
    Running: boolean;
    OOMKilled: boolean;
    Pid: number;
    ExitCode: number;
    Error: string;
    StartedAt: string;
    FinishedAt: string;
  };
}

export function toSummary({ Id, Names, Labels, State }: ListedContainer): ContainerSummary {
  return { id: Id, name: withoutSlash(Names[0] ?? ''), labels: Labels ?? {}, status: statusOf(State) };
}

/** `cgroupPath` is known only for a running process. */
export function toState(container: InspectedContainer, cgroupPath: string | undefined): ContainerState {
  const { Config, State } = container;
  const startedAt = timeOf(State.StartedAt);
  // Docker leaves a container that it could not start as created, with the reason.
  const hasFailed = State.Status === 'created' && State.Error !== '';
  const status = hasFailed ? 'exited' : statusOf(State.Status);
  const finishedAt = timeOf(State.FinishedAt) ?? (hasFailed ? container.Created : undefined);
  return {
    id: container.Id,
    name: withoutSlash(container.Name),
    labels: Config.Labels ?? {},
    status,
    image: Config.Image,
    imageId: container.Image,
    pid: State.Pid,
    createdAt: container.Created,
    ...(startedAt !== undefined && { startedAt }),
    ...(status === 'exited' && { exitCode: State.ExitCode, ...(finishedAt !== undefined && { finishedAt }) }),
    oomKilled: State.OOMKilled,
    ...(State.Error !== '' && { error: State.Error }),
    logPath: container.LogPath,
    ...(cgroupPath !== undefined && { cgroupPath }),
  };
}

/** Paused and restarting containers have a process; a container being removed has none any more. */
function statusOf(state: string): ContainerStatus {
  if (state === 'created') return 'created';
  return state === 'running' || state === 'paused' || state === 'restarting' ? 'running' : 'exited';
}

function timeOf(time: string): string | undefined {
  return time.startsWith('0001-') ? undefined : time;
}

function withoutSlash(name: string): string {
  return name.replace(/^\//, '');
}
