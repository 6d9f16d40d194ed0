import { deepClone, deepEqual } from '#api/meta/clone.ts';
import { conflict, isNotFound, notFound, StatusError, toStatusError } from '#api/meta/errors.ts';
import { formatTime, parseTime } from '#api/meta/time.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Entry } from '../state/entry.ts';
import { selectEntries } from '../watch/watch-session.ts';
import { type Call, entryReply, type Mutable, objectReply, type Reply, successStatus, type VerbDeps } from './call.ts';
import { type DeleteRequest, MAX_GRACE_SECONDS, parseDeleteOptions, parseListOptions } from './options.ts';
import { select } from './select.ts';
import { admissionRequest } from './write-support.ts';

const MAX_ATTEMPTS = 100;
const ORPHAN = 'orphan';
const FOREGROUND = 'foregroundDeletion';
/** Deletes of one collection that run at once: enough for the store to commit them together. */
const COLLECTION_WIDTH = 64;

/** DELETE of one object: removes it, or marks it when finalizers or a node must come first. */
export async function deleteObject(deps: VerbDeps, call: Call): Promise<Reply> {
  const options = parseDeleteOptions(call);
  const { definition } = call.served;
  warnOfOrphans(call, options);
  const { entry, isRemoved } = await deleteOne(deps, call, options);
  if (!isRemoved || definition.returnsDeleted) return entryReply(entry);
  const { ref } = definition;
  const { name, uid } = entry.object.metadata;
  return objectReply(successStatus({ name, ...(ref.group !== '' && { group: ref.group }), kind: ref.plural, uid }));
}

/** DELETE of a collection: every selected object with the same options; answers with the list of them. */
export async function deleteCollection(deps: VerbDeps, call: Call): Promise<Reply> {
  const options = parseDeleteOptions(call);
  const { served, namespace } = call;
  const selection = select({
    definition: served.definition,
    namespace,
    name: undefined,
    ...parseListOptions(call.query),
  });
  const { revision } = deps.state;
  const entries = selectEntries(served, selection);
  const deleted: Entry[] = [];
  for (let start = 0; start < entries.length; start += COLLECTION_WIDTH) {
    const slice = entries.slice(start, start + COLLECTION_WIDTH);
    const outcomes = await Promise.all(slice.map((entry) => deleteQuietly(deps, call, { entry, options })));
    for (const outcome of outcomes) {
      if (outcome instanceof StatusError) throw outcome;
      if (outcome !== undefined) deleted.push(outcome);
    }
  }
  return { type: 'list', meta: { resourceVersion: String(revision) }, entries: deleted };
}

async function deleteQuietly(
  deps: VerbDeps,
  call: Call,
  { entry, options }: { entry: Entry; options: DeleteRequest },
): Promise<Entry | StatusError | undefined> {
  const { namespace, name = '' } = entry.object.metadata;
  try {
    return (await deleteOne(deps, { ...call, warn: (text) => call.warn(text), namespace, name }, options)).entry;
  } catch (error) {
    // Somebody else was faster.
    return isNotFound(error) ? undefined : toStatusError(error);
  }
}

interface Deleted {
  /** The object as it is now, or was at last. */
  readonly entry: Entry;
  readonly isRemoved: boolean;
}

async function deleteOne(deps: VerbDeps, call: Call, options: DeleteRequest): Promise<Deleted> {
  const { served, name = '', namespace } = call;
  const { ref } = served.definition;
  const key = { namespace: ref.namespaced ? namespace : undefined, name };
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const current = served.get(key);
    if (current === undefined) throw notFound(ref, name);
    requirePreconditions(call, current.object, options);
    await deps.admission().validate(
      admissionRequest(call, {
        operation: 'DELETE',
        object: undefined,
        oldObject: current.object,
        options: optionsOf(options),
        dryRun: options.dryRun,
      }),
    );
    const deleted = await attemptDelete(deps, call, { current, options });
    if (deleted !== undefined) return deleted;
  }
  throw conflict(ref, name);
}

function optionsOf({ dryRun, gracePeriodSeconds, propagationPolicy, uid, resourceVersion }: DeleteRequest) {
  return {
    kind: 'DeleteOptions',
    apiVersion: 'meta.k8s.io/v1',
    ...(gracePeriodSeconds !== undefined && { gracePeriodSeconds }),
    ...(propagationPolicy !== undefined && { propagationPolicy }),
    ...((uid ?? resourceVersion) !== undefined && { preconditions: { uid, resourceVersion } }),
    ...(dryRun && { dryRun: ['All'] }),
  };
}

