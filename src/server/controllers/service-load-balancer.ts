import { type Node, nodes, type Service, services } from '#api/core/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { type Controller, type ControllerDeps, watches } from './controller.ts';

/**
 * Gives Services of type LoadBalancer the nodes' own addresses, which the service proxy then answers. Two services cannot
 * have the same port: the older one keeps it.
 */
export function serviceLoadBalancerController({ client, cache, events }: ControllerDeps): Controller {
  return {
    name: 'service-controller',
    primary: services,
    watches: [
      watches(nodes, (node, previous) =>
        previous !== undefined &&
        deepEqual(addressesOf(node), addressesOf(previous)) &&
        isUsable(node) === isUsable(previous)
          ? []
          : balanced().map(({ metadata }) => metadata),
      ),
      // A service that goes or changes frees its ports for those that wait.
      watches(services, (service, previous) =>
        isBalanced(service) || (previous !== undefined && isBalanced(previous))
          ? balanced().map(({ metadata }) => metadata)
          : [],
      ),
    ],
    concurrency: 1,
    async reconcile(key, { signal }) {
      const service = cache.get(services, key);
      // Whoever made a class of load balancers answers for its services.
      if (service === undefined || service.spec?.loadBalancerClass) return;
      const wanted = isBalanced(service)
        ? planAddresses(service, { services: balanced(), nodes: cache.list(nodes) })
        : { ips: [] };
      if ('conflict' in wanted && wanted.conflict !== undefined) {
        events.event(service, 'Warning', 'PortInUse', wanted.conflict);
      }
      const ingress = wanted.ips.map((ip) => ({ ip }));
      const present = service.status?.loadBalancer?.ingress ?? [];
      if (!deepEqual(ingress, present)) {
        const loadBalancer = ingress.length === 0 ? {} : { ingress };
        await client.updateStatus(services, { ...service, status: { ...service.status, loadBalancer } }, { signal });
      }
    },
  };

  function balanced(): Service[] {
    return cache.list(services).filter(isBalanced);
  }
}

function isBalanced({ spec, metadata }: Service): boolean {
  return spec?.type === 'LoadBalancer' && !spec.loadBalancerClass && metadata.deletionTimestamp === undefined;
}

function isUsable({ metadata, spec, status }: Node): boolean {
  const ready = status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
  const excluded = metadata.labels?.['node.kubernetes.io/exclude-from-external-load-balancers'] !== undefined;
  return ready && !excluded && metadata.deletionTimestamp === undefined && spec !== undefined;
}

function addressesOf({ status }: Node): string[] {
  const of = (wanted: string) =>
    (status?.addresses ?? []).filter(({ type }) => type === wanted).map(({ address }) => address);
  const external = of('ExternalIP');
  return external.length > 0 ? external : of('InternalIP').slice(0, 1);
}

/** The addresses a service is reachable at, or which other service has its port. Pure. */
export function planAddresses(
  service: Service,
  world: { services: readonly Service[]; nodes: readonly Node[] },
): { ips: string[]; conflict?: string } {
  const age = ({ metadata }: Service) => `${metadata.creationTimestamp} ${metadata.namespace}/${metadata.name}`;
  for (const other of world.services) {
    if (other.metadata.uid === service.metadata.uid || age(other) > age(service)) continue;
    for (const port of service.spec?.ports ?? []) {
      const clash = other.spec?.ports?.some(
        (theirs) => theirs.port === port.port && (theirs.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
      );
      if (clash === true) {
        const name = `${other.metadata.namespace}/${other.metadata.name}`;
        return {
          ips: [],
          conflict: `Port ${port.port}/${port.protocol ?? 'TCP'} of the nodes is in use by service ${name}`,
        };
      }
    }
  }
  const ips = world.nodes.filter(isUsable).flatMap(addressesOf);
  return { ips: [...new Set(ips)].sort() };
}
