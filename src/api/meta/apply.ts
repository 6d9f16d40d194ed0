import type { Schema, SchemaRegistry } from '../schema/schema.ts';
import { deepClone, deepEqual } from './clone.ts';
import { type ApplyConflict, applyConflict, badRequest } from './errors.ts';
import {
  difference,
  EMPTY_SET,
  type FieldSet,
  intersection,
  isEmptySet,
  isSubset,
  printPaths,
  recursiveDifference,
  union,
} from './field-set.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import {
  capUpdates,
  compareObjects,
  decodeOwnerships,
  encodeOwnerships,
  isSameManager,
  loseFields,
  managedFieldsOf,
  type Ownership,
  printManager,
  type TrackContext,
  type TrackedObject,
  trackUpdate,
  UNOWNED,
  withFields,
} from './managed-fields.ts';
import { parseApiVersion } from './resource-ref.ts';
import { formatTime } from './time.ts';
import { compareTyped } from './typed-compare.ts';
import { mergeTyped, removePaths } from './typed-merge.ts';
import { validateTyped } from './typed-validate.ts';
import { fieldSetOf, withNamedParents } from './typed-value.ts';
import type { ManagedFieldsEntry } from './types.ts';

const BEFORE_FIRST_APPLY = 'before-first-apply';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** The one manager whose client-side past is forgiven. */
const KUBECTL = 'kubectl';

export interface ApplyInput extends TrackContext {
  /** The stored object; undefined if there is none yet. */
  readonly live: TrackedObject | undefined;
  /** The applied configuration, decoded. */
  readonly config: TrackedObject;
  /** The kind the URL stands for. */
  readonly kind: string;
  /** Take fields from other managers instead of failing. */
  readonly force: boolean;
}

export interface ApplyResult {
  /** A new object with its managedFields; parts that did not change are shared with `live`. Not yet defaulted. */
  readonly object: JsonObject;
  /** Fields taken from others by force. */
  readonly conflicts: readonly ApplyConflict[];
  /** Whether anything besides managedFields differs from `live`. */
  readonly changed: boolean;
}

/**
 * Server-side apply: lays the configuration over the live object, removes what this manager stated before and nobody
 * owns any more, and records ownership. Throws BadRequest for a configuration that does not fit the kind, and Conflict
 * when it would take fields of others without force.
 */
export function applyPatch(input: ApplyInput): ApplyResult {
  checkConfig(input);
  const base: JsonObject = input.live === undefined ? newObject(input) : (input.live as JsonObject);
  const stored = input.live === undefined ? undefined : managedFieldsOf(input.live);
  const known = decodeOwnerships(stored) ?? [];
  const ownerships = known.length > 0 || input.live === undefined ? known : ownExisting(input, input.live);
  const outcome = applyTo(base, ownerships, input);
  const { now, manager } = input;
  const changed =
    input.live === undefined || !deepEqual(withoutManagedFields(base), withoutManagedFields(outcome.object));
  const timed = outcome.ownerships.map((ownership) =>
    changed && isOwn(ownership, input)
      ? { ...withFields(ownership, ownership.fields), time: formatTime(now) }
      : ownership,
  );
  const object = manager === KUBECTL ? refreshLastApplied(outcome.object, input.config) : outcome.object;
  const encoded = encodeOwnerships(timed, stored);
  return { object: withManagedFields(object, encoded), conflicts: outcome.conflicts, changed };
}

function newObject({ apiVersion, kind }: ApplyInput): JsonObject {
  return { apiVersion, kind, metadata: {} };
}

/** What stood there before anybody applied belongs to a manager of that name. */
function ownExisting(input: ApplyInput, live: TrackedObject): Ownership[] {
  return capUpdates(trackUpdate([], { ...input, manager: BEFORE_FIRST_APPLY, old: undefined, new: live }));
}

function checkConfig({ config, kind, apiVersion, schema, registry }: ApplyInput): void {
  if (config.kind !== kind) {
    const { group, version } = parseApiVersion(config.apiVersion ?? '');
    throw badRequest(`invalid object type: ${group}/${version}, Kind=${config.kind ?? ''}`);
  }
  if (config.apiVersion !== apiVersion) {
    const sent = config.apiVersion ?? '';
    throw badRequest(
      `Incorrect version specified in apply patch. Specified patch version: ${sent}, expected: ${apiVersion}`,
    );
  }
  if (managedFieldsOf(config) !== undefined) throw badRequest('metadata.managedFields must be nil');
  const problems = validateTyped(config, schema, registry);
  if (problems.length === 0) return;
  const { name = '', namespace = '<unknown>' } = (config.metadata ?? {}) as { name?: string; namespace?: string };
  const list = problems.length === 1 ? problems[0] : ['errors:', ...problems].join('\n  ');
  throw badRequest(`failed to create typed patch object (${namespace}/${name}; ${apiVersion}, Kind=${kind}): ${list}`);
}

interface Outcome {
  readonly object: JsonObject;
  readonly ownerships: Ownership[];
  readonly conflicts: readonly ApplyConflict[];
}

function applyTo(live: JsonObject, ownerships: readonly Ownership[], input: ApplyInput): Outcome {
  const { schema, registry, config, resetFields = EMPTY_SET } = input;
  const last = ownerships.find((ownership) => isOwn(ownership, input));
  const others = ownerships.filter((ownership) => ownership !== last);
  const stated = recursiveDifference(fieldSetOf(config, schema, registry), resetFields);
  const merged = mergeTyped(live, config, schema, registry) as JsonObject;
  const owned = others.reduce((all, { fields }) => union(all, fields), stated);
  const object = last === undefined ? merged : prune(merged, { last: last.fields, owned, stated }, input);
  const changes = compareObjects(live, object, input);
  const contested = collectConflicts(others, union(changes.modified, changes.added));
  const forgiven = isEmptySet(contested.fields) || input.force ? contested : forgive(contested, live, others, input);
  if (!input.force && forgiven.conflicts.length > 0) throw applyConflict(forgiven.conflicts);
  const remaining = loseFields(others, union(contested.fields, changes.removed));
  const fields = difference(stated, UNOWNED);
  if (isEmptySet(fields)) return { object, ownerships: remaining, conflicts: contested.conflicts };
  return { object, ownerships: [...remaining, ownOwnership(input, last, fields)], conflicts: contested.conflicts };
}

