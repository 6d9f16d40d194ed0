import { defaultFlowSchema, defaultPriorityLevel } from '#api/flowcontrol/defaults.ts';
import {
  type FlowSchema,
  flowSchemas,
  type PriorityLevelConfiguration,
  priorityLevelConfigurations,
} from '#api/flowcontrol/v1.ts';
import { type FieldError, forbiddenField, required } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { NONE } from '../columns.ts';
import { inRange, requireOneOf, requireText } from '../validate.ts';

/** FlowSchema: which requests belong to which priority level. */
export const flowSchemaResource = defineResource<FlowSchema>(flowSchemas, {
  defaults: defaultFlowSchema,
  validate: ({ spec }): FieldError[] => [
    ...requireText(spec?.priorityLevelConfiguration?.name, 'spec.priorityLevelConfiguration.name'),
    ...inRange(spec?.matchingPrecedence, 'spec.matchingPrecedence', [1, 10_000]),
    ...(spec?.distinguisherMethod === undefined
      ? []
      : requireOneOf(spec.distinguisherMethod.type, 'spec.distinguisherMethod.type', ['ByNamespace', 'ByUser'])),
  ],
  columns: [
    nameColumn,
    { name: 'PriorityLevel', value: ({ spec }) => spec?.priorityLevelConfiguration?.name ?? '' },
    { name: 'MatchingPrecedence', type: 'integer', value: ({ spec }) => spec?.matchingPrecedence ?? 0 },
    { name: 'DistinguisherMethod', value: ({ spec }) => spec?.distinguisherMethod?.type ?? NONE },
    ageColumn,
    {
      name: 'MissingPL',
      value: ({ status }) => status?.conditions?.find(({ type }) => type === 'Dangling')?.status ?? '?',
    },
  ],
});

/** PriorityLevelConfiguration: a share of the server's attention. */
export const priorityLevelResource = defineResource<PriorityLevelConfiguration>(priorityLevelConfigurations, {
  defaults: defaultPriorityLevel,
  validate({ metadata, spec }): FieldError[] {
    const { type, limited } = spec ?? {};
    const errors = requireOneOf(type, 'spec.type', ['Exempt', 'Limited']);
    if (type === 'Limited' && limited === undefined)
      errors.push(required('spec.limited', 'must not be empty when type is Limited'));
    if (type === 'Exempt' && metadata.name !== 'exempt')
      errors.push(forbiddenField('spec.type', "type 'Exempt' is reserved for the priority level 'exempt'"));
    return errors;
  },
  columns: [
    nameColumn,
    { name: 'Type', value: ({ spec }) => spec?.type ?? '' },
    {
      name: 'NominalConcurrencyShares',
      value: ({ spec }) =>
        String(spec?.limited?.nominalConcurrencyShares ?? spec?.exempt?.nominalConcurrencyShares ?? NONE),
    },
    { name: 'Queues', value: ({ spec }) => String(spec?.limited?.limitResponse?.queuing?.queues ?? NONE) },
    { name: 'HandSize', value: ({ spec }) => String(spec?.limited?.limitResponse?.queuing?.handSize ?? NONE) },
    {
      name: 'QueueLengthLimit',
      value: ({ spec }) => String(spec?.limited?.limitResponse?.queuing?.queueLengthLimit ?? NONE),
    },
    ageColumn,
  ],
});
