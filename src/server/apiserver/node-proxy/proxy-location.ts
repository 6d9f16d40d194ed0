import { type Pod, pods, services } from '#api/core/v1.ts';
import { type EndpointSlice, endpointSlices } from '#api/discovery/v1.ts';
import { badRequest, notFound, serviceUnavailable } from '#api/meta/errors.ts';
import { goQuote } from '#api/meta/go-text.ts';
import type { Cache } from '#client/cache.ts';

/** An HTTP server to hand a request on to. */
export interface ProxyLocation {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
}

interface ProxyName {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  readonly port: string;
}

/** Splits `[scheme:]name[:port]`. */
export function parseProxyName(text: string): ProxyName {
  const parts = text.split(':');
  if (parts.length === 3 && (parts[0] === 'http' || parts[0] === 'https' || parts[0] === '')) {
    return { scheme: parts[0] === 'https' ? 'https' : 'http', name: parts[1] ?? '', port: parts[2] ?? '' };
  }
  if (parts.length > 2) throw badRequest(`invalid proxy request ${goQuote(text)}`);
  return { scheme: 'http', name: parts[0] ?? '', port: parts[1] ?? '' };
}

/** Where `pods/NAME/proxy` leads. Throws 404 for no such pod, 400 for one without address. */
export function locatePod(cache: Cache, namespace: string, text: string): ProxyLocation {
  const { scheme, name, port } = parseProxyName(text);
  const pod = cache.get(pods, { namespace, name });
  if (pod === undefined) throw notFound(pods, name);
  const host = pod.status?.podIP ?? '';
  if (host === '') throw badRequest(`address not allowed: pod ${name} has no IP address`);
  return { scheme, host, port: port === '' ? firstPort(pod, scheme) : numberOf(port) };
}

function firstPort({ spec }: Pod, scheme: 'http' | 'https'): number {
  const found = spec.containers.flatMap(({ ports = [] }) => ports.map(({ containerPort }) => containerPort));
  return found[0] ?? (scheme === 'https' ? 443 : 80);
}

function numberOf(port: string): number {
  if (!/^\d{1,5}$/.test(port)) throw badRequest(`invalid port ${goQuote(port)}`);
  return Number(port);
}

/** Where `services/NAME/proxy` leads this time: one ready endpoint by chance. Throws 503 when there is none. */
export function locateService(cache: Cache, namespace: string, text: string): ProxyLocation {
  const { scheme, name, port } = parseProxyName(text);
  const service = cache.get(services, { namespace, name });
  if (service === undefined) throw notFound(services, name);
  const ports = service.spec?.ports ?? [];
  const servicePort =
    port === '' && ports.length === 1
      ? ports[0]
      : ports.find((candidate) => candidate.name === port || String(candidate.port) === port);
  if (servicePort === undefined)
    throw serviceUnavailable(`no service port ${goQuote(port)} found for service ${goQuote(name)}`);
  const portName = servicePort.name ?? '';
  const found = cache
    .list(endpointSlices, { namespace })
    .filter(({ metadata }) => metadata.labels?.['kubernetes.io/service-name'] === name)
    .flatMap((slice) => endpointsOf(slice, portName));
  const chosen = found[Math.floor(Math.random() * found.length)];
  if (chosen === undefined) throw serviceUnavailable(`no endpoints available for service ${goQuote(name)}`);
  return { scheme, ...chosen };
}

function endpointsOf({ endpoints, ports = [] }: EndpointSlice, portName: string): { host: string; port: number }[] {
  const port = ports.find(({ name = '' }) => name === portName)?.port;
  if (port === undefined) return [];
  return (endpoints ?? [])
    .filter(({ conditions }) => conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses.slice(0, 1).map((host) => ({ host, port })));
}