function ownOwnership(input: ApplyInput, last: Ownership | undefined, fields: FieldSet): Ownership {
  const { manager, apiVersion, subresource = '' } = input;
  if (last === undefined) return { manager, operation: 'Apply', apiVersion, subresource, time: undefined, fields };
  const isSame = last.apiVersion === apiVersion && isSubset(fields, last.fields) && isSubset(last.fields, fields);
  return isSame ? last : { ...withFields(last, fields), apiVersion };
}

function isOwn(ownership: Ownership, { manager, apiVersion, subresource = '' }: ApplyInput): boolean {
  return isSameManager(ownership, { manager, apiVersion, subresource, operation: 'Apply' });
}

interface Contested {
  readonly fields: FieldSet;
  readonly conflicts: readonly ApplyConflict[];
}

function collectConflicts(others: readonly Ownership[], changed: FieldSet): Contested {
  let fields = EMPTY_SET;
  const conflicts: ApplyConflict[] = [];
  for (const other of others) {
    const shared = intersection(other.fields, changed);
    if (isEmptySet(shared)) continue;
    fields = union(fields, shared);
    const manager = printManager(other);
    for (const field of printPaths(shared)) conflicts.push({ manager, field });
  }
  return { fields, conflicts };
}

/** Conflicts of kubectl over what its own client-side apply put there, and nobody changed since, are none. */
function forgive(contested: Contested, live: JsonObject, others: readonly Ownership[], input: ApplyInput): Contested {
  const allowed = input.manager === KUBECTL ? unchangedSinceLastApplied(live, input) : EMPTY_SET;
  const rest = difference(contested.fields, allowed);
  return rest === contested.fields ? contested : collectConflicts(others, rest);
}

function unchangedSinceLastApplied(live: JsonObject, { schema, registry, apiVersion }: ApplyInput): FieldSet {
  const text = annotationsOf(live)?.[LAST_APPLIED];
  if (typeof text !== 'string' || text === '') return EMPTY_SET;
  let applied: unknown;
  try {
    applied = JSON.parse(text);
  } catch {
    return EMPTY_SET;
  }
  if (!isJsonObject(applied) || applied['apiVersion'] !== apiVersion) return EMPTY_SET;
  const { added, modified, removed } = compareTyped(applied, live, schema, registry);
  const set = fieldSetOf(applied, schema, registry);
  return [modified, added, removed].reduce(difference, set);
}

interface PruneSets {
  /** What this manager stated last time. */
  readonly last: FieldSet;
  /** What anybody states now. */
  readonly owned: FieldSet;
  readonly stated: FieldSet;
}

/** Removes what was stated last time and now has no owner, with the objects and items that thereby have none. */
function prune(merged: JsonObject, { last, owned, stated }: PruneSets, { schema, registry }: ApplyInput): JsonObject {
  if (isSubset(last, stated)) return merged;
  const full = (set: FieldSet) => withNamedParents(set, schema, registry);
  const setOf = (value: unknown) => full(fieldSetOf(value, schema, registry));
  const lastFull = full(last);
  const all = setOf(merged);
  const bare = removePaths(merged, lastFull, schema, registry);
  const restored = removePaths(merged, difference(all, union(setOf(bare), full(owned))), schema, registry);
  // What was never stated must not go: only the part of the loss that last time's configuration covers.
  const gone = intersection(difference(all, setOf(restored)), lastFull);
  return removePaths(merged, gone, schema, registry) as JsonObject;
}

function annotationsOf(object: JsonObject): JsonObject | undefined {
  const metadata = object['metadata'];
  const annotations = isJsonObject(metadata) ? metadata['annotations'] : undefined;
  return isJsonObject(annotations) ? annotations : undefined;
}

/** Keeps the annotation of client-side apply true, where there is one. */
function refreshLastApplied(object: JsonObject, config: TrackedObject): JsonObject {
  const annotations = annotationsOf(object);
  if (annotations === undefined || (annotations[LAST_APPLIED] ?? '') === '') return object;
  const applied = deepClone(config) as unknown as JsonObject;
  const own = annotationsOf(applied);
  if (own !== undefined) delete own[LAST_APPLIED];
  const text = `${JSON.stringify(applied)}\n`;
  const metadata = { ...(object['metadata'] as JsonObject), annotations: { ...annotations, [LAST_APPLIED]: text } };
  return { ...object, metadata };
}

function withoutManagedFields(object: JsonObject): JsonObject {
  const { managedFields: _, ...metadata } = (object['metadata'] ?? {}) as JsonObject;
  return { ...object, metadata };
}

function withManagedFields(object: JsonObject, managedFields: ManagedFieldsEntry[] | undefined): JsonObject {
  const { managedFields: _, ...metadata } = (object['metadata'] ?? {}) as JsonObject;
  return { ...object, metadata: managedFields === undefined ? metadata : { ...metadata, managedFields } };
}

/** What `fieldSetOf` gives for a whole object, without what nobody owns: for clients that extract their own fields. */
export function ownedFieldsOf(object: TrackedObject, schema: Schema, registry: SchemaRegistry): FieldSet {
  return difference(fieldSetOf(object, schema, registry), UNOWNED);
}
