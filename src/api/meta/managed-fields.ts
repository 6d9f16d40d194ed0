import type { Schema, SchemaRegistry } from '../schema/schema.ts';
import { deepEqual } from './clone.ts';
import {
  difference,
  EMPTY_SET,
  type FieldSet,
  fieldSetFromPaths,
  isEmptySet,
  isMember,
  parseFieldSet,
  recursiveDifference,
  union,
} from './field-set.ts';
import { goQuote } from './go-text.ts';
import { isJsonObject, type JsonObject } from './json.ts';
import { formatTime, parseTime } from './time.ts';
import { type Comparison, compareFields } from './typed-compare.ts';
import type { ManagedFieldsEntry } from './types.ts';

/** An object whose ownership is tracked; only its metadata is looked at by name. */
export interface TrackedObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata?: object | undefined;
}

/** One manager's fields. The identity of an Apply entry does not include the version. */
export interface Ownership {
  readonly manager: string;
  readonly operation: 'Apply' | 'Update';
  readonly apiVersion: string;
  readonly subresource: string;
  readonly time: string | undefined;
  readonly fields: FieldSet;
  /** The entry this was read from, reused as long as nothing changed. */
  readonly entry?: ManagedFieldsEntry;
}

/** Who writes, where, and what they cannot own there. */
export interface TrackContext {
  readonly schema: Schema;
  readonly registry: SchemaRegistry;
  readonly manager: string;
  readonly apiVersion: string;
  /** Empty for the main resource. */
  readonly subresource?: string | undefined;
  /** Fields this endpoint ignores (`status` on the main resource): see `fieldSetFromPaths`. */
  readonly resetFields?: FieldSet | undefined;
  readonly now: Date;
}

/** Update entries beyond this many are folded together, oldest first. */
const MAX_UPDATE_MANAGERS = 10;
const ANCIENT_CHANGES = 'ancient-changes';

const SYSTEM_METADATA = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'clusterName',
  'generation',
  'managedFields',
  'resourceVersion',
];

/** Fields that nobody owns. */
export const UNOWNED: FieldSet = fieldSetFromPaths([
  ['apiVersion'],
  ['kind'],
  ['metadata'],
  ...SYSTEM_METADATA.map((field) => ['metadata', field]),
]);
const UNOWNED_METADATA = new Set(SYSTEM_METADATA);

interface UpdateInput extends TrackContext {
  /** The stored object; undefined when the object is created. */
  readonly old: TrackedObject | undefined;
  /** The object as it will be stored. Its managedFields are those the client sent. */
  readonly new: TrackedObject;
}

/**
 * The managedFields after a write that is no apply: the writer gains what changed, others lose it. Entries that did not
 * change are returned as they were, and the list itself if none did. Undefined: the object is not tracked.
 */
export function updateManagedFields(input: UpdateInput): ManagedFieldsEntry[] | undefined {
  const sent = managedFieldsOf(input.new);
  const stored = input.old === undefined ? undefined : managedFieldsOf(input.old);
  const ownerships = currentOwnerships(stored, sent, (input.subresource ?? '') !== '');
  // An object that never was tracked stays so until somebody applies.
  if (ownerships.length === 0 && input.old !== undefined) return undefined;
  const updated = capUpdates(trackUpdate(ownerships, input));
  return encodeOwnerships(updated, stored);
}

/** The ownerships after a write that is no apply. */
export function trackUpdate(ownerships: readonly Ownership[], input: UpdateInput): Ownership[] {
  const changes = compareObjects(input.old, input.new, input);
  return trackChanges(ownerships, changes, input);
}

