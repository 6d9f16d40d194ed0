import { badRequest } from '#api/meta/errors.ts';
import { goQuote } from '#api/meta/go-text.ts';
import { isJsonObject, type JsonObject } from '#api/meta/json.ts';
import { apiVersionOf, type GroupVersionKind } from '#api/meta/resource-ref.ts';
import { CoercionError, coerceTypes } from '#api/schema/coerce.ts';
import { pruneUnknown } from '#api/schema/prune.ts';
import type { Schema, SchemaRegistry } from '#api/schema/schema.ts';
import type { Call, DecodedBody, Mutable } from './call.ts';
import type { FieldValidation } from './options.ts';

export interface DecodeTarget {
  readonly gvk: GroupVersionKind;
  readonly schema: Schema;
  readonly registry: SchemaRegistry;
  /** Other versions whose objects have the same shape: `policy/v1beta1` evictions. */
  readonly alsoAccepts?: readonly string[];
}

/** The body of a request as an object of the expected kind, with unknown fields dropped. Throws 400 where it is none. */
export function decodeObject(
  call: Pick<Call, 'body' | 'warn'>,
  target: DecodeTarget,
  fieldValidation: FieldValidation,
): Mutable {
  const decoded = call.body.decode();
  const object = requireKind(decoded, target);
  const problems = cleanObject(object, target, decoded.duplicates);
  reportProblems(problems, call, fieldValidation, (text) =>
    cannotBeHandled(target.gvk, `strict decoding error: ${text}`),
  );
  return object;
}

/** Drops unknown fields and puts values into stored form; tells what was unknown or stood twice. Throws 400 for wrong types. */
export function cleanObject(object: Mutable, target: DecodeTarget, duplicates: readonly string[]): readonly string[] {
  const { schema, registry, gvk } = target;
  const unknown = pruneUnknown(schema, object, registry);
  try {
    coerceTypes(schema, object, registry);
  } catch (error) {
    if (!(error instanceof CoercionError)) throw error;
    throw cannotBeHandled(gvk, error.message, error);
  }
  if (!isJsonObject(object.metadata)) Object.assign(object, { metadata: {} });
  return [
    ...unknown.map((path) => `unknown field ${goQuote(path)}`),
    ...duplicates.map((path) => `duplicate field ${goQuote(path)}`),
  ];
}

/** Does with unknown and duplicate fields what the request asked for: refuse, warn or ignore. */
export function reportProblems(
  problems: readonly string[],
  { warn }: Pick<Call, 'warn'>,
  fieldValidation: FieldValidation,
  toError: (text: string) => Error,
): void {
  if (problems.length === 0 || fieldValidation === 'Ignore') return;
  if (fieldValidation === 'Strict') throw toError(problems.join(', '));
  for (const problem of problems) warn(problem);
}

function requireKind({ value }: DecodedBody, target: DecodeTarget): Mutable {
  const { gvk, alsoAccepts = [] } = target;
  if (!isJsonObject(value)) {
    throw cannotBeHandled(gvk, `json: cannot unmarshal ${describeJson(value)} into Go value of type ${gvk.kind}`);
  }
  const { kind, apiVersion } = value;
  const expected = apiVersionOf(gvk);
  const givenKind = typeof kind === 'string' && kind !== '' ? kind : gvk.kind;
  const givenVersion = typeof apiVersion === 'string' && apiVersion !== '' ? apiVersion : expected;
  if (givenKind !== gvk.kind) {
    const version = givenVersion.slice(givenVersion.indexOf('/') + 1);
    throw badRequest(
      `${givenKind} in version ${goQuote(version)} cannot be handled as a ${gvk.kind}: no kind ${goQuote(givenKind)} is registered for version ${goQuote(expected)} at this address`,
    );
  }
  if (givenVersion !== expected && !alsoAccepts.includes(givenVersion)) {
    throw badRequest(
      `the API version in the data (${givenVersion}) does not match the expected API version (${expected})`,
    );
  }
  value['kind'] = gvk.kind;
  value['apiVersion'] = expected;
  return value as JsonObject as Mutable;
}

function cannotBeHandled({ kind, version }: GroupVersionKind, why: string, cause?: unknown) {
  return badRequest(`${kind} in version ${goQuote(version)} cannot be handled as a ${kind}: ${why}`, cause);
}

function describeJson(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}
