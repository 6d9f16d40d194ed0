import { isConflict, isNotFound } from '#api/meta/errors.ts';
import { groupResource, type ObjectKey, parseApiVersion, type ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject, OwnerReference } from '#api/meta/types.ts';
import type { Component } from '#base/component.ts';
import type { Logger } from '#base/logger.ts';
import { WorkQueue } from '#base/work-queue.ts';
import type { ControllerDeps } from './controller.ts';

const FOREGROUND = 'foregroundDeletion';
const ORPHAN = 'orphan';

interface Node {
  readonly ref: ResourceRef;
  object: ApiObject;
}

/**
 * Deletes what its owners no longer need, for every kind there is, custom ones included. It keeps the graph of owners by
 * UID, fed by the cache:
 *
 *   owner gone            -> dependents lose the reference, or go when it was their last
 *   owner foreground      -> dependents that block it go first, then its finalizer
 *   owner orphaned        -> dependents lose the reference, then its finalizer
 */
export class GarbageCollector implements Component {
  readonly name = 'generic-garbage-collector';
  readonly #deps: ControllerDeps;
  readonly #log: Logger;
  readonly #queue: WorkQueue;
  readonly #nodes = new Map<string, Node>();
  /** UIDs of dependents by UID of owner, whether the owner exists or not. */
  readonly #dependents = new Map<string, Set<string>>();
  readonly #watched = new Map<string, () => void>();
  #stopCatalogue = () => {};