function trackChanges(ownerships: readonly Ownership[], changes: Comparison, context: TrackContext): Ownership[] {
  const gained = union(changes.added, changes.modified);
  const result = loseFields(ownerships, union(gained, changes.removed));
  if (isEmptySet(gained)) return result;
  const { manager, apiVersion, subresource = '', now } = context;
  const own = { manager: manager === '' ? 'unknown' : manager, operation: 'Update', apiVersion, subresource } as const;
  const index = result.findIndex((candidate) => isSameManager(candidate, own));
  const fields = union(result[index]?.fields ?? EMPTY_SET, gained);
  const updated: Ownership = { ...own, fields, time: formatTime(now) };
  if (index < 0) return [...result, updated];
  return result.with(index, updated);
}

/** The ownerships without these fields; who is left with nothing vanishes. */
export function loseFields(ownerships: readonly Ownership[], lost: FieldSet): Ownership[] {
  if (isEmptySet(lost)) return [...ownerships];
  const result: Ownership[] = [];
  for (const ownership of ownerships) {
    const fields = difference(ownership.fields, lost);
    if (fields === ownership.fields) result.push(ownership);
    else if (!isEmptySet(fields)) result.push(withFields(ownership, fields));
  }
  return result;
}

/** The same manager with other fields. */
export function withFields({ entry: _, ...ownership }: Ownership, fields: FieldSet): Ownership {
  return { ...ownership, fields };
}

type Identity = Pick<Ownership, 'manager' | 'operation' | 'apiVersion' | 'subresource'>;

/** Whether two entries are of one manager. */
export function isSameManager(a: Identity, b: Identity): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  );
}

/** What changed between two objects, without what nobody owns and what this endpoint ignores. */
export function compareObjects(
  before: TrackedObject | undefined,
  after: TrackedObject,
  { schema, registry, resetFields = EMPTY_SET }: Pick<TrackContext, 'schema' | 'registry' | 'resetFields'>,
): Comparison {
  const left = (before ?? { metadata: {} }) as JsonObject;
  const right = after as unknown as JsonObject;
  const isIgnored = (key: string) => {
    const node = resetFields[`f:${key}`];
    return node !== undefined && isMember(node);
  };
  const skip = (key: string) => key === 'apiVersion' || key === 'kind' || isIgnored(key);
  const changes = compareFields(withoutSystemMetadata(left), withoutSystemMetadata(right), schema, { registry, skip });
  return isEmptySet(resetFields) ? changes : withoutReset(changes, resetFields);
}

function withoutReset({ added, modified, removed }: Comparison, resetFields: FieldSet): Comparison {
  return {
    added: recursiveDifference(added, resetFields),
    modified: recursiveDifference(modified, resetFields),
    removed: recursiveDifference(removed, resetFields),
  };
}

function withoutSystemMetadata(object: JsonObject): JsonObject {
  const metadata: JsonObject = {};
  const given = object['metadata'];
  if (isJsonObject(given)) {
    for (const key in given) if (!UNOWNED_METADATA.has(key)) metadata[key] = given[key];
  }
  return { ...object, metadata };
}

/** The managedFields of an object as they stand in it. */
export function managedFieldsOf(object: TrackedObject): readonly ManagedFieldsEntry[] | undefined {
  const managedFields = (object.metadata as { managedFields?: ManagedFieldsEntry[] | null } | undefined)?.managedFields;
  return managedFields ?? undefined;
}

/** What counts as current: what the client sent if it is valid, nothing if it asks for a reset, else what is stored. */
function currentOwnerships(
  stored: readonly ManagedFieldsEntry[] | undefined,
  sent: readonly ManagedFieldsEntry[] | undefined,
  isSubresource: boolean,
): Ownership[] {
  const known = () => decodeOwnerships(stored) ?? [];
  if (isSubresource || sent === undefined || sent === stored) return known();
  const [first] = sent;
  if (first === undefined || (sent.length === 1 && Object.keys(first).length === 0)) return [];
  if (stored !== undefined && deepEqual(sent, stored)) return known();
  return decodeOwnerships(sent, { canonical: false }) ?? known();
}

