import type { ApiObject } from '#api/meta/types.ts';
import { Bucket } from './bucket.ts';
import type { Entry, ResourceEvent } from './entry.ts';
import { EventRing } from './event-ring.ts';

export type EventListener = (events: readonly ResourceEvent[]) => void;

const NO_OBJECTS: readonly ApiObject[] = [];

/** All objects of one stored resource, in memory: by key, by namespace, by owner and by node, with the newest events. */
export class ResourceState {
  /** Store keys of this resource start with it. */
  readonly prefix: string;
  readonly #all = new Bucket();
  readonly #byKey = new Map<string, Entry>();
  readonly #byNamespace = new Map<string, Bucket>();
  readonly #byOwner = new Map<string, Map<string, ApiObject>>();
  readonly #byNode = new Map<string, Map<string, ApiObject>>();
  readonly #listeners = new Set<EventListener>();
  #ring: EventRing;
  #bytes = 0;

  constructor(prefix: string, startRevision = 0) {
    this.prefix = prefix;
    this.#ring = new EventRing(startRevision);
  }

  get size(): number {
    return this.#all.size;
  }

  /** Bytes of JSON held. */
  get sizeBytes(): number {
    return this.#bytes;
  }

  get(key: string): Entry | undefined {
    return this.#byKey.get(key);
  }

  /** All entries, or those of a namespace. */
  bucket(namespace?: string | undefined): Bucket {
    if (namespace === undefined || namespace === '') return this.#all;
    return this.#byNamespace.get(namespace) ?? new Bucket();
  }

  ownedBy(uid: string): readonly ApiObject[] {
    const found = this.#byOwner.get(uid);
    return found === undefined ? NO_OBJECTS : [...found.values()];
  }

  onNode(nodeName: string): readonly ApiObject[] {
    const found = this.#byNode.get(nodeName);
    return found === undefined ? NO_OBJECTS : [...found.values()];
  }

  /** Events after a revision from memory; undefined when they are too old for it. */
  eventsAfter(revision: number): readonly ResourceEvent[] | undefined {
    return this.#ring.after(revision);
  }

  /** Puts in what was there at the start. */
  load(entry: Entry): void {
    this.#put(entry, this.#byKey.get(entry.key));
  }

  /** Forgets everything and says from which revision on events will come. */
  reset(startRevision: number): void {
    for (const entry of this.#all.entries) this.#remove(entry);
    this.#ring = new EventRing(startRevision);
  }

  apply(event: ResourceEvent): void {
    if (event.type === 'DELETED') {
      if (event.previous !== undefined) this.#remove(event.previous);
    } else {
      this.#put(event.entry, event.previous);
    }
    this.#ring.push(event);
  }

  /** Tells the listeners of events that have been applied. */
  notify(events: readonly ResourceEvent[]): void {
    for (const listener of [...this.#listeners]) listener(events);
  }

  listen(listener: EventListener): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #put(entry: Entry, previous: Entry | undefined): void {
    if (previous !== undefined) this.#unindex(previous);
    this.#byKey.set(entry.key, entry);
    this.#all.put(entry);
    const { namespace } = entry.object.metadata;
    if (namespace !== undefined) getOrAdd(this.#byNamespace, namespace, () => new Bucket()).put(entry);
    const owner = controllerUid(entry.object);
    if (owner !== undefined) getOrAdd(this.#byOwner, owner, newIndex).set(entry.key, entry.object);
    const node = nodeNameOf(entry.object);
    if (node !== undefined) getOrAdd(this.#byNode, node, newIndex).set(entry.key, entry.object);
    this.#bytes += entry.bytes.length;
  }

  #remove(entry: Entry): void {
    this.#unindex(entry);
    this.#byKey.delete(entry.key);
    this.#all.remove(entry.key);
    const { namespace } = entry.object.metadata;
    if (namespace === undefined) return;
    const bucket = this.#byNamespace.get(namespace);
    bucket?.remove(entry.key);
    if (bucket?.size === 0) this.#byNamespace.delete(namespace);
  }

  #unindex(entry: Entry): void {
    removeFrom(this.#byOwner, controllerUid(entry.object), entry.key);
    removeFrom(this.#byNode, nodeNameOf(entry.object), entry.key);
    this.#bytes -= entry.bytes.length;
  }
}

const newIndex = () => new Map<string, ApiObject>();

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}

function removeFrom(index: Map<string, Map<string, ApiObject>>, name: string | undefined, key: string): void {
  if (name === undefined) return;
  const found = index.get(name);
  found?.delete(key);
  if (found?.size === 0) index.delete(name);
}

function controllerUid({ metadata }: ApiObject): string | undefined {
  return metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
}

function nodeNameOf(object: ApiObject): string | undefined {
  const { spec } = object as { spec?: { nodeName?: unknown } };
  return typeof spec?.nodeName === 'string' && spec.nodeName !== '' ? spec.nodeName : undefined;
}
