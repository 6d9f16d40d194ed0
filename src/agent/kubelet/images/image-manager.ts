import {
  type ContainerRuntime,
  type ImageInfo,
  type RegistryAuth,
  RuntimeError,
} from '#agent/runtime/container-runtime.ts';
import type { Container, Pod, Secret } from '#api/core/v1.ts';
import { formatDuration } from '#api/meta/time.ts';
import type { PodEvents } from '../pod-events.ts';
import { errorText, PodError } from '../pod-hook.ts';
import { Semaphore } from '../semaphore.ts';
import { defaultPullPolicy, parseImageName } from './image-name.ts';
import { credentialsFor } from './pull-secrets.ts';

export interface ImageManagerDeps {
  readonly runtime: Pick<ContainerRuntime, 'inspectImage' | 'pullImage'>;
  readonly events: PodEvents;
  /** Resolves once the images that came with the node have been loaded. */
  readonly preloaded: Promise<void>;
  /** The pull secrets of a pod that exist. */
  readonly pullSecrets: (pod: Pod) => Promise<Secret[]>;
  readonly maxParallelPulls: number;
  readonly toleratesUnreachableRegistry: boolean;
}

/** Sees to it that a container's image is on the node, as its pull policy asks. */
export class ImageManager {
  readonly #deps: ImageManagerDeps;
  readonly #pulls: Semaphore;

  constructor(deps: ImageManagerDeps) {
    this.#deps = deps;
    this.#pulls = new Semaphore(deps.maxParallelPulls);
  }

  /** Throws PodError with the waiting reason; trying again later is the caller's part. */
  async ensure(pod: Pod, container: Container, signal: AbortSignal): Promise<ImageInfo> {
    const { image = '' } = container;
    const policy = container.imagePullPolicy ?? defaultPullPolicy(image);
    if (parseImageName(image) === undefined && !/^sha256:[0-9a-f]{64}$/.test(image)) {
      throw this.#invalidName(pod, container, image);
    }
    const present = await this.#find(image, signal);
    if (present !== undefined && policy !== 'Always') {
      this.#say(pod, container, {
        type: 'Normal',
        reason: 'Pulled',
        message: `Container image "${image}" already present on machine`,
      });
      return present;
    }
    if (policy === 'Never') {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      this.#say(pod, container, { type: 'Warning', reason: 'ErrImageNeverPull', message });
      throw new PodError('ErrImageNeverPull', message);
    }
    return this.#pull(pod, container, present, signal);
  }

  async #find(image: string, signal: AbortSignal): Promise<ImageInfo | undefined> {
    const { runtime, preloaded } = this.#deps;
    const found = await runtime.inspectImage(image, signal);
    if (found !== undefined) return found;
    await preloaded;
    return runtime.inspectImage(image, signal);
  }

  async #pull(pod: Pod, container: Container, present: ImageInfo | undefined, signal: AbortSignal): Promise<ImageInfo> {
    const { image = '' } = container;
    const askedMs = Date.now();
    const credentials = credentialsFor(image, await this.#deps.pullSecrets(pod));
    this.#say(pod, container, { type: 'Normal', reason: 'Pulling', message: `Pulling image "${image}"` });
    try {
      return await this.#pulls.run(async () => {
        const startedMs = Date.now();
        const pulled = await this.#pullWithAny(image, credentials, signal);
        const took = formatDuration(Date.now() - startedMs);
        const waited = formatDuration(Date.now() - askedMs);
        const message = `Successfully pulled image "${image}" in ${took} (${waited} including waiting). Image size: ${pulled.sizeBytes} bytes.`;
        this.#say(pod, container, { type: 'Normal', reason: 'Pulled', message });
        return pulled;
      }, signal);
    } catch (error) {
      if (signal.aborted || isUnavailable(error)) throw error;
      return this.#settle(pod, container, { present, error });
    }
  }

  /** Tries each credential, then none; the first failure of a credential tells more than that of none. */
  async #pullWithAny(image: string, credentials: readonly RegistryAuth[], signal: AbortSignal): Promise<ImageInfo> {
    let failure: unknown;
    for (const auth of [...credentials, undefined]) {
      try {
        return await this.#deps.runtime.pullImage(image, auth, signal);
      } catch (error) {
        if (signal.aborted || isUnavailable(error)) throw error;
        failure ??= error;
      }
    }
    throw failure;
  }

  #settle(
    pod: Pod,
    container: Container,
    { present, error }: { present: ImageInfo | undefined; error: unknown },
  ): ImageInfo {
    const { image = '' } = container;
    const failure = `Failed to pull image "${image}": ${errorText(error)}`;
    if (present !== undefined && this.#deps.toleratesUnreachableRegistry && mayUseLocal(present, error)) {
      const message = `${failure}. The image is on this node and is used as it is`;
      this.#say(pod, container, { type: 'Warning', reason: 'Failed', message });
      return present;
    }
    this.#say(pod, container, { type: 'Warning', reason: 'Failed', message: failure });
    throw new PodError('ErrImagePull', errorText(error), { cause: error });
  }

  #invalidName(pod: Pod, container: Container, image: string): PodError {
    const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
    this.#say(pod, container, { type: 'Warning', reason: 'InspectFailed', message });
    return new PodError('InvalidImageName', message);
  }

  #say(pod: Pod, container: Container, event: { type: 'Normal' | 'Warning'; reason: string; message: string }): void {
    this.#deps.events.container(pod, container.name, event);
  }
}

const isUnavailable = (error: unknown) => error instanceof RuntimeError && error.code === 'unavailable';

/** A registry that answered "no" is obeyed, unless the image was built here and no registry can know it. */
function mayUseLocal({ digests }: ImageInfo, error: unknown): boolean {
  const isRefusal =
    (error instanceof RuntimeError && error.code === 'not-found') ||
    /denied|unauthorized|authentication required|no basic auth|manifest unknown/i.test(errorText(error));
  return !isRefusal || digests.length === 0;
}
