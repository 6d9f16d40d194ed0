import { apiVersionOf } from '#api/meta/resource-ref.ts';
import type { Status } from '#api/meta/types.ts';
import { encodeWatchFrame, type ProtobufCodec } from '#api/schema/protobuf.ts';
import { encodeValue } from '../forms/encode.ts';
import { type Form, MEDIA_TYPES } from '../forms/negotiate.ts';
import { type IncludeObject, makeTable, toPartial } from '../forms/table.ts';
import type { ResourceDefinition } from '../resource.ts';
import type { Entry } from '../state/entry.ts';
import type { WatchBatch, WatchedEvent } from './watch-session.ts';

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';
const PARTIAL_KIND = 'PartialObjectMetadata';

export interface WatchForm {
  readonly form: Form;
  readonly includeObject: IncludeObject;
}

/** Encodes watch events, each once for all watchers that want the same form. One per resource version served. */
export class WatchEncoder {
  readonly #definition: ResourceDefinition;
  readonly #codec: ProtobufCodec;
  /** What was encoded in this turn; every watcher is told in the turn of the change, so nothing need be kept longer. */
  readonly #recent = new Map<object, Map<string, Buffer>>();

  constructor(definition: ResourceDefinition, codec: ProtobufCodec) {
    this.#definition = definition;
    this.#codec = codec;
  }

  /** A batch as bytes, shared between watchers where they get the same one. */
  batch({ events, source, scope = '' }: WatchBatch, form: WatchForm): Buffer {
    const make = () => Buffer.concat(events.map((event) => this.event(event, form)));
    if (source === undefined || events.length === 1) return make();
    return this.#once(source, `${nameOf(form)} ${scope}`, make);
  }

  event({ type, entry }: WatchedEvent, form: WatchForm): Buffer {
    return this.#once(entry, `${nameOf(form)} ${type}`, () => this.encode(type, entry, form));
  }

  /** One event that no other watcher will want, like those of a watch's beginning. */
  encode(type: string, entry: Entry, watchForm: WatchForm, { withColumns = false } = {}): Buffer {
    const { form } = watchForm;
    if (form.as === 'object' && form.media === 'json') {
      return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), entry.bytes, LINE_END]);
    }
    return this.#frame(type, this.#shape(entry, watchForm, withColumns), form);
  }

  bookmark(
    revision: number,
    { form, includeObject }: WatchForm,
    { initialEventsEnd }: { initialEventsEnd: boolean },
  ): Buffer {
    const metadata = {
      resourceVersion: String(revision),
      creationTimestamp: null,
      ...(initialEventsEnd && { annotations: { [INITIAL_EVENTS_END]: 'true' } }),
    };
    const { ref } = this.#definition;
    if (form.as === 'table') return this.#frame('BOOKMARK', this.#emptyTable(metadata, form, includeObject), form);
    const isPartial = form.as === 'partial';
    const head = isPartial
      ? { kind: PARTIAL_KIND, apiVersion: `meta.k8s.io/${form.version}` }
      : { kind: ref.kind, apiVersion: apiVersionOf(ref) };
    return this.#frame('BOOKMARK', { ...head, metadata }, form);
  }

  error(status: Status, form: Form): Buffer {
    return this.#frame('ERROR', status, form);
  }

  #once(key: object, name: string, make: () => Buffer): Buffer {
    if (this.#recent.size === 0) setImmediate(() => this.#recent.clear());
    const known = this.#recent.get(key) ?? new Map<string, Buffer>();
    this.#recent.set(key, known);
    const found = known.get(name);
    if (found !== undefined) return found;
    const made = make();
    known.set(name, made);
    return made;
  }

  #shape({ object }: Entry, { form, includeObject }: WatchForm, withColumns: boolean): unknown {
    if (form.as === 'object') return object;
    if (form.as === 'partial') return toPartial(object, form.version);
    const metadata = { resourceVersion: object.metadata.resourceVersion };
    const table = { definition: this.#definition, objects: [object], metadata, includeObject, version: form.version };
    return makeTable({ ...table, withColumns, now: new Date() });
  }

  #emptyTable(metadata: object, form: Form, includeObject: IncludeObject): unknown {
    const table = makeTable({
      definition: this.#definition,
      objects: [],
      metadata: {},
      includeObject,
      version: form.version,
      withColumns: false,
      now: new Date(),
    });
    const object = { kind: PARTIAL_KIND, apiVersion: `meta.k8s.io/${form.version}`, metadata };
    const { resourceVersion } = metadata as { resourceVersion?: string };
    return { ...table, metadata: { resourceVersion }, rows: [{ cells: null, object }] };
  }

  #frame(type: string, object: unknown, form: Form): Buffer {
    if (form.media === 'protobuf') {
      const { parts } = encodeValue(object, { form, codec: this.#codec });
      return Buffer.from(encodeWatchFrame(type, Buffer.concat(parts)));
    }
    return Buffer.from(`${JSON.stringify({ type, object })}\n`);
  }
}

const LINE_END = Buffer.from('}\n');

/** The content type of a watch's stream. */
export function watchContentType({ media }: Form): string {
  return media === 'protobuf' ? `${MEDIA_TYPES.protobuf};stream=watch` : MEDIA_TYPES.json;
}

const nameOf = ({ form, includeObject }: WatchForm) =>
  form.as === 'table'
    ? `${form.media} table ${form.version} ${includeObject}`
    : `${form.media} ${form.as} ${form.version}`;
