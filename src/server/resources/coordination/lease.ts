import { type Lease, leases } from '#api/coordination/v1.ts';
import type { FieldError } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { nonNegative, positive } from '../validate.ts';

/** Lease: who leads, or who is alive. */
export const leaseResource = defineResource<Lease>(leases, {
  createOnUpdate: true,
  unconditionalUpdate: false,
  validate: ({ spec }): FieldError[] => [
    ...positive(spec?.leaseDurationSeconds, 'spec.leaseDurationSeconds'),
    ...nonNegative(spec?.leaseTransitions, 'spec.leaseTransitions'),
  ],
  columns: [nameColumn, { name: 'Holder', value: ({ spec }) => spec?.holderIdentity ?? '' }, ageColumn],
});
