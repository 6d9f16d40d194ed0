import { type ConfigMap, configMaps, type Pod, type Secret, type Service, secrets, services } from '#api/core/v1.ts';
import { isNotFound } from '#api/meta/errors.ts';
import type { ObjectKey, ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Cache } from '#client/cache.ts';
import type { Client } from '#client/client.ts';
import { containersOf } from './pods/pod-view.ts';
import { envReferences } from './spec/env.ts';

/** The ConfigMaps and Secrets a pod refers to anywhere, by name in its namespace. */
export interface PodReferences {
  readonly configMaps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

export function podReferences(pod: Pod): PodReferences {
  const found = { configMaps: new Set<string>(), secrets: new Set<string>() };
  const add = (set: Set<string>, name: string | undefined) => {
    if (name !== undefined && name !== '') set.add(name);
  };
  for (const { container } of containersOf(pod)) {
    const references = envReferences(container);
    for (const name of references.configMaps) add(found.configMaps, name);
    for (const name of references.secrets) add(found.secrets, name);
  }
  for (const { configMap, secret, projected } of pod.spec.volumes ?? []) {
    add(found.configMaps, configMap?.name);
    add(found.secrets, secret?.secretName);
    for (const source of projected?.sources ?? []) {
      add(found.configMaps, source.configMap?.name);
      add(found.secrets, source.secret?.name);
    }
  }
  for (const { name } of pod.spec.imagePullSecrets ?? []) add(found.secrets, name);
  return found;
}

/** Reads what pods refer to: from the API, so that a start sees the newest; from memory while the API is away. */
export class ClusterObjects {
  readonly #client: Client;
  readonly #cache: Cache;

  constructor({ client, cache }: { client: Client; cache: Cache }) {
    this.#client = client;
    this.#cache = cache;
  }

  configMap(key: ObjectKey, signal?: AbortSignal): Promise<ConfigMap | undefined> {
    return this.#read(configMaps, key, signal);
  }

  secret(key: ObjectKey, signal?: AbortSignal): Promise<Secret | undefined> {
    return this.#read(secrets, key, signal);
  }

  services(): readonly Service[] {
    return this.#cache.list(services);
  }

  /** Those of the named objects that exist. */
  async named<T extends ApiObject>(
    ref: ResourceRef<T>,
    { namespace, names }: { namespace: string; names: Iterable<string> },
    signal?: AbortSignal,
  ): Promise<Map<string, T>> {
    const found = await Promise.all(
      [...names].map(async (name) => [name, await this.#read(ref, { namespace, name }, signal)] as const),
    );
    return new Map(found.flatMap(([name, object]) => (object === undefined ? [] : [[name, object] as const])));
  }

  async #read<T extends ApiObject>(ref: ResourceRef<T>, key: ObjectKey, signal?: AbortSignal): Promise<T | undefined> {
    try {
      return await this.#client.get(ref, key, { signal });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      signal?.throwIfAborted();
      const known = this.#cache.get(ref, key);
      if (known !== undefined) return known;
      throw error;
    }
  }
}
