import type { AdmissionRequest } from '#api/admission/request.ts';
import { badRequest, invalid } from '#api/meta/errors.ts';
import { validateObjectMeta, validateObjectMetaUpdate } from '#api/meta/object-meta.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { FieldError } from '#api/meta/validation.ts';
import { applyDefaults } from '#api/schema/defaulting.ts';
import { validateSchema } from '#api/schema/validate.ts';
import type { RequestContext, ResourceDefinition } from '../resource.ts';
import type { Call, Mutable, VerbDeps } from './call.ts';
import type { DecodeTarget } from './decode.ts';
import type { WriteOptions } from './options.ts';

/** What the resource's own rules see of a request. */
export function contextOf({ cache }: VerbDeps, call: Call, dryRun: boolean): RequestContext {
  const { user, namespace, name, signal } = call;
  return { user, namespace, name, dryRun, now: new Date(), cache, signal, warn: (text) => call.warn(text) };
}

export interface AdmissionInput {
  readonly operation: AdmissionRequest['operation'];
  readonly object: ApiObject | undefined;
  readonly oldObject: ApiObject | undefined;
  readonly options: Readonly<Record<string, unknown>>;
  readonly dryRun: boolean;
}

/** The request as admission plugins see it. */
export function admissionRequest(call: Call, input: AdmissionInput): AdmissionRequest {
  const { served, subresource, namespace, user, signal } = call;
  return {
    ...input,
    resource: served.definition.ref,
    subresource: subresource?.name,
    namespace,
    name: call.name ?? input.object?.metadata.name ?? '',
    user,
    signal,
    warn: (text) => call.warn(text),
  };
}

/** The options of a write as the object admission shows of them. */
export function optionsObject(
  kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions',
  { dryRun, fieldManager, fieldValidation, force }: WriteOptions,
): Readonly<Record<string, unknown>> {
  return {
    kind,
    apiVersion: 'meta.k8s.io/v1',
    fieldManager,
    fieldValidation,
    ...(dryRun && { dryRun: ['All'] }),
    ...(force && { force }),
  };
}

/** What the bodies of a resource are decoded to. */
export function targetOf({ schemas }: Pick<VerbDeps, 'schemas'>, { ref, schema }: ResourceDefinition): DecodeTarget {
  return { gvk: ref, schema, registry: schemas };
}

/** Fills in everything a client may leave out. */
export function applyAllDefaults({ schemas }: VerbDeps, definition: ResourceDefinition, object: Mutable): void {
  applyDefaults(definition.schema, object, schemas);
  definition.defaults?.(object);
}

/** Puts the URL's namespace into the object; a cluster-scoped object has none. Throws 400 when they differ. */
export function settleNamespace(object: Mutable, { served, namespace = '' }: Call): void {
  const { metadata } = object;
  if (!served.definition.ref.namespaced) {
    delete metadata.namespace;
    return;
  }
  const given = metadata.namespace ?? '';
  if (given === '' && namespace === '') throw badRequest('an empty namespace may not be set during creation');
  if (given !== '' && given !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  metadata.namespace = namespace;
}

/** Removes repeated owner references, with a warning as upstream gives. */
export function settleOwners(object: Mutable, { warn }: Pick<Call, 'warn'>): void {
  const { ownerReferences } = object.metadata;
  if (ownerReferences === undefined || ownerReferences === null || ownerReferences.length < 2) return;
  const kept = [...new Map(ownerReferences.map((owner) => [JSON.stringify(owner), owner])).values()];
  if (kept.length === ownerReferences.length) return;
  object.metadata.ownerReferences = kept;
  for (const { kind, name } of ownerReferences.filter((owner) => !kept.includes(owner))) {
    warn(
      `.metadata.ownerReferences contains duplicate entries; API server dedups owner references, found ${kind} "${name}"`,
    );
  }
}

/** Everything wrong with an object about to be created. Throws 422. */
export function requireValid(
  { schemas }: VerbDeps,
  definition: ResourceDefinition,
  object: Mutable,
  context: RequestContext,
): void {
  const { ref, nameRule, schema } = definition;
  failIfAny(definition, object, [
    ...validateObjectMeta(object.metadata, { namespaced: ref.namespaced, nameRule }),
    ...validateSchema(schema, object, schemas),
    ...(definition.validate?.(object, context) ?? []),
  ]);
}

/** Everything wrong with a changed object. Throws 422. */
export function requireValidUpdate(
  { schemas }: VerbDeps,
  definition: ResourceDefinition,
  { object, old, context }: { object: Mutable; old: ApiObject; context: RequestContext },
): void {
  failIfAny(definition, object, [
    ...validateObjectMetaUpdate(object.metadata, old.metadata),
    ...validateSchema(definition.schema, object, schemas),
    ...(definition.validate?.(object, context) ?? []),
    ...(definition.validateUpdate?.(object, old, context) ?? []),
  ]);
}

/** Throws 422 unless there are no errors. The same error is told once. */
export function failIfAny({ ref }: ResourceDefinition, object: ApiObject, errors: readonly FieldError[]): void {
  if (errors.length === 0) return;
  const unique = new Map(errors.map((error) => [`${error.field}\0${error.type}\0${error.detail}`, error]));
  throw invalid(ref, object.metadata.name ?? '', [...unique.values()]);
}
