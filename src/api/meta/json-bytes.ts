import type { JsonObject } from './json.ts';

const METADATA_START = '"metadata":{';
/** Kind, apiVersion and what stands between them hardly take more; the search for metadata ends there. */
const HEAD_LIMIT = 1024;
const CLOSING_BRACE = 125;

/**
 * Encodes an object once for all who will read it: kind, apiVersion and metadata come first and the resourceVersion is
 * left out, so that `withResourceVersion` can put one in without parsing.
 */
export function encodeObject(object: object): Buffer {
  const { kind, apiVersion, metadata = {}, ...rest } = object as JsonObject;
  const { resourceVersion: _, ...head } = metadata as JsonObject;
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: head, ...rest }));
}

/** Offset behind `"metadata":{` in bytes made by `encodeObject`; it is the same for all objects of a kind. */
export function headLength(bytes: Uint8Array): number {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, HEAD_LIMIT));
  const start = head.indexOf(METADATA_START, 0, 'latin1');
  if (start < 0) throw new Error('Cannot find the metadata in an encoded object');
  return start + METADATA_START.length;
}

/** The bytes with this resourceVersion as the first field of metadata. Pass the head's length where it is known. */
export function withResourceVersion(bytes: Uint8Array, revision: number | string, head = headLength(bytes)): Buffer {
  const comma = bytes[head] === CLOSING_BRACE ? '' : ',';
  const field = `"resourceVersion":"${revision}"${comma}`;
  const result = Buffer.allocUnsafe(bytes.length + field.length);
  result.set(bytes.subarray(0, head), 0);
  result.write(field, head, 'latin1');
  result.set(bytes.subarray(head), head + field.length);
  return result;
}

/** The object without `metadata.managedFields`; everything else is shared with it. */
export function withoutManagedFields<T extends object>(object: T): T {
  const { metadata } = object as { metadata?: JsonObject };
  if (metadata?.['managedFields'] === undefined) return object;
  const { managedFields: _, ...rest } = metadata;
  return { ...object, metadata: rest };
}
