import { type ResourceQuota, resourceQuotas } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { checkQualifiedName } from '#api/meta/names.ts';
import { type FieldError, immutable } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { validateAmount } from '../pod-spec/resource-list.ts';
import { checkName, each, eachEntry, oneOf } from '../validate.ts';

const SCOPES = [
  'BestEffort',
  'CrossNamespacePodAffinity',
  'NotBestEffort',
  'NotTerminating',
  'PriorityClass',
  'Terminating',
  'VolumeAttributesClass',
];

/** ResourceQuota: what a namespace may use in total. */
export const resourceQuotaResource = defineResource<ResourceQuota>(resourceQuotas, {
  returnsDeleted: true,
  validate: ({ spec }) => [
    ...eachEntry(spec?.hard, 'spec.hard', (amount, at, name) => [
      ...checkName(name, at, checkQualifiedName),
      ...validateAmount(name, amount, at),
    ]),
    ...each(spec?.scopes, 'spec.scopes', (scope, at) => oneOf(scope, at, SCOPES)),
  ],
  validateUpdate: ({ spec }, { spec: old }): FieldError[] =>
    deepEqual(spec?.scopes ?? [], old?.scopes ?? []) ? [] : [immutable('spec.scopes', spec?.scopes ?? [])],
  columns: [
    nameColumn,
    { name: 'Request', value: (quota) => usageText(quota, (name) => !name.startsWith('limits')) },
    { name: 'Limit', value: (quota) => usageText(quota, (name) => name.startsWith('limits')) },
    ageColumn,
  ],
});

function usageText({ status }: ResourceQuota, picks: (name: string) => boolean): string {
  const hard = Object.entries(status?.hard ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return hard
    .filter(([name]) => picks(name))
    .map(([name, amount]) => `${name}: ${status?.used?.[name] ?? '0'}/${amount}`)
    .join(', ');
}
