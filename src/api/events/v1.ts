import type { Event } from '../generated/events-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/events-v1.ts';

export const events: ResourceRef<Event> = {
  group: 'events.k8s.io',
  version: 'v1',
  kind: 'Event',
  plural: 'events',
  namespaced: true,
};
