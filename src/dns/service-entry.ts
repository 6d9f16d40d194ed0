import { isIPv4 } from 'node:net';
import type { Service } from '#api/core/v1.ts';
import type { EndpointSlice } from '#api/discovery/v1.ts';

/** What DNS knows of one Service: plain data, sent to the resolver's thread. */
export interface ServiceEntry {
  readonly namespace: string;
  readonly name: string;
  /** Its own addresses; none for headless and external ones. */
  readonly ips: readonly string[];
  readonly ports: readonly PortEntry[];
  readonly externalName?: string;
  /** Only headless ones: where their names lead. */
  readonly endpoints?: readonly EndpointEntry[];
}

export interface PortEntry {
  readonly name: string;
  readonly protocol: string;
  readonly port: number;
}

export interface EndpointEntry {
  /** The pod's own, or made of its address. */
  readonly hostname: string;
  readonly ip: string;
  readonly ports: readonly PortEntry[];
}

/** The entry of a service and its slices; undefined while it has no address yet. */
export function serviceEntry({ metadata, spec }: Service, slices: readonly EndpointSlice[]): ServiceEntry | undefined {
  const { namespace = '', name = '' } = metadata;
  const common = { namespace, name, ips: [], ports: [] };
  if (spec?.type === 'ExternalName') {
    const externalName = (spec.externalName ?? '').replace(/\.$/, '').toLowerCase();
    return externalName === '' ? undefined : { ...common, externalName };
  }
  if (spec?.clusterIP === 'None') return { ...common, endpoints: endpointsOf(slices) };
  const ips = [...new Set([spec?.clusterIP ?? '', ...(spec?.clusterIPs ?? [])])].filter((ip) => isIPv4(ip));
  if (ips.length === 0) return undefined;
  const ports = (spec?.ports ?? []).map((port) => portEntry(port.name, port.protocol, port.port));
  return { ...common, ips, ports };
}

function endpointsOf(slices: readonly EndpointSlice[]): EndpointEntry[] {
  const byName = new Map<string, EndpointEntry>();
  for (const { addressType, endpoints = [], ports = [] } of slices) {
    if (addressType !== 'IPv4') continue;
    const numbers = ports.flatMap(({ name, protocol, port }) =>
      port === undefined ? [] : portEntry(name, protocol, port),
    );
    for (const { addresses, conditions, hostname } of endpoints) {
      if (conditions?.ready === false) continue;
      for (const ip of addresses.filter((address) => isIPv4(address))) {
        const label = hostname ?? ip.replaceAll('.', '-');
        const known = byName.get(`${label} ${ip}`);
        byName.set(`${label} ${ip}`, { hostname: label, ip, ports: [...(known?.ports ?? []), ...numbers] });
      }
    }
  }
  return [...byName.values()];
}

function portEntry(name = '', protocol = 'TCP', port: number): PortEntry {
  return { name, protocol: protocol.toLowerCase(), port };
}
