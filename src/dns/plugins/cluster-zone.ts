import { isIPv4 } from 'node:net';
import type { DnsPlugin, Outcome } from '../plugin.ts';
import type { EndpointEntry, PortEntry, ServiceEntry } from '../service-entry.ts';
import { type DnsRecord, type Query, RCODE, TYPE } from '../wire.ts';
import type { ZoneIndex } from '../zone-index.ts';

export interface ClusterZone {
  /** `cluster.local` */
  readonly zone: string;
  /** The address pods ask at. */
  readonly dnsIp: string;
}

/** Seconds that answers about the cluster are good for. */
export const CLUSTER_TTL = 5;
/** Version of the specification these names follow. */
const SPECIFICATION = '1.1.0';

/** What stands at a name: nothing is undefined; a name that only leads to others has no records. */
interface Found {
  readonly records: readonly DnsRecord[];
  readonly additionals?: readonly DnsRecord[];
  readonly alias?: string;
}

/** Names of services, their ports and endpoints, and pods. */
export function clusterZone(config: ClusterZone, index: ZoneIndex): DnsPlugin {
  return { name: 'cluster-zone', answer: (query) => answerCluster(query, index, config) };
}

/** Pure but for the index: the answer to a query below the cluster's domain, undefined for any other. */
export function answerCluster(query: Query, index: ZoneIndex, config: ClusterZone): Outcome | undefined {
  const { zone } = config;
  if (query.name !== zone && !query.name.endsWith(`.${zone}`)) return undefined;
  if (!index.isComplete) return { reply: { rcode: RCODE.SERVFAIL, isAuthoritative: false, answers: [] } };
  const labels = query.name === zone ? [] : query.name.slice(0, -zone.length - 1).split('.');
  return outcomeOf(find(query, labels, { index, config }), { zone, dnsZone: zone, serial: index.version });
}

/** An authoritative answer, with the zone's SOA where there is nothing to tell. */
export function outcomeOf(
  found: Found | undefined,
  { zone, dnsZone, serial }: { zone: string; dnsZone: string; serial: number },
): Outcome {
  const records = found?.records ?? [];
  const rcode = found === undefined ? RCODE.NXDOMAIN : RCODE.NOERROR;
  const authorities = records.length === 0 ? [soa(zone, dnsZone, serial)] : [];
  const reply = {
    rcode,
    isAuthoritative: true,
    answers: rotate(records),
    authorities,
    additionals: found?.additionals ?? [],
  };
  const isStable = records.length <= 1 && found?.alias === undefined;
  return { reply, isStable, ...(found?.alias !== undefined && { alias: found.alias }) };
}

function find(
  query: Query,
  labels: readonly string[],
  { index, config }: { index: ZoneIndex; config: ClusterZone },
): Found | undefined {
  const { zone, dnsIp } = config;
  const { name } = query;
  const root = labels.at(-1);
  const rest = labels.slice(0, -1);
  if (root === undefined) {
    const records = [
      soa(zone, zone, index.version),
      { name, ttl: CLUSTER_TTL, type: 'NS', target: `ns.dns.${zone}` } as const,
    ];
    return { records: records.filter(({ type }) => isAsked(query, TYPE[type])) };
  }
  if (root === 'dns-version' && rest.length === 0) {
    return { records: isAsked(query, TYPE.TXT) ? [{ name, ttl: CLUSTER_TTL, type: 'TXT', text: SPECIFICATION }] : [] };
  }
  if (root === 'dns' && rest.join() === 'ns') return { records: addresses(query, [dnsIp]) };
  if (root === 'dns' && rest.length === 0) return { records: [] };
  if (root === 'svc') return findService(query, rest, { index, zone });
  if (root === 'pod') return findPod(query, rest, index);
  return undefined;
}

/** `[_port._proto. | endpoint.]service.namespace`, from the right. */
function findService(
  query: Query,
  labels: readonly string[],
  { index, zone }: { index: ZoneIndex; zone: string },
): Found | undefined {
  const [namespace, name, first, second, ...more] = labels.toReversed();
  if (namespace === undefined) return { records: [] };
  if (name === undefined) return index.hasNamespace(namespace) ? { records: [] } : undefined;
  const service = index.service(namespace, name);
  if (service === undefined || more.length > 0) return undefined;
  const host = `${name}.${namespace}.svc.${zone}`;
  if (first === undefined) return serviceItself(query, service, host);
  if (service.externalName !== undefined) return undefined;
  if (second !== undefined) return portsOf(query, service, { host, port: second, protocol: first });
  if (first.startsWith('_')) return hasProtocol(service, first.slice(1)) ? { records: [] } : undefined;
  const endpoints = (service.endpoints ?? []).filter(({ hostname }) => hostname === first);
  if (endpoints.length === 0) return undefined;
  if (query.type === TYPE.SRV)
    return services(
      query,
      endpointPorts(endpoints, host, () => true),
    );
  return {
    records: addresses(
      query,
      endpoints.map(({ ip }) => ip),
    ),
  };
}

