import { apiVersionOf, type GroupVersionKind, parseApiVersion } from '#api/meta/resource-ref.ts';
import type { ApiObject, ListMeta } from '#api/meta/types.ts';
import type { ProtobufCodec } from '#api/schema/protobuf.ts';
import { formatYaml } from '#base/yaml.ts';
import type { ResourceDefinition } from '../resource.ts';
import { joinEntries } from '../state/bucket.ts';
import type { Reply } from '../verbs/call.ts';
import { type Form, MEDIA_TYPES } from './negotiate.ts';
import { type IncludeObject, makeTable, toPartial } from './table.ts';

/** A finished body. */
export interface Encoded {
  readonly contentType: string;
  /** To be sent one after the other. */
  readonly parts: readonly Buffer[];
}

export interface EncodeOptions {
  readonly form: Form;
  readonly definition: ResourceDefinition | undefined;
  readonly includeObject: IncludeObject;
  readonly codec: ProtobufCodec;
}

/** The kind of a resource's lists. */
export function listKind({ kind }: { readonly kind: string }): string {
  return `${kind}List`;
}

/** Puts an answer into the form the client chose. */
export function encodeReply(reply: Reply, options: EncodeOptions): Encoded {
  return reply.type === 'list' ? encodeList(reply, options) : encodeOne(reply, options);
}

function encodeOne(reply: Extract<Reply, { type: 'object' }>, options: EncodeOptions): Encoded {
  const { form, definition, includeObject } = options;
  const object = reply.object as ApiObject;
  if (form.as === 'object') {
    if (form.media === 'json' && reply.bytes !== undefined && !form.pretty) {
      return { contentType: MEDIA_TYPES.json, parts: [reply.bytes] };
    }
    return encodeValue(object, options);
  }
  if (form.as === 'partial') return encodeValue(toPartial(object, form.version), options);
  if (definition === undefined) return encodeValue(object, options);
  const metadata = { resourceVersion: object.metadata.resourceVersion };
  return encodeValue(
    makeTable({ definition, objects: [object], metadata, includeObject, ...form, withColumns: true, now: new Date() }),
    options,
  );
}

function encodeList(reply: Extract<Reply, { type: 'list' }>, options: EncodeOptions): Encoded {
  const { form, definition, includeObject, codec } = options;
  if (definition === undefined) throw new Error('A list needs a resource');
  const { meta, entries } = reply;
  const objects = () => entries.map(({ object }) => object);
  if (form.as === 'table') {
    const table = { definition, objects: objects(), metadata: meta, includeObject, ...form };
    return encodeValue(makeTable({ ...table, withColumns: true, now: new Date() }), options);
  }
  if (form.as === 'partial') {
    const items = objects().map((object) => toPartial(object, form.version));
    const head = { kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${form.version}` };
    return encodeValue({ ...head, metadata: meta, items }, options);
  }
  const kind = listKind(definition.ref);
  const apiVersion = apiVersionOf(definition.ref);
  if (form.media === 'protobuf') {
    const items = entries.map(({ object }) => codec.encodeObject(definition.ref, object));
    const body = codec.encodeList({ ...definition.ref, kind }, meta, items);
    return { contentType: MEDIA_TYPES.protobuf, parts: [asBuffer(body)] };
  }
  if (form.media !== 'json' || form.pretty) {
    return encodeValue({ kind, apiVersion, metadata: meta, items: objects() }, options);
  }
  return { contentType: MEDIA_TYPES.json, parts: listParts({ kind, apiVersion, meta }, reply) };
}

interface ListHead {
  readonly kind: string;
  readonly apiVersion: string;
  readonly meta: ListMeta;
}

const LIST_END = Buffer.from(']}\n');

function listParts(
  { kind, apiVersion, meta }: ListHead,
  { joined, entries }: Extract<Reply, { type: 'list' }>,
): Buffer[] {
  const head = JSON.stringify({ kind, apiVersion, metadata: meta });
  const items = joined?.() ?? joinEntries(entries);
  return [Buffer.from(`${head.slice(0, -1)},"items":[`), items, LIST_END];
}

/** Any value as JSON, YAML or protobuf; what protobuf cannot say becomes JSON. */
export function encodeValue(value: unknown, { form, codec }: Pick<EncodeOptions, 'form' | 'codec'>): Encoded {
  if (form.media === 'yaml') return { contentType: MEDIA_TYPES.yaml, parts: [Buffer.from(formatYaml(value))] };
  if (form.media === 'protobuf') {
    const typed = value as { kind?: string; apiVersion?: string };
    if (knows(codec, typed)) {
      const body = codec.encode(typed);
      return { contentType: MEDIA_TYPES.protobuf, parts: [asBuffer(body)] };
    }
  }
  const text = JSON.stringify(value, undefined, form.pretty ? 2 : undefined);
  return { contentType: MEDIA_TYPES.json, parts: [Buffer.from(`${text}\n`)] };
}

function asBuffer({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

function knows(codec: ProtobufCodec, { kind = '', apiVersion = '' }: { kind?: string; apiVersion?: string }): boolean {
  const gvk: GroupVersionKind = { ...parseApiVersion(apiVersion), kind };
  return codec.knows(gvk);
}
