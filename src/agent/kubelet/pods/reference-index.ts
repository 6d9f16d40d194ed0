import type { Pod } from '#api/core/v1.ts';
import { keyString, type ObjectKey } from '#api/meta/resource-ref.ts';
import { podReferences } from '../cluster-objects.ts';

export type ReferencedKind = 'configMaps' | 'secrets';

/** Which pods of the node use which objects. */
export class ReferenceIndex {
  readonly #users: Record<ReferencedKind, Map<string, { key: ObjectKey; pods: Set<string> }>> = {
    configMaps: new Map(),
    secrets: new Map(),
  };

  set(podUid: string, pod: Pod): void {
    this.delete(podUid);
    const { namespace } = pod.metadata;
    const references = podReferences(pod);
    for (const kind of ['configMaps', 'secrets'] as const) {
      for (const name of references[kind]) {
        const key = { namespace, name };
        const users = this.#users[kind].get(keyString(key)) ?? { key, pods: new Set<string>() };
        users.pods.add(podUid);
        this.#users[kind].set(keyString(key), users);
      }
    }
  }

  delete(podUid: string): void {
    for (const objects of Object.values(this.#users)) {
      for (const [id, { pods }] of objects) {
        pods.delete(podUid);
        if (pods.size === 0) objects.delete(id);
      }
    }
  }

  users(kind: ReferencedKind, key: ObjectKey): string[] {
    return [...(this.#users[kind].get(keyString(key))?.pods ?? [])];
  }

  /** Everything that is in use. */
  keys(kind: ReferencedKind): ObjectKey[] {
    return [...this.#users[kind].values()].map(({ key }) => key);
  }
}
