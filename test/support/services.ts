import type { Service, ServiceSpec } from '#api/core/v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '#api/discovery/v1.ts';

/** A Service as the server would store it. */
export function service(
  name: string,
  spec: Partial<ServiceSpec> = {},
  more: { namespace?: string; status?: Service['status'] } = {},
): Service {
  const { namespace = 'default', status } = more;
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name, uid: `${namespace}-${name}` },
    spec: { type: 'ClusterIP', clusterIP: '10.43.0.80', ports: [{ name: 'http', port: 80, protocol: 'TCP' }], ...spec },
    ...(status && { status }),
  };
}

/** An EndpointSlice of a Service; endpoints are given as addresses or whole. */
export function slice(
  serviceName: string,
  endpoints: readonly (string | Endpoint)[],
  {
    namespace = 'default',
    ports = [{ name: 'http', port: 8080, protocol: 'TCP' }],
    name = `${serviceName}-1`,
  }: { namespace?: string; ports?: EndpointPort[]; name?: string } = {},
): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace, name, labels: { 'kubernetes.io/service-name': serviceName } },
    addressType: 'IPv4',
    endpoints: endpoints.map((endpoint) =>
      typeof endpoint === 'string' ? { addresses: [endpoint], conditions: { ready: true } } : endpoint,
    ),
    ports,
  };
}

/** The status of a Service with these load balancer addresses. */
export function balanced(...ips: string[]): Service['status'] {
  return { loadBalancer: { ingress: ips.map((ip) => ({ ip })) } };
}
