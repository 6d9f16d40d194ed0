import { type Event, events } from '#api/core/v1.ts';
import { humanDuration } from '#api/meta/time.ts';
import { type FieldError, invalidValue } from '#api/meta/validation.ts';
import { type Column, defineResource } from '#server/apiserver/resource.ts';
import { UNKNOWN } from '../columns.ts';

/** Events are news: after an hour nobody asks. */
export const EVENT_TTL_SECONDS = 3600;

/** Rules that hold for both groups Events are served in. */
export const eventOptions = {
  createOnUpdate: true,
  ttlSeconds: EVENT_TTL_SECONDS,
} as const;

const source = ({ source: from, reportingComponent }: Event) => from?.component || reportingComponent || '';

/** Event: what happened to an object. */
export const eventResource = defineResource<Event>(events, {
  ...eventOptions,
  fieldSelectors: {
    'involvedObject.kind': ({ involvedObject }) => involvedObject?.kind ?? '',
    'involvedObject.namespace': ({ involvedObject }) => involvedObject?.namespace ?? '',
    'involvedObject.name': ({ involvedObject }) => involvedObject?.name ?? '',
    'involvedObject.uid': ({ involvedObject }) => involvedObject?.uid ?? '',
    'involvedObject.apiVersion': ({ involvedObject }) => involvedObject?.apiVersion ?? '',
    'involvedObject.resourceVersion': ({ involvedObject }) => involvedObject?.resourceVersion ?? '',
    'involvedObject.fieldPath': ({ involvedObject }) => involvedObject?.fieldPath ?? '',
    reason: ({ reason }) => reason ?? '',
    reportingComponent: ({ reportingComponent }) => reportingComponent ?? '',
    source,
    type: ({ type }) => type ?? '',
  },
  validate: validateEvent,
  columns: eventColumns(),
});

function validateEvent({ metadata, involvedObject }: Event): FieldError[] {
  const { namespace = '' } = involvedObject ?? {};
  const home = metadata.namespace ?? '';
  // What happens to things outside of namespaces is told in the default one.
  if (namespace === home || (namespace === '' && ['default', 'kube-system', ''].includes(home))) return [];
  return [invalidValue('involvedObject.namespace', namespace, 'does not match event.namespace')];
}

function eventColumns(): Column<Event>[] {
  return [
    { name: 'Last Seen', value: (event, now) => sinceText(lastSeen(event), now) },
    { name: 'Type', value: ({ type = '' }) => type },
    { name: 'Reason', value: ({ reason = '' }) => reason },
    { name: 'Object', value: objectText },
    { name: 'Subobject', priority: 1, value: ({ involvedObject }) => involvedObject?.fieldPath ?? '' },
    { name: 'Source', priority: 1, value: sourceText },
    { name: 'Message', value: ({ message = '' }) => message.trim() },
    { name: 'First Seen', priority: 1, value: (event, now) => sinceText(event.firstTimestamp ?? event.eventTime, now) },
    { name: 'Count', type: 'integer', priority: 1, value: ({ series, count }) => (series?.count ?? count) || 1 },
    { name: 'Name', format: 'name', priority: 1, value: ({ metadata }) => metadata.name },
  ];
}

function lastSeen({ series, lastTimestamp, firstTimestamp, eventTime }: Event): string | null | undefined {
  return series?.lastObservedTime ?? lastTimestamp ?? firstTimestamp ?? eventTime;
}

function sinceText(time: string | null | undefined, now: Date): string {
  return time === undefined || time === null ? UNKNOWN : humanDuration(now.getTime() - Date.parse(time));
}

function objectText({ involvedObject }: Event): string {
  const { kind = '', name = '' } = involvedObject ?? {};
  return kind === '' ? name : `${kind.toLowerCase()}/${name}`;
}

function sourceText(event: Event): string {
  const component = source(event);
  const host = event.source?.host || event.reportingInstance || '';
  return host === '' ? component : `${component}, ${host}`;
}
