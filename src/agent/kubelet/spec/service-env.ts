import type { Service, ServicePort } from '#api/core/v1.ts';

/** The Service every pod is told of, wherever it runs. */
const API_SERVICE = { namespace: 'default', name: 'kubernetes' };

/**
 * Variables in the form of Docker links for the services of the pod's namespace, where the pod wants them, and always for
 * the API itself.
 */
export function serviceVariables(
  services: readonly Service[],
  { namespace, enableServiceLinks }: { namespace: string; enableServiceLinks: boolean },
): Map<string, string> {
  const variables = new Map<string, string>();
  const isApi = ({ metadata }: Service) =>
    metadata.namespace === API_SERVICE.namespace && metadata.name === API_SERVICE.name;
  const chosen = services.filter(
    (service) => isApi(service) || (enableServiceLinks && service.metadata.namespace === namespace),
  );
  // A service of the same name in the pod's own namespace wins.
  const ordered = [...chosen.filter(isApi), ...chosen.filter((service) => !isApi(service))];
  for (const service of ordered) {
    for (const [name, value] of variablesOf(service)) variables.set(name, value);
  }
  return variables;
}

function variablesOf({ metadata, spec = {} }: Service): [string, string][] {
  const { clusterIP: ip = '', ports = [] } = spec;
  const [first] = ports;
  if (ip === '' || ip === 'None' || first === undefined || spec.type === 'ExternalName') return [];
  const prefix = upper(metadata.name);
  const named = ports.filter(({ name }) => name !== undefined && name !== '');
  return [
    [`${prefix}_SERVICE_HOST`, ip],
    [`${prefix}_SERVICE_PORT`, String(first.port)],
    ...named.map(({ name = '', port }): [string, string] => [`${prefix}_SERVICE_PORT_${upper(name)}`, String(port)]),
    [`${prefix}_PORT`, url(ip, first)],
    ...ports.flatMap((port) => linkVariables(`${prefix}_PORT`, ip, port)),
  ];
}

function linkVariables(prefix: string, ip: string, servicePort: ServicePort): [string, string][] {
  const { port, protocol = 'TCP' } = servicePort;
  const name = `${prefix}_${port}_${protocol.toUpperCase()}`;
  return [
    [name, url(ip, servicePort)],
    [`${name}_PROTO`, protocol.toLowerCase()],
    [`${name}_PORT`, String(port)],
    [`${name}_ADDR`, ip],
  ];
}

const upper = (name: string) => name.toUpperCase().replaceAll('-', '_');

function url(ip: string, { port, protocol = 'TCP' }: ServicePort): string {
  return `${protocol.toLowerCase()}://${ip.includes(':') ? `[${ip}]` : ip}:${port}`;
}
