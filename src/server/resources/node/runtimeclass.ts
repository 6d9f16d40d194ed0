import { checkDns1123Label } from '#api/meta/names.ts';
import { type RuntimeClass, runtimeClasses } from '#api/node/v1.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { requireName, unchanged } from '../validate.ts';

/** RuntimeClass: how a pod's containers are run. */
export const runtimeClassResource = defineResource<RuntimeClass>(runtimeClasses, {
  createOnUpdate: true,
  unconditionalUpdate: false,
  validate: ({ handler }) => requireName(handler, 'handler', checkDns1123Label),
  validateUpdate: (runtimeClass, old) => unchanged(runtimeClass, old, { field: '', names: ['handler'] }),
  columns: [nameColumn, { name: 'Handler', value: ({ handler = '' }) => handler }, ageColumn],
});