/** Reads entries; undefined if one is malformed. Entries from a client are brought into canonical form. */
export function decodeOwnerships(
  entries: readonly ManagedFieldsEntry[] | undefined,
  { canonical = true } = {},
): Ownership[] | undefined {
  const result: Ownership[] = [];
  for (const entry of entries ?? []) {
    const { manager = '', operation, apiVersion = '', subresource = '', time, fieldsType, fieldsV1 } = entry;
    if ((operation !== 'Apply' && operation !== 'Update') || apiVersion === '' || fieldsType !== 'FieldsV1')
      return undefined;
    const given = (fieldsV1 ?? EMPTY_SET) as FieldSet;
    const fields = canonical ? given : parseFieldSet(given);
    if (fields === undefined) return undefined;
    const read: Ownership = { manager, operation, apiVersion, subresource, time, fields };
    result.push(canonical ? { ...read, entry } : read);
  }
  return result;
}

/** Entries in the API's order. Gives `stored` back if it says the same. */
export function encodeOwnerships(
  ownerships: readonly Ownership[],
  stored: readonly ManagedFieldsEntry[] | undefined,
): ManagedFieldsEntry[] | undefined {
  if (ownerships.length === 0) return undefined;
  const entries = ownerships
    .filter(({ fields }) => !isEmptySet(fields))
    .sort(compareOwnerships)
    .map((ownership) => ownership.entry ?? encodeOwnership(ownership));
  const isSame = entries.length === stored?.length && entries.every((entry, index) => entry === stored[index]);
  return isSame ? (stored as ManagedFieldsEntry[]) : entries;
}

function encodeOwnership({ manager, operation, apiVersion, time, fields, subresource }: Ownership): ManagedFieldsEntry {
  return {
    manager,
    operation,
    apiVersion,
    ...(time === undefined ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(subresource === '' ? {} : { subresource }),
  } as ManagedFieldsEntry;
}

const secondsOf = ({ time }: Ownership) => Math.floor((time === undefined ? 0 : (parseTime(time) ?? 0)) / 1000);
const textOrder = (a: string, b: string) => (a < b ? -1 : Number(a > b));

function compareOwnerships(a: Ownership, b: Ownership): number {
  return (
    textOrder(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    textOrder(a.manager, b.manager) ||
    textOrder(a.apiVersion, b.apiVersion) ||
    textOrder(a.subresource, b.subresource)
  );
}

/** Folds the oldest Update entries of each version into one until there are few enough. */
export function capUpdates(ownerships: readonly Ownership[]): Ownership[] {
  const updates = ownerships.filter(({ operation }) => operation === 'Update');
  let excess = updates.length - MAX_UPDATE_MANAGERS;
  if (excess <= 0) return [...ownerships];
  const remaining = new Set(ownerships);
  const firsts = new Map<string, Ownership>();
  const buckets = new Map<string, Ownership>();
  updates.sort((a, b) => secondsOf(a) - secondsOf(b) || textOrder(a.manager, b.manager));
  for (const update of updates) {
    if (excess <= 0) break;
    const { apiVersion } = update;
    const first = firsts.get(apiVersion);
    if (first === undefined) {
      firsts.set(apiVersion, update);
      continue;
    }
    const bucket = buckets.get(apiVersion) ?? first;
    remaining.delete(bucket);
    remaining.delete(update);
    const folded: Ownership = {
      manager: ANCIENT_CHANGES,
      operation: 'Update',
      apiVersion,
      subresource: '',
      time: update.time,
      fields: union(bucket.fields, update.fields),
    };
    buckets.set(apiVersion, folded);
    remaining.add(folded);
    excess--;
  }
  return [...remaining];
}

/** A manager as conflicts name it: `"mgr" with subresource "status" using apps/v1`. */
export function printManager({ manager, operation, apiVersion, subresource }: Identity): string {
  const part = subresource === '' ? '' : ` with subresource ${goQuote(subresource)}`;
  return `${goQuote(manager)}${part}${operation === 'Update' ? ` using ${apiVersion}` : ''}`;
}
