import { defaultApiService } from '#api/apiregistration/defaults.ts';
import { type APIService, apiServices } from '#api/apiregistration/v1.ts';
import { type FieldError, invalidValue, required } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { inRange, requireText } from '../validate.ts';

/** APIService: who serves a version of a group. */
export const apiServiceResource = defineResource<APIService>(apiServices, {
  defaults: defaultApiService,
  validate: ({ metadata, spec }): FieldError[] => {
    const { group = '', version = '', service, groupPriorityMinimum, versionPriority } = spec ?? {};
    const errors = requireText(version, 'spec.version');
    if (metadata.name !== `${version}.${group}`)
      errors.push(
        invalidValue('metadata.name', metadata.name, `must be \`spec.version+"."+spec.group\`: "${version}.${group}"`),
      );
    errors.push(
      ...inRange(groupPriorityMinimum ?? 0, 'spec.groupPriorityMinimum', [1, 20_000]),
      ...inRange(versionPriority ?? 0, 'spec.versionPriority', [1, 1000]),
    );
    if (service === undefined) return errors;
    if (!service.namespace) errors.push(required('spec.service.namespace'));
    if (!service.name) errors.push(required('spec.service.name'));
    return errors;
  },
  columns: [
    nameColumn,
    {
      name: 'Service',
      value: ({ spec }) =>
        spec?.service === undefined || spec.service === null
          ? 'Local'
          : `${spec.service.namespace}/${spec.service.name}`,
    },
    { name: 'Available', value: availableText },
    ageColumn,
  ],
});

function availableText({ status }: APIService): string {
  const condition = status?.conditions?.find(({ type }) => type === 'Available');
  if (condition === undefined) return 'Unknown';
  return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
}
