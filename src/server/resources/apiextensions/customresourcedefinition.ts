import { defaultCustomResourceDefinition } from '#api/apiextensions/defaults.ts';
import {
  type CustomResourceDefinition,
  type CustomResourceDefinitionSpec,
  customResourceDefinitions,
} from '#api/apiextensions/v1.ts';
import { checkDns1035Label, checkDns1123Subdomain } from '#api/meta/names.ts';
import { duplicate, type FieldError, immutable, invalidValue, required } from '#api/meta/validation.ts';
import { defineResource } from '#server/apiserver/resource.ts';
import { each, requireName, requireOneOf } from '../validate.ts';

/** Holds a definition until its objects are gone. */
const CLEANUP = 'customresourcecleanup.apiextensions.k8s.io';

/** CustomResourceDefinition: a kind the users bring. */
export const customResourceDefinitionResource = defineResource<CustomResourceDefinition>(customResourceDefinitions, {
  defaults: defaultCustomResourceDefinition,
  prepareCreate({ metadata }) {
    const finalizers = metadata.finalizers ?? [];
    if (!finalizers.includes(CLEANUP)) metadata.finalizers = [...finalizers, CLEANUP];
  },
  validate: ({ metadata, spec }) => validateSpec(metadata.name, spec ?? {}),
  validateUpdate({ spec, status }, { spec: old }): FieldError[] {
    const isEstablished =
      status?.conditions?.some((condition) => condition.type === 'Established' && condition.status === 'True') === true;
    if (!isEstablished) return [];
    const errors: FieldError[] = [];
    if (spec.scope !== old.scope) errors.push(immutable('spec.scope', spec.scope));
    if (spec.names.kind !== old.names.kind) errors.push(immutable('spec.names.kind', spec.names.kind));
    return errors;
  },
});

function validateSpec(
  name: string,
  { group = '', names, scope, versions = [] }: Partial<CustomResourceDefinitionSpec>,
): FieldError[] {
  const plural = names?.plural ?? '';
  const errors = [
    ...requireName(group, 'spec.group', checkDns1123Subdomain),
    ...(group !== '' && !group.includes('.')
      ? [invalidValue('spec.group', group, 'should be a domain with at least one dot')]
      : []),
    ...requireOneOf(scope, 'spec.scope', ['Cluster', 'Namespaced']),
    ...requireName(plural, 'spec.names.plural', checkDns1035Label),
    ...requireName(names?.kind?.toLowerCase(), 'spec.names.kind', checkDns1035Label),
    ...each(names?.shortNames, 'spec.names.shortNames', (short, at) => requireName(short, at, checkDns1035Label)),
    ...each(names?.categories, 'spec.names.categories', (category, at) => requireName(category, at, checkDns1035Label)),
  ];
  if (name !== `${plural}.${group}`)
    errors.push(invalidValue('metadata.name', name, 'must be spec.names.plural+"."+spec.group'));
  return [...errors, ...validateVersions(versions)];
}

function validateVersions(versions: CustomResourceDefinitionSpec['versions']): FieldError[] {
  const seen = new Set<string>();
  const errors = each(versions, 'spec.versions', ({ name, schema }, at) => {
    const wrong = requireName(name, `${at}.name`, checkDns1035Label);
    if (seen.has(name)) wrong.push(duplicate(`${at}.name`, name));
    seen.add(name);
    if (schema?.openAPIV3Schema === undefined)
      wrong.push(required(`${at}.schema.openAPIV3Schema`, 'schemas are required'));
    return wrong;
  });
  const stored = versions.filter(({ storage }) => storage === true).length;
  if (stored !== 1)
    errors.push(
      invalidValue(
        'spec.versions',
        versions.map(({ name }) => name),
        'must have exactly one version marked as storage version',
      ),
    );
  return errors;
}
