import { deepEqual } from '#api/meta/clone.ts';
import { validateCidr, validateIp } from '#api/meta/ip.ts';
import { type FieldError, immutable, required } from '#api/meta/validation.ts';
import { type IPAddress, ipAddresses, type ServiceCIDR, serviceCIDRs } from '#api/networking/v1.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { each, requireText } from '../validate.ts';

/** ServiceCIDR: a range Service addresses come from. */
export const serviceCidrResource = defineResource<ServiceCIDR>(serviceCIDRs, {
  validate: ({ spec }) =>
    (spec?.cidrs ?? []).length === 0
      ? [required('spec.cidrs', 'at least one CIDR required')]
      : each(spec?.cidrs, 'spec.cidrs', (cidr, at) => validateCidr(at, cidr)),
  validateUpdate: ({ spec }, { spec: old }): FieldError[] =>
    deepEqual(spec?.cidrs, old?.cidrs) ? [] : [immutable('spec.cidrs', spec?.cidrs ?? [])],
  columns: [nameColumn, { name: 'CIDRs', value: ({ spec }) => (spec?.cidrs ?? []).join(',') }, ageColumn],
});

/** IPAddress: one Service address and whose it is; the name is the address. */
export const ipAddressResource = defineResource<IPAddress>(ipAddresses, {
  nameRule: (name) => validateIp('', name).map(({ detail }) => detail),
  validate: ({ spec }) => [
    ...(spec?.parentRef === undefined ? [required('spec.parentRef')] : []),
    ...(spec?.parentRef === undefined
      ? []
      : [
          ...requireText(spec.parentRef.resource, 'spec.parentRef.resource'),
          ...requireText(spec.parentRef.name, 'spec.parentRef.name'),
        ]),
  ],
  validateUpdate: ({ spec }, { spec: old }): FieldError[] =>
    deepEqual(spec?.parentRef, old?.parentRef) ? [] : [immutable('spec.parentRef', spec?.parentRef ?? null)],
  columns: [nameColumn, { name: 'ParentRef', value: parentText }, ageColumn],
});

function parentText({ spec }: IPAddress): string {
  const { group, resource = '', namespace, name = '' } = spec?.parentRef ?? {};
  return [group ? `${resource}.${group}` : resource, namespace, name]
    .filter((part) => part !== undefined && part !== '')
    .join('/');
}
