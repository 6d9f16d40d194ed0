import { validateLabelSelector } from '#api/meta/object-meta.ts';
import { type FieldError, invalidValue } from '#api/meta/validation.ts';
import { type PodDisruptionBudget, podDisruptionBudgets } from '#api/policy/v1.ts';
import { ageColumn, defineResource, nameColumn } from '#server/apiserver/resource.ts';
import { notAboveWhole, validateIntOrPercent } from '../int-or-percent.ts';
import { oneOf } from '../validate.ts';

/** PodDisruptionBudget: how many pods must stay while others are moved away. */
export const podDisruptionBudgetResource = defineResource<PodDisruptionBudget>(podDisruptionBudgets, {
  unconditionalUpdate: false,
  validate({ spec = {} }): FieldError[] {
    const { minAvailable, maxUnavailable } = spec;
    const both = minAvailable !== undefined && maxUnavailable !== undefined;
    return [
      ...(both
        ? [invalidValue('spec', { minAvailable, maxUnavailable }, 'minAvailable and maxUnavailable cannot be both set')]
        : []),
      ...validateIntOrPercent(minAvailable, 'spec.minAvailable'),
      ...notAboveWhole(minAvailable, 'spec.minAvailable'),
      ...validateIntOrPercent(maxUnavailable, 'spec.maxUnavailable'),
      ...notAboveWhole(maxUnavailable, 'spec.maxUnavailable'),
      ...validateLabelSelector(spec.selector, 'spec.selector'),
      ...oneOf(spec.unhealthyPodEvictionPolicy, 'spec.unhealthyPodEvictionPolicy', ['AlwaysAllow', 'IfHealthyBudget']),
    ];
  },
  columns: [
    nameColumn,
    { name: 'Min Available', value: ({ spec }) => String(spec?.minAvailable ?? 'N/A') },
    { name: 'Max Unavailable', value: ({ spec }) => String(spec?.maxUnavailable ?? 'N/A') },
    { name: 'Allowed Disruptions', type: 'integer', value: ({ status }) => status?.disruptionsAllowed ?? 0 },
    ageColumn,
  ],
});
