import { methodNotAllowed } from '#api/meta/errors.ts';
import type { Call, Reply, VerbDeps } from './call.ts';
import { createObject } from './create.ts';
import { createSubresource } from './create-subresource.ts';
import { deleteCollection, deleteObject } from './delete.ts';
import { patchObject } from './patch.ts';
import { getObject, listObjects } from './read.ts';
import { getScale, updateScale } from './scale.ts';
import { updateObject } from './update.ts';

/** Runs one authorized call. Watches and streams have ways of their own. Rejects with `StatusError`. */
export async function executeCall(deps: VerbDeps, call: Call): Promise<Reply> {
  const { verb, subresource } = call;
  requireVerb(call);
  const isScale = subresource?.name === 'scale';
  switch (verb) {
    case 'get':
      return isScale ? getScale(call) : getObject(deps, call);
    case 'list':
      return listObjects(deps, call);
    case 'create':
      return subresource === undefined ? createObject(deps, call) : createSubresource(deps, call);
    case 'update':
      return isScale ? updateScale(deps, call) : updateObject(deps, call);
    case 'patch':
      return patchObject(deps, call);
    case 'delete':
      return deleteObject(deps, call);
    case 'deletecollection':
      return deleteCollection(deps, call);
    case 'watch':
      throw new Error('A watch is a stream, not a call');
  }
}

/** Throws 405 for what the resource or subresource does not do. */
export function requireVerb({
  verb,
  served,
  subresource,
  name,
}: Pick<Call, 'verb' | 'served' | 'subresource' | 'name'>): void {
  const { definition } = served;
  const allowed = subresource?.verbs ?? definition.verbs;
  const needsName = verb === 'get' || verb === 'update' || verb === 'patch' || verb === 'delete';
  if (allowed.includes(verb) && (!needsName || name !== undefined)) return;
  throw methodNotAllowed(definition.ref, verb);
}
