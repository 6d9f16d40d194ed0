import { type ControllerRevision, controllerRevisions } from '#api/apps/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { parseApiVersion } from '#api/meta/resource-ref.ts';
import { type FieldError, immutable, required } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { NONE } from '../columns.ts';
import { nonNegative } from '../validate.ts';

/** ControllerRevision: a state a DaemonSet or StatefulSet once had. */
export const controllerRevisionResource = defineResource<ControllerRevision>(controllerRevisions, {
  validate: ({ revision, data }) => [
    ...nonNegative(revision, 'revision'),
    ...(data === undefined ? [required('data')] : []),
  ],
  validateUpdate: ({ data }, old): FieldError[] => (deepEqual(data, old.data) ? [] : [immutable('data', data)]),
  columns: [
    nameColumn,
    { name: 'Controller', value: controllerText },
    { name: 'Revision', value: ({ revision }) => String(revision ?? 0) },
    ageColumn,
  ],
});

function controllerText({ metadata }: ControllerRevision): string {
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  if (owner === undefined) return NONE;
  const { group } = parseApiVersion(owner.apiVersion);
  const kind = owner.kind.toLowerCase();
  return `${group === '' ? kind : `${kind}.${group}`}/${owner.name}`;
}