  constructor(deps: ControllerDeps, log: Logger) {
    this.#deps = deps;
    this.#log = log;
    this.#queue = new WorkQueue({
      concurrency: 8,
      backoff: { initialMs: 50, maxMs: 30_000 },
      process: (uid, signal) => this.#process(uid, signal),
      onError: (uid, error, failures) => {
        if (!isConflict(error)) this.#log.warn({ err: error, uid, failures }, 'garbage collection failed');
      },
    });
  }

  async start(): Promise<void> {
    const { catalogue } = this.#deps;
    this.#stopCatalogue = catalogue.onChange(() => this.#watchKinds());
    this.#watchKinds();
  }

  async stop(): Promise<void> {
    this.#stopCatalogue();
    for (const stop of this.#watched.values()) stop();
    this.#watched.clear();
    await this.#queue.stop();
  }

  /** Follows every kind that can be listed, watched and deleted; stops following kinds that are gone. */
  #watchKinds(): void {
    const { catalogue, cache } = this.#deps;
    const present = new Map(
      catalogue
        .list()
        .filter(({ verbs }) => ['list', 'watch', 'delete'].every((verb) => verbs.includes(verb)))
        // Events own nothing and are owned by nobody, and there are many.
        .filter(({ ref }) => ref.plural !== 'events')
        .map(({ ref }) => [`${groupResource(ref)}/${ref.version}`, ref]),
    );
    for (const [id, stop] of this.#watched) {
      if (present.has(id)) continue;
      stop();
      this.#watched.delete(id);
    }
    for (const [id, ref] of present) {
      if (this.#watched.has(id)) continue;
      this.#watched.set(
        id,
        cache.onChange(ref, ({ type, object }) => {
          if (type === 'DELETED') this.#forget(object);
          else this.#learn(ref, object);
        }),
      );
    }
  }

  #learn(ref: ResourceRef, object: ApiObject): void {
    const uid = object.metadata.uid ?? '';
    const before = this.#nodes.get(uid)?.object;
    if (before !== undefined) this.#unlink(before);
    this.#nodes.set(uid, { ref, object });
    for (const { uid: owner } of object.metadata.ownerReferences ?? []) {
      const siblings = this.#dependents.get(owner) ?? new Set();
      this.#dependents.set(owner, siblings.add(uid));
    }
    const { ownerReferences = [] } = object.metadata;
    if (ownerReferences.length > 0 || isEnding(object, FOREGROUND) || isEnding(object, ORPHAN)) this.#queue.add(uid);
    // An owner that waits for this dependent may have been let go.
    for (const { uid: owner } of before?.metadata.ownerReferences ?? []) {
      const node = this.#nodes.get(owner);
      if (node !== undefined && isEnding(node.object, FOREGROUND)) this.#queue.add(owner);
    }
  }

  #forget(object: ApiObject): void {
    const uid = object.metadata.uid ?? '';
    this.#unlink(object);
    this.#nodes.delete(uid);
    for (const dependent of this.#dependents.get(uid) ?? []) this.#queue.add(dependent);
    // An owner that waits for its dependents may be done now.
    for (const { uid: owner } of object.metadata.ownerReferences ?? [])
      if (this.#nodes.has(owner)) this.#queue.add(owner);
  }

  #unlink(object: ApiObject): void {
    for (const { uid } of object.metadata.ownerReferences ?? []) {
      const siblings = this.#dependents.get(uid);
      siblings?.delete(object.metadata.uid ?? '');
      if (siblings?.size === 0) this.#dependents.delete(uid);
    }
  }

  async #process(uid: string, signal: AbortSignal): Promise<undefined> {
    const node = this.#nodes.get(uid);
    if (node === undefined) return;
    if (isEnding(node.object, ORPHAN)) return this.#orphan(node, signal);
    if (isEnding(node.object, FOREGROUND)) return this.#foreground(node, signal);
    await this.#collect(node, signal);
  }

  /** Judges one dependent by its owners, as upstream's attemptToDeleteItem does. */
  async #collect({ ref, object }: Node, signal: AbortSignal): Promise<void> {
    const references = object.metadata.ownerReferences ?? [];
    if (references.length === 0 || object.metadata.deletionTimestamp !== undefined) return;
    const judged = await Promise.all(
      references.map(async (reference) => ({ reference, state: await this.#judge(object, reference, signal) })),
    );
    const solid = judged.filter(({ state }) => state === 'solid');
    const waiting = judged.filter(({ state }) => state === 'waiting');
    const dangling = judged.filter(({ state }) => state === 'dangling');
    if (solid.length > 0) {
      const drop = new Set([...waiting, ...dangling].map(({ reference }) => reference.uid));
      if (drop.size > 0) await this.#dropReferences(ref, object, drop, signal);
      return;
    }
    if (waiting.length + dangling.length === 0) return;
    // A dependent with dependents of its own that block must go by foreground too, else its owner would not wait for them.
    const blocking = waiting.length > 0 ? this.#blocking(object) : [];
    const propagationPolicy = blocking.length > 0 ? 'Foreground' : policyOf(object);
    let current = object;
    // In a circle each would wait for the other: this one stops to block.
    if (blocking.some((dependent) => isEnding(dependent, FOREGROUND)))
      current = await this.#unblock(ref, object, signal);
    const { uid = '', resourceVersion = '' } = current.metadata;
    const preconditions = { uid, resourceVersion };
    await this.#deps.client
      .delete(ref, object.metadata, { propagationPolicy, preconditions, signal })
      .catch(ignoreMissing);
    this.#log.debug(
      { resource: groupResource(ref), ...object.metadata, ownerReferences: undefined, managedFields: undefined },
      'collected',
    );
  }

  /** `solid` owners keep a dependent; `waiting` ones are in foreground deletion; `dangling` ones do not exist. */
  async #judge(
    object: ApiObject,
    reference: OwnerReference,
    signal: AbortSignal,
  ): Promise<'solid' | 'waiting' | 'dangling'> {
    const known = this.#nodes.get(reference.uid);
    if (known !== undefined && reachable(known, object))
      return isEnding(known.object, FOREGROUND) ? 'waiting' : 'solid';
    const ref = this.#refOf(reference);
    // A kind that is not served (any more) cannot be judged: keep the dependent.
    if (ref === undefined) return 'solid';
    const { namespace } = object.metadata;
    const key: ObjectKey = { name: reference.name, namespace: ref.namespaced ? namespace : undefined };
    if (known !== undefined || (ref.namespaced && !namespace)) this.#warn(object, reference);
    // A dependent without a namespace cannot say which owner it means: nobody can tell whether that one is gone.
    if (ref.namespaced && !namespace) return 'solid';
    try {
      const owner = await this.#deps.client.get(ref, key, { signal });
      return owner.metadata.uid === reference.uid ? 'solid' : 'dangling';
    } catch (error) {
      if (isNotFound(error)) return 'dangling';
      throw error;
    }
  }

  async #foreground({ ref, object }: Node, signal: AbortSignal): Promise<undefined> {
    const dependents = [...(this.#dependents.get(object.metadata.uid ?? '') ?? [])];
    // Those that wait for dependents of their own come back by themselves; asking them again would go round for ever.
    for (const uid of dependents) {
      const node = this.#nodes.get(uid);
      if (node !== undefined && !isEnding(node.object, FOREGROUND)) this.#queue.add(uid);
    }
    if (this.#blocking(object).length > 0) return;
    await this.#removeFinalizer(ref, object, FOREGROUND, signal);
  }

  async #orphan({ ref, object }: Node, signal: AbortSignal): Promise<undefined> {
    const uid = object.metadata.uid ?? '';
    for (const dependent of this.#dependents.get(uid) ?? []) {
      const node = this.#nodes.get(dependent);
      if (node !== undefined)
        await this.#dropReferences(node.ref, node.object, new Set([uid]), signal).catch(ignoreMissing);
    }
    await this.#removeFinalizer(ref, object, ORPHAN, signal);
  }

  #blocking({ metadata }: ApiObject): ApiObject[] {
    return [...(this.#dependents.get(metadata.uid ?? '') ?? [])].flatMap((uid) => {
      const dependent = this.#nodes.get(uid)?.object;
      const blocks = dependent?.metadata.ownerReferences?.some(
        (owner) => owner.uid === metadata.uid && owner.blockOwnerDeletion === true,
      );
      return dependent !== undefined && blocks === true ? [dependent] : [];
    });
  }

  /** The object, after it stopped to block the deletion of its owners. */
  async #unblock(ref: ResourceRef, object: ApiObject, signal: AbortSignal): Promise<ApiObject> {
    const { uid, resourceVersion, ownerReferences = [] } = object.metadata;
    const free = ownerReferences.map((reference) => ({ ...reference, blockOwnerDeletion: false }));
    const metadata = { uid, resourceVersion, ownerReferences: free };
    return this.#deps.client.patch(ref, object.metadata, { metadata }, { type: 'merge', signal });
  }

  /** Owners can be in the dependent's namespace, or in none. */
  #warn(object: ApiObject, { apiVersion, kind, name, uid }: OwnerReference): void {
    const { namespace = '' } = object.metadata;
    const owner = `ownerRef [${apiVersion}/${kind}, namespace: ${namespace}, name: ${name}, uid: ${uid}]`;
    const message = `${owner} does not exist in namespace "${namespace}"`;
    this.#deps.events.event(object, 'Warning', 'OwnerRefInvalidNamespace', message);
  }

  async #dropReferences(
    ref: ResourceRef,
    object: ApiObject,
    drop: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<void> {
    const { uid, resourceVersion, ownerReferences = [] } = object.metadata;
    const rest = ownerReferences.filter((reference) => !drop.has(reference.uid));
    const metadata = { uid, resourceVersion, ownerReferences: rest.length === 0 ? null : rest };
    await this.#deps.client.patch(ref, object.metadata, { metadata }, { type: 'merge', signal });
  }

  async #removeFinalizer(
    ref: ResourceRef,
    object: ApiObject,
    finalizer: string,
    signal: AbortSignal,
  ): Promise<undefined> {
    const { uid, resourceVersion, finalizers = [] } = object.metadata;
    const metadata = { uid, resourceVersion, finalizers: finalizers.filter((name) => name !== finalizer) };
    await this.#deps.client.patch(ref, object.metadata, { metadata }, { type: 'merge', signal }).catch(ignoreMissing);
    return undefined;
  }

  #refOf({ apiVersion, kind }: OwnerReference): ResourceRef | undefined {
    const { group, version } = parseApiVersion(apiVersion);
    const served = this.#deps.catalogue.list().filter(({ ref }) => ref.group === group && ref.kind === kind);
    return (served.find(({ ref }) => ref.version === version) ?? served[0])?.ref;
  }
}

/** Whether an object is being deleted and waits for this finalizer. */
function isEnding({ metadata }: ApiObject, finalizer: string): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.finalizers?.includes(finalizer) === true;
}

/** Owners live in the dependent's namespace or in none. */
function reachable({ ref, object: owner }: Node, dependent: ApiObject): boolean {
  return !ref.namespaced || owner.metadata.namespace === dependent.metadata.namespace;
}

/** What a dependent's own finalizers already ask for. */
function policyOf({ metadata }: ApiObject): 'Orphan' | 'Foreground' | 'Background' {
  if (metadata.finalizers?.includes(ORPHAN) === true) return 'Orphan';
  if (metadata.finalizers?.includes(FOREGROUND) === true) return 'Foreground';
  return 'Background';
}

function ignoreMissing(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
