import type { Pod, Volume } from '#api/core/v1.ts';
import type { PreparedVolume } from '../pod-hook.ts';

/**
 * Makes volumes of one kind. `setUp` is called before each container start and again when something the volume shows has
 * changed; it must be idempotent, and must not disturb containers that use the volume. It throws what is wrong in words for
 * the pod's owner. `tearDown` is called once no container uses the volume; the folder itself is removed by the caller.
 */
export interface VolumeDriver {
  /** Names the folder of its volumes, as upstream: `kubernetes.io~configmap`. */
  readonly name: string;
  /** Where its volumes live: secrets must never reach a disk. */
  readonly medium: 'disk' | 'memory';
  /** Content follows objects of the API, so that a change calls `setUp` again. */
  readonly isLive: boolean;
  matches(volume: Volume): boolean;
  setUp(request: VolumeRequest, signal: AbortSignal): Promise<PreparedVolume>;
  tearDown?(path: string): Promise<void>;
}

export interface VolumeRequest {
  readonly pod: Pod;
  readonly volume: Volume;
  /** The volume's own folder; exists only if the driver makes it. */
  readonly path: string;
}
