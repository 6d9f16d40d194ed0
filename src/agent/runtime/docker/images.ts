import type { Readable } from 'node:stream';
import { type ImageInfo, type ImageSummary, type RegistryAuth, RuntimeError } from '../container-runtime.ts';
import type { DockerApi } from './docker-api.ts';
import { refusal } from './errors.ts';
import { parseImageReference } from './image-reference.ts';

interface ListedImage {
  Id: string;
  RepoTags?: string[] | null;
  RepoDigests?: string[] | null;
  Size: number;
}

interface InspectedImage extends ListedImage {
  Config?: { User?: string; Env?: string[] | null; StopSignal?: string } | null;
}

interface Progress {
  error?: string;
  errorDetail?: { message?: string };
}

/** The images that the engine holds. */
export class DockerImages {
  readonly #api: DockerApi;

  constructor(api: DockerApi) {
    this.#api = api;
  }

  async list(signal?: AbortSignal): Promise<ImageSummary[]> {
    const images = await this.#api.json<ListedImage[]>({ method: 'GET', path: '/images/json', signal });
    return images.map(summary);
  }

  async inspect(image: string, signal?: AbortSignal): Promise<ImageInfo | undefined> {
    try {
      const path = `/images/${encodeURIComponent(image)}/json`;
      const found = await this.#api.json<InspectedImage>({ method: 'GET', path, signal });
      const { User = '', Env, StopSignal } = found.Config ?? {};
      return { ...summary(found), user: User, env: Env ?? [], ...(StopSignal && { stopSignal: StopSignal }) };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async pull(image: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<ImageInfo> {
    const { repository, tag } = parseImageReference(image);
    const query = { fromImage: repository, tag };
    try {
      await this.#follow({ method: 'POST', path: '/images/create', query, auth, signal });
    } catch (error) {
      throw fromRegistry(error);
    }
    const pulled = await this.inspect(image, signal);
    if (pulled === undefined) throw new RuntimeError('failed', `Image "${image}" is not there after it was pulled`);
    return pulled;
  }

  async load(archive: Readable): Promise<void> {
    await this.#follow({ method: 'POST', path: '/images/load', query: { quiet: true }, archive });
  }

  async remove(id: string): Promise<void> {
    const image = await this.inspect(id);
    if (image === undefined) return;
    // By id Docker removes an image only if it has no more than one name.
    const names = image.tags.length > 1 ? image.tags : [id];
    for (const name of names) {
      try {
        await this.#api.json({ method: 'DELETE', path: `/images/${encodeURIComponent(name)}` });
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    }
  }

  /** Docker reports a failure in the middle of an answer that began as a success. */
  async #follow(request: Parameters<DockerApi['openMessages']>[0]): Promise<void> {
    for await (const message of await this.#api.openMessages(request)) {
      const { error, errorDetail } = message as Progress;
      const failure = errorDetail?.message ?? error;
      if (failure !== undefined) throw refusal(500, failure);
    }
  }
}

/** What a registry says reaches us as a failure of Docker. */
function fromRegistry(error: unknown): unknown {
  if (!(error instanceof RuntimeError) || error.code !== 'failed') return error;
  if (/manifest unknown|repository does not exist|not found/.test(error.message))
    return new RuntimeError('not-found', error.message);
  if (/unauthorized|authentication required|no basic auth credentials|denied/.test(error.message)) {
    return new RuntimeError('refused', error.message);
  }
  return error;
}

/** An image name that cannot be parsed names no image on this node. */
function isMissing(error: unknown): boolean {
  return error instanceof RuntimeError && (error.code === 'not-found' || /^No such image/i.test(error.message));
}

function summary({ Id, RepoTags, RepoDigests, Size }: ListedImage): ImageSummary {
  const named = (names: string[] | null | undefined) => (names ?? []).filter((name) => !name.startsWith('<none>'));
  return { id: Id, tags: named(RepoTags), digests: named(RepoDigests), sizeBytes: Size };
}
