import { isIPv4 } from 'node:net';
import type { Endpoint, EndpointSlice } from '#api/discovery/v1.ts';
import type { ProxyNode } from './proxy-node.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';

/** One place a service port's traffic can go to. */
export interface Target {
  readonly ip: string;
  readonly port: number;
}

export interface PortTargets {
  /** Where traffic goes under policy `Cluster`. */
  readonly cluster: readonly Target[];
  /** Where traffic goes under policy `Local`: on this node only. */
  readonly local: readonly Target[];
}

interface Candidate extends Target {
  readonly endpoint: Endpoint;
  readonly isReady: boolean;
  /** Going away, but still answering. */
  readonly isLastResort: boolean;
}

/** Picks the endpoints for one port of a service, by readiness, node and topology hints. Order is stable. */
export function selectTargets(
  slices: readonly EndpointSlice[],
  port: { name: string; protocol: string },
  node: Pick<ProxyNode, 'nodeName' | 'zone'>,
): PortTargets {
  const candidates = slices.flatMap((slice) => candidatesOf(slice, port));
  const local = candidates.filter(({ endpoint }) => endpoint.nodeName === node.nodeName);
  return { cluster: targets(nearest(usable(candidates), node)), local: targets(usable(local)) };
}

/** Endpoints on this node that serve, for the health check of load balancers. */
export function countLocalReady(slices: readonly EndpointSlice[], nodeName: string): number {
  const ips = slices
    .flatMap(({ endpoints = [] }) => endpoints)
    .filter((endpoint) => endpoint.nodeName === nodeName && endpoint.conditions?.ready !== false)
    .flatMap(({ addresses }) => addresses.slice(0, 1));
  return new Set(ips).size;
}

function candidatesOf(
  { addressType, endpoints = [], ports = [] }: EndpointSlice,
  port: { name: string; protocol: string },
) {
  if (addressType !== 'IPv4') return [];
  const numbers = ports
    .filter(({ name = '', protocol = 'TCP' }) => name === port.name && protocol === port.protocol)
    .flatMap((found) => found.port ?? []);
  return numbers.flatMap((number) =>
    endpoints.flatMap((endpoint): Candidate[] => {
      const [ip] = endpoint.addresses;
      if (ip === undefined || !isIPv4(ip)) return [];
      const { ready = true, serving = ready, terminating = false } = endpoint.conditions ?? {};
      return [{ ip, port: number, endpoint, isReady: ready, isLastResort: serving && terminating }];
    }),
  );
}

/** Ready ones; where there are none, those that terminate but still serve. */
function usable(candidates: readonly Candidate[]): Candidate[] {
  const ready = candidates.filter(({ isReady }) => isReady);
  return ready.length > 0 ? ready : candidates.filter(({ isLastResort }) => isLastResort);
}

/** Follows the slices' hints, unless following them would leave an endpoint or this node without a place. */
function nearest(candidates: Candidate[], { nodeName, zone }: Pick<ProxyNode, 'nodeName' | 'zone'>): Candidate[] {
  for (const [kind, own] of [
    ['forNodes', nodeName],
    ['forZones', zone],
  ] as const) {
    const hinted = candidates.map(({ endpoint }) => endpoint.hints?.[kind] ?? []);
    if (own === undefined || hinted.some((hints) => hints.length === 0)) continue;
    const near = candidates.filter((_, index) => hinted[index]?.some(({ name }) => name === own));
    if (near.length > 0) return near;
  }
  return candidates;
}

function targets(candidates: readonly Candidate[]): Target[] {
  const byName = new Map(candidates.map(({ ip, port }) => [`${ip}:${port}`, { ip, port }]));
  return [...byName].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, target]) => target);
}
