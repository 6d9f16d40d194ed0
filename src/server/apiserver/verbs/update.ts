import { deepClone, deepEqual } from '#api/meta/clone.ts';
import { badRequest, conflict, invalid, notFound } from '#api/meta/errors.ts';
import { validateObjectMetaUpdate } from '#api/meta/object-meta.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { invalidValue } from '#api/meta/validation.ts';
import { validateSchema } from '#api/schema/validate.ts';
import type { RequestContext, Subresource } from '../resource.ts';
import type { Entry } from '../state/entry.ts';
import { type Call, entryReply, type Mutable, objectReply, type Reply, type VerbDeps } from './call.ts';
import { storeNew } from './create.ts';
import { decodeObject } from './decode.ts';
import { trackFields } from './field-tracking.ts';
import { parseWriteOptions, type WriteOptions } from './options.ts';
import {
  admissionRequest,
  applyAllDefaults,
  contextOf,
  failIfAny,
  optionsObject,
  requireValidUpdate,
  settleNamespace,
  settleOwners,
  targetOf,
} from './write-support.ts';

/** Concurrent writers may beat one request so often before it is told so. */
const MAX_ATTEMPTS = 100;

/** What a write wants the object to become; made anew for every attempt. */
export interface Proposal {
  /** Free to be modified. */
  readonly object: Mutable;
  readonly isTracked?: boolean;
}

export interface UpdatePlan {
  readonly options: WriteOptions;
  readonly optionsKind: 'UpdateOptions' | 'PatchOptions';
  /** `current` is undefined when there is no such object; return undefined to answer 404. */
  propose(current: Entry | undefined): Proposal | undefined;
  /** Shapes the answer; the whole object if absent. */
  reply?(entry: Entry | undefined, object: ApiObject, code: number): Reply;
}

/** PUT of an object or of a subresource that is a part of it. */
export function updateObject(deps: VerbDeps, call: Call): Promise<Reply> {
  const { definition } = call.served;
  const options = parseWriteOptions(call, 'UpdateOptions');
  const decoded = decodeObject(call, targetOf(deps, definition), options.fieldValidation);
  requireName(decoded, call.name ?? '');
  const mayCreate = definition.createOnUpdate && call.subresource === undefined;
  return runUpdate(deps, call, {
    options,
    optionsKind: 'UpdateOptions',
    propose(current) {
      if (current === undefined && !mayCreate) return undefined;
      const object = deepClone(decoded);
      if (current !== undefined) settleVersion(object, current.object, definition.unconditionalUpdate, call);
      return { object };
    },
  });
}

function requireName({ metadata }: Mutable, name: string): void {
  const given = metadata.name ?? '';
  if (given === '') throw badRequest('the name of the object (based on URL) was undeterminable: name must be provided');
  if (given !== name) {
    throw badRequest(`the name of the object (${given}) does not match the name on the URL (${name})`);
  }
}

function settleVersion({ metadata }: Mutable, current: ApiObject, allowUnconditional: boolean, { served }: Call): void {
  if ((metadata.resourceVersion ?? '') !== '') return;
  if (!allowUnconditional) {
    const error = invalidValue('metadata.resourceVersion', 0, 'must be specified for an update');
    throw invalid(served.definition.ref, metadata.name ?? '', [error]);
  }
  metadata.resourceVersion = current.metadata.resourceVersion;
}

/** Proposes, judges and commits until the commit meets the object it was made for. */
export async function runUpdate(deps: VerbDeps, call: Call, plan: UpdatePlan): Promise<Reply> {
  const { served, name = '', namespace } = call;
  const { ref } = served.definition;
  const key = { namespace: ref.namespaced ? namespace : undefined, name };
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const current = served.get(key);
    const proposal = plan.propose(current);
    if (proposal === undefined) throw notFound(ref, name);
    if (current === undefined) {
      const reply = await storeNew(deps, call, { ...proposal, options: plan.options });
      return plan.reply === undefined ? reply : shape(plan, reply);
    }
    const reply = await attemptUpdate(deps, call, { plan, current, proposal });
    if (reply !== undefined) return plan.reply === undefined ? reply : shape(plan, reply);
    call.signal.throwIfAborted();
  }
  throw conflict(ref, name);
}

function shape(plan: UpdatePlan, reply: Reply): Reply {
  if (reply.type !== 'object') return reply;
  return plan.reply?.(undefined, reply.object as ApiObject, reply.code) ?? reply;
}

interface Attempt {
  readonly plan: UpdatePlan;
  readonly current: Entry;
  readonly proposal: Proposal;
}

/** Undefined: somebody else was faster, try again. */
async function attemptUpdate(deps: VerbDeps, call: Call, attempt: Attempt): Promise<Reply | undefined> {
  const { plan, current } = attempt;
  const { options } = plan;
  const { definition } = call.served;
  const old = current.object;
  const context = contextOf(deps, call, options.dryRun);
  const object = prepare(deps, call, attempt, context);
  const request = admissionRequest(call, {
    operation: 'UPDATE',
    object,
    oldObject: old,
    options: optionsObject(plan.optionsKind, options),
    dryRun: options.dryRun,
  });
  await deps.admission().mutate(request);
  applyAllDefaults(deps, definition, object);
  keepOwnedByServer(object, old, call);
  try {
    if (isWholeObject(call)) definition.prepareUpdate?.(object, old, context);
    settleGeneration(object, old, definition.hasStatus);
    if (attempt.proposal.isTracked !== true) trackFields(deps, call, { object, old, options, now: context.now });
    judge(deps, call, { object, old, context });
    await deps.admission().validate(request);
  } catch (error) {
    definition.release?.(object, old);
    throw error;
  }
  return commitChange(deps, call, { object, current, options });
}

