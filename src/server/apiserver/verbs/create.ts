import { randomUUID } from 'node:crypto';
import { alreadyExists, alreadyExistsTerminating, badRequest, generateNameConflict } from '#api/meta/errors.ts';
import { generateName } from '#api/meta/names.ts';
import { keyOf } from '#api/meta/resource-ref.ts';
import { formatTime } from '#api/meta/time.ts';
import type { Entry } from '../state/entry.ts';
import { type Call, entryReply, type Mutable, objectReply, type Reply, type VerbDeps } from './call.ts';
import { decodeObject } from './decode.ts';
import { trackFields } from './field-tracking.ts';
import { parseWriteOptions, type WriteOptions } from './options.ts';
import {
  admissionRequest,
  applyAllDefaults,
  contextOf,
  failIfAny,
  optionsObject,
  requireValid,
  settleNamespace,
  settleOwners,
  targetOf,
} from './write-support.ts';

const GENERATE_ATTEMPTS = 8;

/** POST to a collection: stores a new object, or answers a review. */
export async function createObject(deps: VerbDeps, call: Call): Promise<Reply> {
  const { definition } = call.served;
  const options = parseWriteOptions(call, 'CreateOptions');
  const object = decodeObject(call, targetOf(deps, definition), options.fieldValidation);
  if (definition.answer !== undefined) return answerReview(deps, call, object, options);
  return storeNew(deps, call, { object, options });
}

async function answerReview(deps: VerbDeps, call: Call, object: Mutable, { dryRun }: WriteOptions): Promise<Reply> {
  const { definition } = call.served;
  const context = contextOf(deps, call, dryRun);
  if (definition.ref.namespaced) settleNamespace(object, call);
  applyAllDefaults(deps, definition, object);
  failIfAny(definition, object, definition.validate?.(object, context) ?? []);
  return objectReply(await definition.answer?.(object, context), 201);
}

export interface NewObject {
  readonly object: Mutable;
  readonly options: WriteOptions;
  /** The managed fields are right already: a server-side apply made the object. */
  readonly isTracked?: boolean;
}

/** The way of a new object from decoded to stored: also of PUT and apply where there was none. */
export async function storeNew(
  deps: VerbDeps,
  call: Call,
  { object, options, isTracked = false }: NewObject,
): Promise<Reply> {
  const { definition } = call.served;
  const { metadata } = object;
  if ((metadata.resourceVersion ?? '') !== '') {
    // Upstream blames itself for it, with 500.
    throw badRequest('resourceVersion should not be set on objects to be created');
  }
  settleNamespace(object, call);
  settleOwners(object, call);
  wipeSystemFields(object);
  const context = contextOf(deps, call, options.dryRun);
  const request = admissionRequest(call, {
    operation: 'CREATE',
    object,
    oldObject: undefined,
    options: optionsObject('CreateOptions', options),
    dryRun: options.dryRun,
  });
  applyAllDefaults(deps, definition, object);
  await deps.admission().mutate(request);
  const isGenerated = (metadata.name ?? '') === '' && (metadata.generateName ?? '') !== '';
  if (isGenerated) nameIt(object);
  metadata.uid = randomUUID();
  metadata.creationTimestamp = formatTime(context.now);
  if (definition.hasStatus) {
    delete object['status'];
    metadata.generation = 1;
  }
  // Again: admission may have added what has defaults, and an empty status has some of its own.
  applyAllDefaults(deps, definition, object);
  try {
    definition.prepareCreate?.(object, context);
    requireValid(deps, definition, object, context);
    await deps.admission().validate({ ...request, name: metadata.name ?? '' });
    if (!isTracked) trackFields(deps, call, { object, old: undefined, options, now: context.now });
    return await commitNew(deps, call, { object, options, isGenerated });
  } catch (error) {
    definition.release?.(object, undefined);
    throw error;
  }
}

function wipeSystemFields({ metadata }: Mutable): void {
  delete metadata.uid;
  delete metadata.creationTimestamp;
  delete metadata.deletionTimestamp;
  delete metadata.deletionGracePeriodSeconds;
  delete metadata.selfLink;
  delete metadata.generation;
  delete metadata.resourceVersion;
}

function nameIt({ metadata }: Mutable): void {
  metadata.name = generateName(metadata.generateName ?? '');
}

interface Commit {
  readonly object: Mutable;
  readonly options: WriteOptions;
  readonly isGenerated: boolean;
}

async function commitNew(
  { state }: VerbDeps,
  { served }: Call,
  { object, options, isGenerated }: Commit,
): Promise<Reply> {
  const { definition, storage } = served;
  const { ref, ttlSeconds } = definition;
  for (let attempt = 1; ; attempt++) {
    const { name = '' } = object.metadata;
    const inTheWay = served.get(keyOf(object));
    if (inTheWay === undefined) {
      if (options.dryRun) {
        definition.release?.(object, undefined);
        return objectReply(object, 201);
      }
      const result = await state.commit(storage, served.toStored(object), { expectRevision: 0, ttlSeconds });
      if (result.ok) return entryReply(served.show(result.entry), 201);
    }
    if (!isGenerated) throw existing(served.get(keyOf(object)) ?? inTheWay, ref, name);
    if (attempt === GENERATE_ATTEMPTS) throw generateNameConflict(ref, name);
    nameIt(object);
  }
}

function existing(entry: Entry | undefined, ref: Parameters<typeof alreadyExists>[0], name: string) {
  const isTerminating = entry?.object.metadata.deletionTimestamp !== undefined;
  return isTerminating ? alreadyExistsTerminating(ref, name) : alreadyExists(ref, name);
}
