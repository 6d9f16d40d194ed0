import { applyPatch } from '#api/meta/apply.ts';
import { deepClone } from '#api/meta/clone.ts';
import { conflict } from '#api/meta/errors.ts';
import { EMPTY_SET, type FieldSet, fieldSetFromPaths } from '#api/meta/field-set.ts';
import { type TrackContext, updateManagedFields } from '#api/meta/managed-fields.ts';
import { apiVersionOf } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Call, Mutable, VerbDeps } from './call.ts';
import type { WriteOptions } from './options.ts';

/** The main endpoint ignores the status, the status endpoint everything else. */
const NOT_STATUS = fieldSetFromPaths([['status']]);
const ONLY_STATUS = fieldSetFromPaths([['spec'], ['metadata']]);

function trackContext({ schemas }: VerbDeps, call: Call, options: WriteOptions, now: Date): TrackContext {
  const { ref, schema } = call.served.definition;
  return {
    schema,
    registry: schemas,
    manager: options.fieldManager,
    apiVersion: apiVersionOf(ref),
    subresource: call.subresource?.name ?? '',
    resetFields: resetFields(call),
    now,
  };
}

function resetFields({ subresource, served }: Call): FieldSet {
  if (subresource?.name === 'status') return ONLY_STATUS;
  return served.definition.hasStatus ? NOT_STATUS : EMPTY_SET;
}

export interface TrackedWrite {
  readonly object: Mutable;
  readonly old: ApiObject | undefined;
  readonly options: WriteOptions;
  readonly now: Date;
}

/** Records which manager now owns what, after a write that is no apply. */
export function trackFields(deps: VerbDeps, call: Call, { object, old, options, now }: TrackedWrite): void {
  const managedFields = updateManagedFields({ ...trackContext(deps, call, options, now), old, new: object });
  if (managedFields === undefined) delete object.metadata.managedFields;
  else object.metadata.managedFields = managedFields;
}

export interface Application {
  readonly config: Mutable;
  readonly live: ApiObject | undefined;
  readonly options: WriteOptions;
}

/** The object that a server-side apply makes of the stored one, with its managed fields. Throws 409 on conflicts. */
export function applyConfiguration(deps: VerbDeps, call: Call, { config, live, options }: Application): Mutable {
  const { ref } = call.served.definition;
  const { uid = '', name = '' } = config.metadata;
  if (live === undefined && uid !== '') {
    const why = `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`;
    throw conflict(ref, name, why);
  }
  const context = trackContext(deps, call, options, new Date());
  const { object } = applyPatch({ ...context, live, config, kind: ref.kind, force: options.force });
  return deepClone(object) as unknown as Mutable;
}