/** The proposal with everything in its place that the client does not decide. */
function prepare(deps: VerbDeps, call: Call, { current, proposal }: Attempt, context: RequestContext): Mutable {
  const old = current.object;
  const { object } = proposal;
  const { definition } = call.served;
  const { ref } = definition;
  const { metadata } = object;
  settleNamespace(object, call);
  settleOwners(object, call);
  const uid = metadata.uid ?? '';
  const name = old.metadata.name ?? '';
  if (uid !== '' && uid !== old.metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`;
    throw conflict(ref, name, why);
  }
  if (metadata.resourceVersion !== old.metadata.resourceVersion) throw conflict(ref, name);
  applyAllDefaults(deps, definition, object);
  const merge = mergeOf(call.subresource);
  const merged = merge === undefined ? object : (deepClone(merge(object, old, context)) as Mutable);
  keepOwnedByServer(merged, old, call);
  return merged;
}

function keepOwnedByServer(object: Mutable, old: ApiObject, call: Call): void {
  const { metadata } = object;
  const from = old.metadata;
  metadata.uid = from.uid;
  metadata.creationTimestamp = from.creationTimestamp;
  metadata.generation = from.generation;
  // `undefined` would count as a change of shape.
  for (const field of ['deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (from[field] === undefined || from[field] === null) delete metadata[field];
    else Object.assign(metadata, { [field]: from[field] });
  }
  delete metadata.selfLink;
  // The same frozen list: who owns what is compared by identity first.
  if (metadata.managedFields === undefined) Object.assign(metadata, { managedFields: from.managedFields });
  if (!isWholeObject(call) || !call.served.definition.hasStatus) return;
  const { status } = old as { status?: unknown };
  if (status === undefined) delete object['status'];
  else object['status'] = deepClone(status);
}

/** The write is about the object itself; scale counts as such, for it changes the specification. */
function isWholeObject({ subresource }: Call): boolean {
  return subresource === undefined || subresource.name === 'scale';
}

type Merge = NonNullable<Subresource['update']>['merge'];

function mergeOf(subresource: Subresource | undefined): Merge | undefined {
  if (subresource === undefined || subresource.name === 'scale') return undefined;
  return subresource.update?.merge ?? mergeStatus;
}

/** What a write to `status` changes, unless the resource says otherwise: the status alone. */
function mergeStatus(object: ApiObject, old: ApiObject): ApiObject {
  const { resourceVersion, managedFields } = object.metadata;
  const { status } = object as { status?: unknown };
  const metadata = { ...old.metadata, resourceVersion, ...(managedFields !== undefined && { managedFields }) };
  return { ...old, metadata, status } as ApiObject;
}

function settleGeneration(object: Mutable, old: ApiObject, hasStatus: boolean): void {
  if (!hasStatus) return;
  const { generation } = old.metadata;
  if (!deepEqual(specificationOf(object), specificationOf(old))) object.metadata.generation = (generation ?? 0) + 1;
}

function specificationOf({ metadata: _, ...rest }: ApiObject): Record<string, unknown> {
  const { status: __, ...specification } = rest as Record<string, unknown>;
  return specification;
}

interface Judged {
  readonly object: Mutable;
  readonly old: ApiObject;
  readonly context: RequestContext;
}

function judge(deps: VerbDeps, call: Call, { object, old, context }: Judged): void {
  const { definition } = call.served;
  if (isWholeObject(call)) return requireValidUpdate(deps, definition, { object, old, context });
  failIfAny(definition, object, [
    ...validateObjectMetaUpdate(object.metadata, old.metadata),
    ...validateSchema(definition.schema, object, deps.schemas),
    ...(call.subresource?.update?.validate?.(object, old, context) ?? []),
  ]);
}

interface Change {
  readonly object: Mutable;
  readonly current: Entry;
  readonly options: WriteOptions;
}

async function commitChange({ state }: VerbDeps, { served }: Call, change: Change): Promise<Reply | undefined> {
  const { object, current, options } = change;
  const { definition, storage } = served;
  const old = current.object;
  if (deepEqual(object, old)) {
    definition.release?.(object, old);
    return entryReply(current);
  }
  if (options.dryRun) {
    definition.release?.(object, old);
    return objectReply(object);
  }
  if (isFinished(object, definition.mayRemove)) {
    const result = await state.remove(
      storage,
      { namespace: old.metadata.namespace, name: old.metadata.name ?? '' },
      current.revision,
    );
    if (!result.ok) return undefined;
    object.metadata.resourceVersion = String(result.entry.revision);
    return objectReply(object);
  }
  const { ttlSeconds } = definition;
  const result = await state.commit(storage, served.toStored(object), { expectRevision: current.revision, ttlSeconds });
  if (result.ok) return entryReply(served.show(result.entry));
  definition.release?.(object, old);
  return undefined;
}

/** The last finalizer of a deleting object is gone, and no node is to end it first. */
function isFinished(object: ApiObject, mayRemove: ((object: ApiObject) => boolean) | undefined): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds, finalizers } = object.metadata;
  if (deletionTimestamp === undefined || deletionTimestamp === null) return false;
  if ((finalizers?.length ?? 0) > 0 || (deletionGracePeriodSeconds ?? 0) > 0) return false;
  return mayRemove?.(object) ?? true;
}
