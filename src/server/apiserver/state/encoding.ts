import type { ApiObject } from '#api/meta/types.ts';

const METADATA = Buffer.from('"metadata":{');

/**
 * The object as the store keeps it: JSON that starts with kind, apiVersion and metadata, without the resourceVersion,
 * which is known only once the write has its revision.
 */
export function encodeStored({ kind, apiVersion, metadata, ...rest }: ApiObject): Buffer {
  const { resourceVersion: _, ...meta } = metadata;
  return Buffer.from(JSON.stringify({ kind, apiVersion, metadata: meta, ...rest }));
}

/** The object's final bytes: as stored, with the resourceVersion put in. Nothing is parsed. */
export function withRevision(stored: Buffer, revision: number): Buffer {
  const start = stored.indexOf(METADATA) + METADATA.length;
  const isEmpty = stored[start] === 0x7d;
  const insert = `"resourceVersion":"${revision}"${isEmpty ? '' : ','}`;
  const result = Buffer.allocUnsafe(stored.length + insert.length);
  stored.copy(result, 0, 0, start);
  result.write(insert, start, 'latin1');
  stored.copy(result, start + insert.length, start);
  return result;
}
