import { type ComponentStatus, componentStatuses } from '#api/core/v1.ts';
import { defineResource, nameColumn } from '#server/apiserver/resource.ts';

/** ComponentStatus: kept for clients that list it; nothing is stored under it. */
export const componentStatusResource = defineResource<ComponentStatus>(componentStatuses, {
  columns: [
    nameColumn,
    {
      name: 'Status',
      value: ({ conditions = [] }) =>
        ({ True: 'Healthy', False: 'Unhealthy' })[healthOf(conditions)?.status ?? ''] ?? 'Unknown',
    },
    { name: 'Message', value: ({ conditions = [] }) => healthOf(conditions)?.message ?? '' },
    { name: 'Error', value: ({ conditions = [] }) => healthOf(conditions)?.error ?? '' },
  ],
});

function healthOf(conditions: NonNullable<ComponentStatus['conditions']>) {
  return conditions.find(({ type }) => type === 'Healthy');
}
