import { type Event as CoreEvent, events as coreEvents } from '#api/core/v1.ts';
import { type Event, events } from '#api/events/v1.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { defineResource } from '#server/apiserver/resource.ts';
import { eventOptions, eventResource } from '../core/event.ts';

/** New names of the fields that differ between the two groups; all others are the same in both. */
const NEW_NAMES = {
  involvedObject: 'regarding',
  message: 'note',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
  reportingComponent: 'reportingController',
} as const;
const OLD_NAMES = Object.fromEntries(Object.entries(NEW_NAMES).map(([old, now]) => [now, old]));

const selectors = eventResource.fieldSelectors;

/** Event in its newer group: the same objects in other words. */
export const eventsV1EventResource = defineResource<Event>(events, {
  ...eventOptions,
  columns: eventResource.columns.map((column) => ({
    ...column,
    value: (event: Event, now: Date) => column.value(toCore(event), now),
  })),
  fieldSelectors: Object.fromEntries(
    Object.entries(selectors).map(([name, get]) => [
      name.replace('involvedObject', 'regarding'),
      (event: Event) => get(toCore(event)),
    ]),
  ),
  storedAs: {
    ref: coreEvents,
    fromStored: (object) => renamed(object, NEW_NAMES, 'events.k8s.io/v1') as unknown as Event,
    toStored: (event) => renamed(event, OLD_NAMES, 'v1'),
  },
});

function toCore(event: Event): CoreEvent {
  return renamed(event, OLD_NAMES, 'v1') as unknown as CoreEvent;
}

function renamed(object: ApiObject, names: Readonly<Record<string, string>>, apiVersion: string): ApiObject {
  const fields = Object.entries(object).map(([name, value]) => [
    Object.hasOwn(names, name) ? names[name] : name,
    value,
  ]);
  return { ...(Object.fromEntries(fields) as ApiObject), apiVersion };
}
