import { deepClone } from '#api/meta/clone.ts';
import { badRequest, invalid, statusError, unsupportedMediaType } from '#api/meta/errors.ts';
import { goQuote, goValue } from '#api/meta/go-text.ts';
import { isJsonObject } from '#api/meta/json.ts';
import { applyJsonPatch } from '#api/meta/json-patch.ts';
import { applyMergePatch } from '#api/meta/merge-patch.ts';
import { apiVersionOf } from '#api/meta/resource-ref.ts';
import { applyStrategicMergePatch } from '#api/meta/strategic-merge-patch.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { invalidValue } from '#api/meta/validation.ts';
import type { Schema } from '#api/schema/schema.ts';
import type { Entry } from '../state/entry.ts';
import { type Call, type DecodedBody, type Mutable, objectReply, type Reply, type VerbDeps } from './call.ts';
import { cleanObject, type DecodeTarget, reportProblems } from './decode.ts';
import { applyConfiguration } from './field-tracking.ts';
import { parseWriteOptions, type WriteOptions } from './options.ts';
import { requirePaths, SCALE_KIND, type Scale, scaleOf, withScale } from './scale.ts';
import { type Proposal, runUpdate } from './update.ts';
import { targetOf } from './write-support.ts';

const BUILTIN_TYPES = [
  'application/json-patch+json',
  'application/merge-patch+json',
  'application/strategic-merge-patch+json',
  'application/apply-patch+yaml',
];
const CUSTOM_TYPES = BUILTIN_TYPES.filter((type) => !type.includes('strategic'));

interface PatchJob {
  readonly deps: VerbDeps;
  readonly call: Call;
  readonly options: WriteOptions;
  readonly patch: DecodedBody;
}

/** PATCH of an object or of a subresource that is a part of it; a lost race is run again, unseen by the client. */
export async function patchObject(deps: VerbDeps, call: Call): Promise<Reply> {
  const { patchType, served, subresource } = call;
  if (patchType === undefined) throw unsupportedMediaType(BUILTIN_TYPES);
  if (patchType === 'strategic' && !isBuiltin(served.definition.schema)) throw unsupportedMediaType(CUSTOM_TYPES);
  const options = parseWriteOptions(call, 'PatchOptions');
  const job: PatchJob = { deps, call, options, patch: call.body.decode() };
  if (subresource?.name === 'scale') return patchScale(job);
  return runUpdate(deps, call, {
    options,
    optionsKind: 'PatchOptions',
    propose: (current) => propose(job, current),
  });
}

function isBuiltin(schema: Schema): boolean {
  return schema.type === 'ref';
}

function propose(job: PatchJob, current: Entry | undefined): Proposal | undefined {
  const { deps, call, options } = job;
  const target = targetOf(deps, call.served.definition);
  if (call.patchType === 'apply') {
    if (current === undefined && call.subresource !== undefined) return undefined;
    const config = applyBody(job, target);
    const object = applyConfiguration(deps, call, { config, live: current?.object, options });
    return { object, isTracked: true };
  }
  if (current === undefined) return undefined;
  const object = applyPatch(job, current.object, target.schema) as Mutable;
  refuseTypeChange(object, current.object, target);
  const problems = cleanPatched(job, object, target);
  reportProblems(problems, call, options.fieldValidation, (text) => strictError(job, text));
  return { object };
}

function applyPatch({ deps, call, patch }: PatchJob, document: ApiObject, schema: Schema): ApiObject {
  switch (call.patchType) {
    case 'json':
      return applyJsonPatch(document, patch.value);
    case 'merge':
      return applyMergePatch(document, patch.value);
    default:
      return applyStrategicMergePatch(document, patch.value, { schema, registry: deps.schemas });
  }
}

function refuseTypeChange(object: Mutable, { apiVersion }: ApiObject, { gvk }: DecodeTarget): void {
  if (!isJsonObject(object)) throw badRequest('the patch does not result in an object');
  // What a patch takes away is known from the address.
  object.kind ??= gvk.kind;
  object.apiVersion ??= apiVersion ?? apiVersionOf(gvk);
  if (apiVersion !== undefined && object.apiVersion !== apiVersion) {
    throw badRequest(
      `the API version in the data (${goValue(object.apiVersion)}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (object.kind === gvk.kind) return;
  throw badRequest(
    `the patch may not change the kind of the object from ${goQuote(gvk.kind)} to ${goQuote(goValue(object.kind))}`,
  );
}

function cleanPatched(job: PatchJob, object: Mutable, target: DecodeTarget): readonly string[] {
  try {
    return cleanObject(object, target, job.patch.duplicates);
  } catch (error) {
    const text = (error as Error).message.replace(/^.* cannot be handled as an? \S+: /, '');
    throw invalid({ group: '', kind: '' }, '', [invalidValue('patch', job.patch.value, text)]);
  }
}

function strictError({ call, patch }: PatchJob, text: string): Error {
  const error = invalidValue('patch', JSON.stringify(patch.value), `strict decoding error: ${text}`);
  return invalid(call.served.definition.ref, call.name ?? '', [error]);
}

/** The configuration of an apply patch. Throws 400 for one of another kind, version or name. */
function applyBody(job: PatchJob, target: DecodeTarget): Mutable {
  const { call, options, patch } = job;
  const config = deepClone(patch.value);
  if (!isJsonObject(config)) throw badRequest('error decoding YAML: the configuration is not an object');
  const { apiVersion, kind } = config;
  if (apiVersion === undefined || kind === undefined) {
    throw badRequest('invalid object type: apiVersion and kind must be set');
  }
  const object = config as Mutable;
  const problems = cleanObject(object, target, patch.duplicates);
  reportProblems(problems, call, options.fieldValidation, (text) =>
    statusError({ code: 400, reason: 'BadRequest', message: `error strict decoding YAML: ${text}` }),
  );
  const { metadata } = object;
  metadata.name ??= call.name ?? '';
  if (metadata.name !== call.name) {
    throw badRequest(`the name of the object (${metadata.name}) does not match the name on the URL (${call.name})`);
  }
  return object;
}

/** A patch of `scale` is applied to the Scale, and that to the object. */
function patchScale(job: PatchJob): Promise<Reply> {
  const { deps, call, options } = job;
  const paths = requirePaths(call);
  const schema = deps.kindSchema(SCALE_KIND);
  const target: DecodeTarget = { gvk: SCALE_KIND, schema, registry: deps.schemas };
  return runUpdate(deps, call, {
    options,
    optionsKind: 'PatchOptions',
    propose(current) {
      if (current === undefined) return undefined;
      const before = scaleOf(current.object, paths);
      const scale =
        call.patchType === 'apply'
          ? (applyMergePatch(before, applyBody(job, target)) as Scale)
          : (applyPatch(job, before, schema) as Scale);
      reportProblems(cleanPatched(job, scale as unknown as Mutable, target), call, options.fieldValidation, (text) =>
        strictError(job, text),
      );
      return withScale(current.object, scale, paths);
    },
    reply: (_, object, code) => objectReply(scaleOf(object, paths), code),
  });
}
