import { defaultService } from '#api/core/defaults.ts';
import { type Service, services } from '#api/core/v1.ts';
import { checkDns1123Label } from '#api/meta/names.ts';
import type { FieldError } from '#api/meta/validation.ts';
import { ageColumn, defineResource, nameColumn, type ResourceDefinition } from '#server/apiserver/resource.ts';
import { labelsText, NONE } from '../columns.ts';
import { allocate, carryAllocations } from './service-allocation.ts';
import type { ServiceAllocator } from './service-allocator.ts';
import { validateService, validateServiceUpdate } from './service-validation.ts';

/** Service: a stable address for pods that come and go. */
export function serviceResource(allocator: ServiceAllocator): ResourceDefinition<Service> {
  /** What could not be allocated, told together with everything else that is wrong. */
  const refusals = new WeakMap<Service, readonly FieldError[]>();
  const prepare = (service: Service) => {
    refusals.set(service, allocate(service, allocator));
  };
  return defineResource<Service>(services, {
    nameRule: checkDns1123Label,
    createOnUpdate: true,
    returnsDeleted: true,
    defaults: defaultService,
    fieldSelectors: {
      'spec.clusterIP': ({ spec }) => spec?.clusterIP ?? '',
      'spec.type': ({ spec }) => spec?.type ?? '',
    },
    prepareCreate(service, { cache }) {
      allocator.attach(cache);
      prepare(service);
    },
    prepareUpdate(service, old, { cache }) {
      allocator.attach(cache);
      carryAllocations(service, old);
      prepare(service);
    },
    release: (service) => allocator.release(service),
    validate: (service) => [...validateService(service), ...(refusals.get(service) ?? [])],
    validateUpdate: validateServiceUpdate,
    columns: [
      nameColumn,
      { name: 'Type', value: ({ spec }) => spec?.type ?? '' },
      { name: 'Cluster-IP', value: ({ spec }) => spec?.clusterIPs?.[0] || spec?.clusterIP || NONE },
      { name: 'External-IP', value: externalAddress },
      { name: 'Port(s)', value: portsText },
      ageColumn,
      { name: 'Selector', priority: 1, value: ({ spec }) => labelsText(spec?.selector) },
    ],
  });
}

function externalAddress({ spec = {}, status }: Service): string {
  const { type, externalIPs = [], externalName } = spec;
  if (type === 'ExternalName') return externalName ?? '';
  if (type !== 'LoadBalancer') return externalIPs.length > 0 ? externalIPs.join(',') : NONE;
  const ingress = (status?.loadBalancer?.ingress ?? [])
    .map(({ ip, hostname }) => ip || hostname || '')
    .filter((text) => text !== '');
  const all = [...ingress, ...externalIPs];
  return all.length > 0 ? [...new Set(all)].join(',') : '<pending>';
}

function portsText({ spec }: Service): string {
  const ports = (spec?.ports ?? []).map(
    ({ port, nodePort = 0, protocol }) => `${port}${nodePort > 0 ? `:${nodePort}` : ''}/${protocol}`,
  );
  return ports.length === 0 ? NONE : ports.join(',');
}