function serviceItself(
  query: Query,
  { ips, ports, externalName, endpoints }: ServiceEntry,
  host: string,
): Found | undefined {
  // Without a ready endpoint the specification wants a headless service not to exist.
  if (endpoints?.length === 0) return undefined;
  if (externalName !== undefined) {
    const isAsking = query.type === TYPE.A || query.type === TYPE.AAAA || isAsked(query, TYPE.CNAME);
    if (!isAsking) return { records: [] };
    const records: DnsRecord[] = [{ name: query.name, ttl: CLUSTER_TTL, type: 'CNAME', target: externalName }];
    return query.type === TYPE.A || query.type === TYPE.AAAA ? { records, alias: externalName } : { records };
  }
  if (query.type !== TYPE.SRV) {
    const found = endpoints === undefined ? ips : [...new Set(endpoints.map(({ ip }) => ip))];
    return { records: addresses(query, found) };
  }
  if (endpoints !== undefined)
    return services(
      query,
      endpointPorts(endpoints, host, () => true),
    );
  return services(
    query,
    ports.map(({ port }) => ({ port, target: host, ips })),
  );
}

function portsOf(
  query: Query,
  service: ServiceEntry,
  { host, port, protocol }: { host: string; port: string; protocol: string },
): Found | undefined {
  if (!port.startsWith('_') || !protocol.startsWith('_')) return undefined;
  const isMeant = (entry: PortEntry) => `_${entry.name}` === port && `_${entry.protocol}` === protocol;
  const found =
    service.endpoints === undefined
      ? service.ports.filter(isMeant).map((entry) => ({ port: entry.port, target: host, ips: service.ips }))
      : endpointPorts(service.endpoints, host, isMeant);
  if (found.length === 0) return undefined;
  return isAsked(query, TYPE.SRV) ? services(query, found) : { records: [] };
}

interface PortTarget {
  readonly port: number;
  readonly target: string;
  readonly ips: readonly string[];
}

function endpointPorts(
  endpoints: readonly EndpointEntry[],
  host: string,
  isMeant: (port: PortEntry) => boolean,
): PortTarget[] {
  return endpoints.flatMap(({ hostname, ip, ports }) =>
    ports.filter(isMeant).map(({ port }) => ({ port, target: `${hostname}.${host}`, ips: [ip] })),
  );
}

/** SRV records, and the addresses their targets will be asked for next. */
function services({ name }: Query, targets: readonly PortTarget[]): Found {
  const hosts = new Map(targets.map(({ target, ips }) => [target, ips]));
  return {
    records: targets.map(({ port, target }) => ({ name, ttl: CLUSTER_TTL, type: 'SRV', port, target })),
    additionals: [...hosts].flatMap(([target, ips]) =>
      ips.map((address) => ({ name: target, ttl: CLUSTER_TTL, type: 'A', address }) as const),
    ),
  };
}

function hasProtocol({ ports, endpoints = [] }: ServiceEntry, protocol: string): boolean {
  return [...ports, ...endpoints.flatMap((endpoint) => endpoint.ports)].some((port) => port.protocol === protocol);
}

/** `10-42-0-7.namespace`: whether there is such a pod is not looked at, as everywhere. */
function findPod(query: Query, labels: readonly string[], index: ZoneIndex): Found | undefined {
  const [namespace, dashed, ...more] = labels.toReversed();
  if (namespace === undefined) return { records: [] };
  if (!index.hasNamespace(namespace)) return undefined;
  if (dashed === undefined) return { records: [] };
  const ip = dashed.replaceAll('-', '.');
  if (more.length > 0 || !isIPv4(ip)) return undefined;
  return { records: addresses(query, [ip]) };
}

function addresses(query: Query, ips: readonly string[]): DnsRecord[] {
  if (!isAsked(query, TYPE.A)) return [];
  return ips.map((address) => ({ name: query.name, ttl: CLUSTER_TTL, type: 'A', address }));
}

function isAsked({ type }: Query, wanted: number): boolean {
  return type === wanted || type === TYPE.ANY;
}

function soa(zone: string, dnsZone: string, serial: number): DnsRecord {
  const names = { primary: `ns.dns.${dnsZone}`, mailbox: `hostmaster.${dnsZone}` };
  return { name: zone, ttl: CLUSTER_TTL, type: 'SOA', ...names, serial, minimum: CLUSTER_TTL };
}

/** Many clients take the first address they get: it should not always be the same one. */
function rotate(records: readonly DnsRecord[]): readonly DnsRecord[] {
  if (records.length < 2 || records.some(({ type }) => type !== 'A' && type !== 'SRV')) return records;
  const start = Math.floor(Math.random() * records.length);
  return [...records.slice(start), ...records.slice(0, start)];
}
