import { deepFreeze } from '#api/meta/clone.ts';
import { parseStrictJson } from '#api/meta/strict-json.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { withRevision } from './encoding.ts';

/** One version of one object: the only copy the server holds. */
export interface Entry {
  /** `namespace/name` or `name`: unique within the resource, and its order in lists. */
  readonly key: string;
  readonly revision: number;
  /** Deeply frozen, with its resourceVersion. */
  readonly object: ApiObject;
  /** The same as JSON. */
  readonly bytes: Buffer;
}

/** What happened to one object, as every watcher of its resource sees it. */
export interface ResourceEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly revision: number;
  /** For DELETED: the last state, with the revision of the deletion. */
  readonly entry: Entry;
  readonly previous: Entry | undefined;
}

/** Makes the entry of a stored value. `object` spares the parsing when the writer still has it; it becomes frozen. */
export function makeEntry(stored: {
  key: string;
  value: Buffer;
  revision: number;
  object?: ApiObject | undefined;
}): Entry {
  const { key, value, revision } = stored;
  const object = stored.object ?? (parseStrictJson(value).value as ApiObject);
  object.metadata.resourceVersion = String(revision);
  return { key, revision, object: deepFreeze(object), bytes: withRevision(value, revision) };
}

/** The same state under another revision: what a DELETED event shows. */
export function atRevision({ key, object }: Entry, value: Buffer, revision: number): Entry {
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  return { key, revision, object: deepFreeze({ ...object, metadata }), bytes: withRevision(value, revision) };
}

/** What a watcher whose selection an object has left is shown: the old content under the revision of the change. */
export function leftAt({ key, object }: Entry, revision: number): Entry {
  const metadata = { ...object.metadata, resourceVersion: String(revision) };
  const left = deepFreeze({ ...object, metadata });
  return { key, revision, object: left, bytes: Buffer.from(JSON.stringify(left)) };
}
