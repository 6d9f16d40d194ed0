import { type Endpoints, endpoints, pods, type Service, services } from '#api/core/v1.ts';
import { type EndpointSlice, endpointSlices } from '#api/discovery/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { isNotFound } from '#api/meta/errors.ts';
import { formatTime } from '#api/meta/time.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Cache } from '#client/cache.ts';
import { type Controller, type ControllerDeps, watches } from './controller.ts';
import { planSliceContents, planSlices, planSubsets, sameSubsets } from './endpoints-plan.ts';
import { controllerReference } from './owned.ts';

const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const SLICE_MANAGER = 'endpointslice-controller.k8s.io';
const ENDPOINTS_MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
const ENDPOINTS_MANAGER = 'endpoint-controller';
const SERVICE_NAME = 'kubernetes.io/service-name';
const HEADLESS = 'service.kubernetes.io/headless';
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';

/** Keeps the EndpointSlices of services that have a selector. */
export function endpointSliceController({ client, cache, events }: ControllerDeps): Controller {
  return {
    name: 'endpointslice-controller',
    primary: services,
    owns: [endpointSlices],
    watches: [watchPods(cache)],
    async reconcile(key, { signal }) {
      const service = cache.get(services, key);
      // What is there when a service loses its selector stays, as upstream has it: somebody may work on it by hand.
      if (service === undefined || !hasSelector(service) || service.metadata.deletionTimestamp !== undefined) return;
      const present = cache
        .ownedBy(endpointSlices, service)
        .filter(({ metadata }) => metadata.labels?.[MANAGED_BY] === SLICE_MANAGER && !metadata.deletionTimestamp);
      const plan = planSlices(planSliceContents(service, selected(cache, service)), present, () => blankSlice(service));
      for (const slice of plan.create) await client.create(endpointSlices, slice, { signal });
      for (const slice of plan.update) {
        const labels = { ...slice.metadata.labels, ...sliceLabels(service) };
        const wanted = { ...slice, metadata: { ...slice.metadata, labels } };
        const old = present.find(({ metadata }) => metadata.uid === slice.metadata.uid);
        if (!deepEqual(old, wanted)) await client.update(endpointSlices, wanted, { signal });
      }
      for (const slice of plan.remove)
        await client.delete(endpointSlices, slice.metadata, { signal }).catch(ignoreMissing);
      if (plan.create.length > 50)
        events.event(service, 'Warning', 'FailedToUpdateEndpointSlices', 'Too many endpoints');
    },
  };
}

/** Keeps the Endpoints object of services that have a selector: the older form of the same. */
export function endpointsController({ client, cache, now }: ControllerDeps): Controller {
  return {
    name: 'endpoint-controller',
    primary: services,
    watches: [watchPods(cache), watches(endpoints, ({ metadata }) => [metadata])],
    async reconcile(key, { signal }) {
      const service = cache.get(services, key);
      const present = cache.get(endpoints, key);
      if (service === undefined) {
        // Only what this controller made goes with the service.
        if (
          present?.metadata.labels?.[ENDPOINTS_MANAGED_BY] === ENDPOINTS_MANAGER ||
          present?.metadata.annotations?.[TRIGGER] !== undefined
        ) {
          await client.delete(endpoints, key, { signal }).catch(ignoreMissing);
        }
        return;
      }
      if (!hasSelector(service) || service.metadata.deletionTimestamp !== undefined) return;
      const { subsets, truncated } = planSubsets(service, selected(cache, service));
      const { [HEADLESS]: _headless, ...serviceLabels } = service.metadata.labels ?? {};
      const labels = {
        ...serviceLabels,
        [ENDPOINTS_MANAGED_BY]: ENDPOINTS_MANAGER,
        ...(isHeadless(service) && { [HEADLESS]: '' }),
      };
      const known = present?.metadata.labels ?? {};
      if (present !== undefined && sameSubsets(present.subsets, subsets) && deepEqual(known, labels)) return;
      const annotations = {
        [TRIGGER]: formatTime(new Date(now())),
        ...(truncated && { [OVER_CAPACITY]: 'truncated' }),
      };
      const wanted: Endpoints = {
        apiVersion: 'v1',
        kind: 'Endpoints',
        metadata: { ...present?.metadata, name: key.name, namespace: key.namespace, labels, annotations },
        ...(subsets.length > 0 && { subsets }),
      };
      if (present === undefined) await client.create(endpoints, wanted, { signal });
      else await client.update(endpoints, wanted, { signal });
    },
  };
}

const TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time';

function hasSelector(service: Service): boolean {
  return service.spec?.type !== 'ExternalName' && Object.keys(service.spec?.selector ?? {}).length > 0;
}

function isHeadless(service: Service): boolean {
  return service.spec?.clusterIP === 'None';
}

function selected(cache: Cache, service: Service) {
  return cache.list(pods, { namespace: service.metadata.namespace }).filter((pod) => selects(service, pod));
}

function selects(service: Service, { metadata }: ApiObject): boolean {
  const labels = metadata.labels ?? {};
  return Object.entries(service.spec?.selector ?? {}).every(([key, value]) => labels[key] === value);
}

function watchPods(cache: Cache) {
  return watches(pods, (pod, previous) =>
    cache
      .list(services, { namespace: pod.metadata.namespace })
      .filter(
        (service) =>
          hasSelector(service) && (selects(service, pod) || (previous !== undefined && selects(service, previous))),
      )
      .map(({ metadata }) => metadata),
  );
}

function sliceLabels(service: Service): Record<string, string> {
  return {
    ...service.metadata.labels,
    [SERVICE_NAME]: service.metadata.name,
    [MANAGED_BY]: SLICE_MANAGER,
    ...(isHeadless(service) && { [HEADLESS]: '' }),
  };
}

function blankSlice(service: Service): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    addressType: 'IPv4',
    metadata: {
      name: '',
      generateName: `${service.metadata.name}-`,
      namespace: service.metadata.namespace,
      labels: sliceLabels(service),
      ownerReferences: [controllerReference(services, service)],
    },
    endpoints: [],
    ports: [],
  };
}

function ignoreMissing(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
