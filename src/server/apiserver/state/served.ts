import { deepFreeze } from '#api/meta/clone.ts';
import { keyString, type ObjectKey, type ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { ResourceCatalogue, ServedResource } from '#client/cache.ts';
import type { ResourceDefinition } from '../resource.ts';
import type { ClusterState } from './cluster-state.ts';
import { encodeStored, withRevision } from './encoding.ts';
import type { Entry } from './entry.ts';
import type { ResourceState } from './resource-state.ts';

/** One resource as one version of the API shows it, over the state in which it is stored. */
export class Served {
  readonly definition: ResourceDefinition;
  /** Undefined for resources that store nothing (reviews). */
  readonly state: ResourceState | undefined;
  /** The resource under which the objects are stored. */
  readonly storage: ResourceRef;
  readonly #converted = new WeakMap<Entry, Entry>();
  readonly #onRemove = new Set<() => void>();

  constructor(definition: ResourceDefinition, state: ResourceState | undefined) {
    this.definition = definition;
    this.state = state;
    this.storage = definition.storedAs?.ref ?? definition.ref;
  }

  /** The stored objects are the served ones, byte for byte. */
  get isStoredForm(): boolean {
    return this.definition.storedAs === undefined;
  }

  get(key: ObjectKey): Entry | undefined {
    const entry = this.state?.get(keyString(key));
    return entry === undefined ? undefined : this.show(entry);
  }

  /** A stored entry in this version's form. */
  show(entry: Entry): Entry {
    const { storedAs } = this.definition;
    if (storedAs === undefined) return entry;
    const known = this.#converted.get(entry);
    if (known !== undefined) return known;
    const object = deepFreeze(storedAs.fromStored(entry.object));
    const shown = { ...entry, object, bytes: withRevision(encodeStored(object), entry.revision) };
    this.#converted.set(entry, shown);
    return shown;
  }

  /** An object of this version in the form in which it is stored. */
  toStored(object: ApiObject): ApiObject {
    return this.definition.storedAs?.toStored(object) ?? object;
  }

  /** Runs when the resource is no longer served: ends its watches. */
  onRemove(listener: () => void): () => void {
    this.#onRemove.add(listener);
    return () => {
      this.#onRemove.delete(listener);
    };
  }

  removed(): void {
    for (const listener of [...this.#onRemove]) listener();
  }
}

type ResourceName = Pick<ResourceRef, 'group' | 'version' | 'plural'>;

const idOf = ({ group, version, plural }: ResourceName) => `${group}/${version}/${plural}`;

/** What the server serves right now. Custom resources come and go; a custom kind is the same as a built-in one. */
export class ServedResources implements ResourceCatalogue {
  readonly #state: ClusterState;
  readonly #served = new Map<string, Served>();
  readonly #listeners = new Set<() => void>();
  #list: readonly ServedResource[] | undefined;

  constructor(state: ClusterState) {
    this.#state = state;
  }

  get all(): readonly Served[] {
    return [...this.#served.values()];
  }

  get(name: ResourceName): Served | undefined {
    return this.#served.get(idOf(name));
  }

  /** Whether the group is served in that version at all. */
  hasGroupVersion(group: string, version: string): boolean {
    return this.all.some(({ definition: { ref } }) => ref.group === group && ref.version === version);
  }

  /** Serves definitions whose state is already held. */
  addLoaded(definitions: readonly ResourceDefinition[]): void {
    for (const definition of definitions) {
      const storage = definition.storedAs?.ref ?? definition.ref;
      this.#served.set(idOf(definition.ref), new Served(definition, this.#state.resource(storage)));
    }
    this.#changed();
  }

  /** Serves one more resource, or a changed definition of one; its watches then end so that clients see the new form. */
  async add(definition: ResourceDefinition): Promise<void> {
    await this.#state.addResource(definition.storedAs?.ref ?? definition.ref);
    const before = this.#served.get(idOf(definition.ref));
    this.addLoaded([definition]);
    before?.removed();
  }

  /** Serves a resource no more. Stored objects stay; remove them before. */
  remove(name: ResourceName): void {
    const served = this.#served.get(idOf(name));
    if (served === undefined) return;
    this.#served.delete(idOf(name));
    if (!this.all.some(({ storage }) => storage.group === name.group && storage.plural === name.plural)) {
      this.#state.removeResource(name);
    }
    served.removed();
    this.#changed();
  }

  list(): readonly ServedResource[] {
    this.#list ??= this.all.map(({ definition: { ref, verbs } }) => ({ ref, verbs }));
    return this.#list;
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #changed(): void {
    this.#list = undefined;
    for (const listener of [...this.#listeners]) listener();
  }
}
