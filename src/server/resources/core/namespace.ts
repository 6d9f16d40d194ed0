import { defaultNamespace } from '#api/core/defaults.ts';
import { type Namespace, namespaces } from '#api/core/v1.ts';
import { checkDns1123Label, checkQualifiedName } from '#api/meta/names.ts';
import { type FieldError, invalidValue } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { checkName, each } from '../validate.ts';

/** Held by the namespace controller until everything inside is gone. */
const FINALIZER = 'kubernetes';

/** Namespace: where namespaced objects live, and end together. */
export const namespaceResource = defineResource<Namespace>(namespaces, {
  nameRule: checkDns1123Label,
  returnsDeleted: true,
  fieldSelectors: { 'status.phase': ({ status }) => status?.phase ?? '' },
  defaults: defaultNamespace,
  prepareCreate(namespace) {
    const finalizers = namespace.spec?.finalizers ?? [];
    namespace.spec = { finalizers: finalizers.includes(FINALIZER) ? finalizers : [...finalizers, FINALIZER] };
    namespace.status = { phase: 'Active' };
  },
  prepareUpdate(namespace, old) {
    namespace.spec = { finalizers: [...(old.spec?.finalizers ?? [])] };
  },
  prepareDelete(namespace) {
    namespace.status = { ...namespace.status, phase: 'Terminating' };
  },
  mayRemove: ({ spec }) => (spec?.finalizers ?? []).length === 0,
  validate: ({ spec }) => each(spec?.finalizers, 'spec.finalizers', validateFinalizer),
  subresources: [
    {
      name: 'finalize',
      update: {
        merge: ({ spec, metadata: { resourceVersion } }, old) => ({
          ...old,
          metadata: { ...old.metadata, resourceVersion },
          spec: { finalizers: spec?.finalizers ?? [] },
        }),
        validate: ({ spec }) => each(spec?.finalizers, 'spec.finalizers', validateFinalizer),
      },
    },
  ],
  columns: [nameColumn, { name: 'Status', value: ({ status }) => status?.phase ?? '' }, ageColumn],
});

function validateFinalizer(name: string, field: string): FieldError[] {
  const errors = checkName(name, field, checkQualifiedName);
  if (errors.length > 0 || name === FINALIZER || name.includes('/')) return errors;
  return [invalidValue(field, name, 'name is neither a standard finalizer name nor is it fully qualified')];
}
