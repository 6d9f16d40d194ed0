import { apiVersionOf, type GroupVersionKind, parseApiVersion } from '../meta/resource-ref.ts';
import type { BuiltinType } from './builtin-types.ts';
import { decodeMessage } from './protobuf-decode.ts';
import { encodeFields, writeMessageField } from './protobuf-encode.ts';
import { type MessageTable, MessageTables } from './protobuf-tables.ts';
import type { BuiltinSchemas } from './registry.ts';
import { BYTES, ProtobufError, WireReader, WireWriter } from './wire.ts';

export { ProtobufError } from './wire.ts';

/** `application/vnd.kubernetes.protobuf` bodies start with these bytes: "k8s" and zero. */
const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);

/** What wraps every protobuf object. */
export interface Envelope {
  readonly apiVersion: string;
  readonly kind: string;
  /** The object's message, without apiVersion and kind. */
  readonly raw: Uint8Array;
  /** Empty for protobuf. */
  readonly contentType: string;
}

/** Whether a body is in the protobuf envelope. */
export function isProtobuf(body: Uint8Array): boolean {
  return body.length >= MAGIC.length && MAGIC.equals(body.subarray(0, MAGIC.length));
}

/** Opens the envelope. Throws a `ProtobufError` for anything that is none. */
export function decodeEnvelope(body: Uint8Array): Envelope {
  if (!isProtobuf(body))
    throw new ProtobufError('provided data does not appear to be a protobuf message, expected prefix');
  const reader = new WireReader(body.subarray(MAGIC.length));
  let apiVersion = '';
  let kind = '';
  let contentType = '';
  let raw: Uint8Array = new Uint8Array();
  while (!reader.done) {
    const tag = reader.tag();
    if (tag === ((1 << 3) | BYTES)) {
      const outer = reader.enter();
      while (!reader.done) {
        const inner = reader.tag();
        if (inner === ((1 << 3) | BYTES)) apiVersion = reader.string();
        else if (inner === ((2 << 3) | BYTES)) kind = reader.string();
        else reader.skip(inner & 7);
      }
      reader.leave(outer);
    } else if (tag === ((2 << 3) | BYTES)) raw = reader.bytes();
    else if (tag === ((4 << 3) | BYTES)) contentType = reader.string();
    else reader.skip(tag & 7);
  }
  return { apiVersion, kind, raw, contentType };
}

/** Wraps an object's message. */
export function encodeEnvelope(apiVersion: string, kind: string, raw: Uint8Array): Uint8Array {
  const writer = new WireWriter(raw.length + apiVersion.length + kind.length + 64);
  envelope(writer, apiVersion, kind, () => writer.raw(raw));
  return writer.finish();
}

function envelope(writer: WireWriter, apiVersion: string, kind: string, body: () => void): void {
  // Go writes contentEncoding and contentType even when they are empty.
  writer.string('');
  writer.tag(4, BYTES);
  writer.string('');
  writer.tag(3, BYTES);
  writeMessageField(writer, 2, body);
  writeMessageField(writer, 1, () => {
    writer.string(kind);
    writer.tag(2, BYTES);
    writer.string(apiVersion);
    writer.tag(1, BYTES);
  });
  writer.raw(MAGIC);
}

/**
 * Turns built-in kinds from protobuf to the object their JSON would parse to, and back. `null`s of Go's JSON are left out.
 * Tables are made per type when a type is first met; one codec serves the whole process.
 */
export class ProtobufCodec {
  readonly #schemas: BuiltinSchemas;
  readonly #tables = new MessageTables();

  constructor(schemas: BuiltinSchemas) {
    this.#schemas = schemas;
  }

  /** Whether a kind has a protobuf form; custom resources have none. */
  knows(gvk: GroupVersionKind): boolean {
    return this.#schemas.getKind(gvk) !== undefined;
  }

  /** Decodes a whole body, envelope included. Throws a `ProtobufError` for broken bytes and unknown kinds. */
  decode(body: Uint8Array): Record<string, unknown> {
    const { apiVersion, kind, raw, contentType } = decodeEnvelope(body);
    if (contentType === 'application/json') return parseJson(raw);
    return this.decodeObject({ ...parseApiVersion(apiVersion), kind }, raw);
  }

  /** Decodes an object's message; `raw` of its envelope. */
  decodeObject(gvk: GroupVersionKind, raw: Uint8Array): Record<string, unknown> {
    const table = this.#table(this.#requireKind(gvk));
    const object: Record<string, unknown> = { apiVersion: apiVersionOf(gvk), kind: gvk.kind };
    decodeMessage(new WireReader(raw), table, object, { nested: (bytes) => this.decode(bytes), depth: 0 });
    return object;
  }

  /** Encodes a whole body, envelope included, of an object that says its apiVersion and kind. */
  encode(object: { readonly apiVersion?: string | undefined; readonly kind?: string | undefined }): Uint8Array {
    const { apiVersion = '', kind = '' } = object;
    const type = this.#requireKind({ ...parseApiVersion(apiVersion), kind });
    const writer = new WireWriter();
    envelope(writer, apiVersion, kind, () => encodeFields(writer, this.#table(type), object));
    return writer.finish();
  }

  /** The message of an object, as it stands in an envelope or among a list's items. */
  encodeObject(gvk: GroupVersionKind, object: object): Uint8Array {
    const writer = new WireWriter();
    encodeFields(writer, this.#table(this.#requireKind(gvk)), object);
    return writer.finish();
  }

  /** A whole list body from items that are encoded already by `encodeObject`. */
  encodeList(listGvk: GroupVersionKind, metadata: object, items: readonly Uint8Array[]): Uint8Array {
    const meta = this.#table(this.#schemas.requireType('io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta'));
    const size = items.reduce((sum, item) => sum + item.length + 8, 256);
    const writer = new WireWriter(size);
    envelope(writer, apiVersionOf(listGvk), listGvk.kind, () => {
      for (let i = items.length - 1; i >= 0; i--) {
        writer.bytes(items[i] ?? new Uint8Array());
        writer.tag(2, BYTES);
      }
      writeMessageField(writer, 1, () => encodeFields(writer, meta, metadata));
    });
    return writer.finish();
  }

  #requireKind(gvk: GroupVersionKind): BuiltinType {
    const type = this.#schemas.getKind(gvk);
    if (type === undefined) {
      throw new ProtobufError(`no kind "${gvk.kind}" is registered for version "${apiVersionOf(gvk)}" in protobuf`);
    }
    return type;
  }

  #table(type: BuiltinType): MessageTable {
    return this.#tables.of(type);
  }
}

/** One event of a protobuf watch: its length in four bytes, then the event around a whole body of `encode`. */
export function encodeWatchFrame(type: string, body: Uint8Array): Uint8Array {
  const writer = new WireWriter(body.length + type.length + 32);
  writeMessageField(writer, 2, () => {
    writer.bytes(body);
    writer.tag(1, BYTES);
  });
  writer.string(type);
  writer.tag(1, BYTES);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(writer.length);
  writer.raw(length);
  return writer.finish();
}

function parseJson(raw: Uint8Array): Record<string, unknown> {
  try {
    return JSON.parse(Buffer.from(raw).toString('utf8')) as Record<string, unknown>;
  } catch (cause) {
    throw new ProtobufError('Cannot decode the JSON inside a protobuf message', { cause });
  }
}
