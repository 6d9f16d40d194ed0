import type { Pod } from '#api/core/v1.ts';

/**
 * A sub-manager's part in a pod's life. `prepare` runs before every container start, also of a pod that runs already, so it
 * must be idempotent; it is never called twice at once for one pod. The signal aborts when the pod is to end; throwing a
 * `PodError` shows its reason to the user and is retried. `release` runs once the pod's containers have ended for good, and
 * again for leftovers, even if `prepare` never ran.
 */
export interface PodHook {
  readonly name: string;
  prepare?(pod: Pod, signal: AbortSignal): Promise<PodInputs>;
  release?(podUid: string): Promise<void>;
}

/** What a hook adds to the containers of a pod. */
export interface PodInputs {
  /** Host path of each volume, by the volume's name in the pod. */
  readonly volumes?: ReadonlyMap<string, PreparedVolume>;
}

export interface PreparedVolume {
  readonly hostPath: string;
  /** Never writable, whatever the mount says. */
  readonly readOnly?: boolean;
}

/** Something about a pod that its owner must see: becomes an event and, for containers, the waiting reason. */
export class PodError extends Error {
  /** As in `kubectl describe`: `FailedMount`, `ErrImagePull`, `CreateContainerConfigError`. */
  readonly reason: string;

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'PodError';
    this.reason = reason;
  }
}

/** The words of an error for a message; anything thrown is accepted. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
