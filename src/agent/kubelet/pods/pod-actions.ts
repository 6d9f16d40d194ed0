import type { ContainerRole } from './pod-view.ts';

/** Everything the kubelet can do to a pod. A plan is data: it can be logged, compared and tested. */
export interface PodActions {
  /** Network, pause container and the pod's own files. */
  createSandbox: { attempt: number };
  startContainer: { container: string; role: ContainerRole; attempt: number };
  /** Runs the stop hook, then ends the container. */
  killContainer: { containerId: string; container: string; graceSeconds: number; message: string };
  removeContainer: { containerId: string };
  removeSandbox: { sandboxId: string };
  /** Gives the address back. */
  releaseNetwork: object;
  /** Undoes what the hooks prepared. */
  releaseVolumes: object;
  /** The node ends the pod: it fails with this reason. */
  failPod: { reason: string; message: string };
  /** Reports the final state and lets the API forget the pod. */
  finishPod: object;
  /** The last trace of the pod on this node goes. */
  forgetPod: object;
}

export type PodAction = { [K in keyof PodActions]: { readonly type: K } & Readonly<PodActions[K]> }[keyof PodActions];

/** One function per action; leaving one out does not compile. The signal aborts when the pod's plan is overtaken. */
export type Executors = {
  [K in keyof PodActions]: (action: Readonly<PodActions[K]>, signal: AbortSignal) => Promise<void>;
};

export function execute(action: PodAction, executors: Executors, signal: AbortSignal): Promise<void> {
  const run = executors[action.type] as (action: PodAction, signal: AbortSignal) => Promise<void>;
  return run(action, signal);
}