function requirePreconditions(
  { served }: Call,
  { metadata }: ApiObject,
  { uid, resourceVersion }: DeleteRequest,
): void {
  const { ref } = served.definition;
  const name = metadata.name ?? '';
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `the UID in the precondition (${uid}) does not match the UID in record (${metadata.uid}). The object might have been deleted and then recreated`;
    throw conflict(ref, name, why);
  }
  if (resourceVersion !== undefined && resourceVersion !== metadata.resourceVersion) {
    const why = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${metadata.resourceVersion}). The object might have been modified`;
    throw conflict(ref, name, why);
  }
}

interface Attempt {
  readonly current: Entry;
  readonly options: DeleteRequest;
}

/** Undefined: the object changed meanwhile, try again. */
async function attemptDelete(deps: VerbDeps, call: Call, { current, options }: Attempt): Promise<Deleted | undefined> {
  const { served } = call;
  const { definition, storage } = served;
  const now = new Date();
  const object = deepClone(current.object) as Mutable;
  const grace = planGrace(object, definition.gracePeriodSeconds, { asked: options.gracePeriodSeconds, now });
  if (grace === 'pending') return { entry: current, isRemoved: false };
  settleCollectorFinalizers(object, options.propagationPolicy ?? policyOf(object, definition.defaultPropagation));
  const isHeld = (object.metadata.finalizers?.length ?? 0) > 0 || definition.mayRemove?.(object) === false;
  if (grace === 'now' && !isHeld) {
    if (options.dryRun) return { entry: current, isRemoved: true };
    const key = { namespace: object.metadata.namespace, name: object.metadata.name ?? '' };
    const result = await deps.state.remove(storage, key, current.revision);
    return result.ok ? { entry: served.show(result.entry), isRemoved: true } : undefined;
  }
  if (grace === 'now') markDeleting(object, { graceSeconds: 0, now });
  definition.prepareDelete?.(object);
  if (deepEqual(object, current.object)) return { entry: current, isRemoved: false };
  if (options.dryRun)
    return { entry: { ...current, object, bytes: Buffer.from(JSON.stringify(object)) }, isRemoved: false };
  const { ttlSeconds } = definition;
  const result = await deps.state.commit(storage, served.toStored(object), {
    expectRevision: current.revision,
    ttlSeconds,
  });
  return result.ok ? { entry: served.show(result.entry), isRemoved: false } : undefined;
}

/**
 * Decides how long the object may still live and writes it down.
 *
 *   not deleting --grace > 0--> deleting (grace) --shorter--> deleting (shorter) --0--> removed
 *        \\--------------------------- grace 0, or none at all -----------------------------/
 */
function planGrace(
  object: Mutable,
  rule: ((object: ApiObject, asked: number | undefined) => number) | undefined,
  { asked, now }: { asked: number | undefined; now: Date },
): 'marked' | 'now' | 'pending' {
  const { metadata } = object;
  if (rule === undefined) return 'now';
  if (metadata.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null) {
    const before = metadata.deletionGracePeriodSeconds ?? 0;
    if (before === 0) return 'now';
    // Once on its way, a delete can only be made faster.
    if (asked === undefined || Math.max(0, asked) >= before) return 'pending';
    const graceSeconds = Math.max(0, asked);
    const deadline = parseTime(metadata.deletionTimestamp) ?? now.getTime();
    metadata.deletionTimestamp = formatTime(new Date(deadline + (graceSeconds - before) * 1000));
    metadata.deletionGracePeriodSeconds = graceSeconds;
    return graceSeconds === 0 ? 'now' : 'marked';
  }
  const graceSeconds = Math.min(rule(object, asked), MAX_GRACE_SECONDS);
  if (graceSeconds <= 0) return 'now';
  markDeleting(object, { graceSeconds, now });
  return 'marked';
}

function markDeleting({ metadata }: Mutable, { graceSeconds, now }: { graceSeconds: number; now: Date }): void {
  if (metadata.deletionTimestamp === undefined || metadata.deletionTimestamp === null) {
    metadata.deletionTimestamp = formatTime(new Date(now.getTime() + graceSeconds * 1000));
    if (metadata.generation !== undefined) metadata.generation++;
  }
  metadata.deletionGracePeriodSeconds = graceSeconds;
}

type Propagation = 'Orphan' | 'Background' | 'Foreground';

/** What the object itself asks for by its finalizers, else what is usual for its kind. */
function policyOf({ metadata }: ApiObject, usual: Propagation): Propagation {
  const finalizers = metadata.finalizers ?? [];
  if (finalizers.includes(ORPHAN)) return 'Orphan';
  return finalizers.includes(FOREGROUND) ? 'Foreground' : usual;
}

function settleCollectorFinalizers({ metadata }: Mutable, policy: Propagation): void {
  const before = metadata.finalizers ?? [];
  const wanted = policy === 'Orphan' ? ORPHAN : policy === 'Foreground' ? FOREGROUND : undefined;
  const others = before.filter((name) => name !== ORPHAN && name !== FOREGROUND);
  const after = wanted === undefined ? others : [...others, wanted];
  if (after.length === before.length && after.every((name) => before.includes(name))) return;
  if (after.length === 0) delete metadata.finalizers;
  else metadata.finalizers = after;
}

const JOB_WARNING =
  'child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning';

function warnOfOrphans(call: Call, { propagationPolicy }: DeleteRequest): void {
  const { ref, defaultPropagation } = call.served.definition;
  if (propagationPolicy !== undefined || defaultPropagation !== 'Orphan') return;
  if (ref.group === 'batch') call.warn(JOB_WARNING);
}
