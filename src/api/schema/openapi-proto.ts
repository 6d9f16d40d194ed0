import type { Json } from './openapi-schema.ts';
import { BYTES, FIXED64, VARINT, WireWriter } from './wire.ts';

/**
 * The protobuf form of an OpenAPI 2 document (`openapi.v2.Document` of gnostic), which kubectl before 1.29 and Argo CD ask
 * for. Field numbers are those of gnostic's OpenAPIv2.proto; only fields that our documents have are listed.
 */
type Encoder = (writer: WireWriter, value: unknown) => void;

interface Field {
  readonly number: number;
  readonly encode: Encoder;
  readonly wireType: number;
  readonly repeated: boolean;
}

const text: Encoder = (writer, value) => writer.string(String(value));
const flag: Encoder = (writer, value) => writer.uint32(value === true ? 1 : 0);
const whole: Encoder = (writer, value) => writer.int64(Number(value));

const string = (number: number): Field => ({ number, encode: text, wireType: BYTES, repeated: false });
const strings = (number: number): Field => ({ number, encode: text, wireType: BYTES, repeated: true });
const bool = (number: number): Field => ({ number, encode: flag, wireType: VARINT, repeated: false });
const int = (number: number): Field => ({ number, encode: whole, wireType: VARINT, repeated: false });
const double = (number: number): Field => ({
  number,
  encode: (writer, value) => writer.double(Number(value)),
  wireType: FIXED64,
  repeated: false,
});

/** A message whose length is known once `body` has written it. */
function sized(body: Encoder): Encoder {
  return (writer, value) => {
    const before = writer.length;
    body(writer, value);
    writer.uint32(writer.length - before);
  };
}

const message = (number: number, body: Encoder): Field => ({
  number,
  encode: sized(body),
  wireType: BYTES,
  repeated: false,
});
const messages = (number: number, body: Encoder): Field => ({
  number,
  encode: sized(body),
  wireType: BYTES,
  repeated: true,
});

function writeField(writer: WireWriter, field: Field, value: unknown): void {
  const values = field.repeated && Array.isArray(value) ? value : [value];
  for (let i = values.length - 1; i >= 0; i--) {
    field.encode(writer, values[i]);
    writer.tag(field.number, field.wireType);
  }
}

/** An object with known fields; those that begin with `x-` are vendor extensions under `extensions`. */
function object(fields: () => Readonly<Record<string, Field>>, extensions?: number): Encoder {
  return (writer, value) => {
    const known = fields();
    const source = value as Json;
    for (const key of Object.keys(source).reverse()) {
      const field = known[key];
      if (field !== undefined) writeField(writer, field, source[key]);
      else if (extensions !== undefined && key.startsWith('x-')) {
        writeField(writer, message(extensions, named(any)), [key, source[key]]);
      }
    }
  };
}

/** `{1: name, 2: value}`; the value is `[name, value]`. */
function named(body: Encoder): Encoder {
  return (writer, pair) => {
    const [name, value] = pair as [string, unknown];
    writeField(writer, message(2, body), value);
    writeField(writer, string(1), name);
  };
}

/** An object whose keys are free, as a repeated named message. */
function dictionary(number: number, body: Encoder): Encoder {
  return (writer, value) => {
    for (const pair of Object.entries(value as Json).reverse()) writeField(writer, message(number, named(body)), pair);
  };
}

/** Wraps a value in the one field of a message; how gnostic writes `oneof`s and lists. */
function wrap(choose: (value: unknown) => Field): Encoder {
  return (writer, value) => writeField(writer, choose(value), value);
}

/** gnostic keeps free values as YAML, of which JSON is a part. */
const any: Encoder = (writer, value) => writeField(writer, string(2), JSON.stringify(value));

const schema: Encoder = object(
  () => ({
    $ref: string(1),
    format: string(2),
    title: string(3),
    description: string(4),
    default: message(5, any),
    multipleOf: double(6),
    maximum: double(7),
    minimum: double(9),
    maxLength: int(11),
    minLength: int(12),
    pattern: string(13),
    maxItems: int(14),
    minItems: int(15),
    uniqueItems: bool(16),
    maxProperties: int(17),
    minProperties: int(18),
    required: strings(19),
    enum: messages(20, any),
    additionalProperties: message(
      21,
      wrap((value) => (typeof value === 'boolean' ? bool(2) : message(1, schema))),
    ),
    type: message(
      22,
      wrap(() => strings(1)),
    ),
    items: message(
      23,
      wrap(() => messages(1, schema)),
    ),
    allOf: messages(24, schema),
    properties: message(25, dictionary(1, schema)),
    example: message(30, any),
  }),
  31,
);

const reference: Encoder = object(() => ({ $ref: string(1), description: string(2) }));

const bodyParameter: Encoder = object(
  () => ({ description: string(1), name: string(2), in: string(3), required: bool(4), schema: message(5, schema) }),
  6,
);

const queryParameter: Encoder = object(() => ({
  required: bool(1),
  in: string(2),
  description: string(3),
  name: string(4),
  type: string(6),
  format: string(7),
  uniqueItems: bool(20),
}));

const pathParameter: Encoder = object(() => ({
  required: bool(1),
  in: string(2),
  description: string(3),
  name: string(4),
  type: string(5),
  format: string(6),
  uniqueItems: bool(19),
}));

const isIn = (value: unknown, place: string) => (value as Json)['in'] === place;

const nonBodyParameter: Encoder = wrap((value) =>
  isIn(value, 'path') ? message(4, pathParameter) : message(3, queryParameter),
);

const parameter: Encoder = wrap((value) =>
  isIn(value, 'body') ? message(1, bodyParameter) : message(2, nonBodyParameter),
);

const parameterItem: Encoder = wrap((value) =>
  '$ref' in (value as Json) ? message(2, reference) : message(1, parameter),
);

const response: Encoder = object(
  () => ({
    description: string(1),
    schema: message(
      2,
      wrap(() => message(1, schema)),
    ),
  }),
  5,
);

const operation: Encoder = object(
  () => ({
    tags: strings(1),
    summary: string(2),
    description: string(3),
    operationId: string(5),
    produces: strings(6),
    consumes: strings(7),
    parameters: messages(8, parameterItem),
    responses: message(
      9,
      dictionary(
        1,
        wrap(() => message(1, response)),
      ),
    ),
    schemes: strings(10),
    deprecated: bool(11),
  }),
  13,
);

const pathItem: Encoder = object(
  () => ({
    get: message(2, operation),
    put: message(3, operation),
    post: message(4, operation),
    delete: message(5, operation),
    patch: message(8, operation),
    parameters: messages(9, parameterItem),
  }),
  10,
);

const info: Encoder = object(() => ({ title: string(1), version: string(2), description: string(3) }), 7);

const document: Encoder = object(
  () => ({
    swagger: string(1),
    info: message(2, info),
    paths: message(8, dictionary(2, pathItem)),
    definitions: message(9, dictionary(1, schema)),
    parameters: message(10, dictionary(1, parameter)),
  }),
  16,
);

/** Encodes what `openApiV2` made. */
export function encodeOpenApiV2(openApi: Json): Uint8Array {
  const writer = new WireWriter(1 << 20);
  document(writer, openApi);
  return writer.finish();
}
