import { methodNotAllowed } from '#api/meta/errors.ts';
import { applyDefaults } from '#api/schema/defaulting.ts';
import { type Call, objectReply, type Reply, type VerbDeps } from './call.ts';
import { decodeObject } from './decode.ts';
import { parseWriteOptions } from './options.ts';
import { requireEntry } from './read.ts';
import { admissionRequest, contextOf, optionsObject } from './write-support.ts';

/** Older versions whose bodies have the same shape. */
const ALSO_ACCEPTED: Readonly<Record<string, readonly string[]>> = { Eviction: ['policy/v1beta1'] };

/** POST to a subresource that does something: binding, eviction, token. */
export async function createSubresource(deps: VerbDeps, call: Call): Promise<Reply> {
  const { served, subresource, name = '', namespace, query } = call;
  const { definition } = served;
  if (subresource?.create === undefined) throw methodNotAllowed(definition.ref, 'create');
  const options = parseWriteOptions(call, 'CreateOptions');
  const schema = deps.kindSchema(subresource.body);
  const target = {
    gvk: subresource.body,
    schema,
    registry: deps.schemas,
    alsoAccepts: ALSO_ACCEPTED[subresource.body.kind] ?? [],
  };
  const body = decodeObject(call, target, options.fieldValidation);
  body.metadata.name ??= name;
  if (definition.ref.namespaced) body.metadata.namespace ??= namespace;
  applyDefaults(schema, body, deps.schemas);
  const parent = requireEntry(call, { namespace, name });
  const request = admissionRequest(call, {
    operation: 'CREATE',
    object: body,
    oldObject: undefined,
    options: optionsObject('CreateOptions', options),
    dryRun: options.dryRun,
  });
  await deps.admission().mutate(request);
  await deps.admission().validate(request);
  const context = {
    ...contextOf(deps, call, options.dryRun),
    client: deps.loopback(),
    options: Object.fromEntries(query),
  };
  return objectReply(await subresource.create(parent.object, body, context), 201);
}
