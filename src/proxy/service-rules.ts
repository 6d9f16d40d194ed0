import { createHash } from 'node:crypto';
import { isIPv4 } from 'node:net';
import type { Service, ServicePort } from '#api/core/v1.ts';
import type { EndpointSlice } from '#api/discovery/v1.ts';
import type { TableName } from '#base/iptables.ts';
import { MARK_MASQUERADE } from './base-rules.ts';
import { countLocalReady, type PortTargets, selectTargets, type Target } from './endpoints.ts';
import type { ProxyNode } from './proxy-node.ts';

/** Everything one service contributes to the node, in the words of `iptables-save`. */
export interface ServiceRules {
  /** Chains of its own in table nat. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Its rules in chains shared with other services. */
  readonly entries: readonly SharedRule[];
  /** Connectionless ports, whose flows the kernel remembers. */
  readonly flows: readonly UdpFlows[];
  readonly healthCheck: HealthCheck | undefined;
}

export interface SharedRule {
  readonly table: TableName;
  readonly chain: string;
  readonly rule: string;
}

export interface UdpFlows {
  readonly port: number;
  readonly frontIps: readonly string[];
  readonly nodePort: number | undefined;
  readonly targetIps: readonly string[];
}

/** A port on which load balancers ask whether this node has endpoints of the service. */
export interface HealthCheck {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  readonly localEndpoints: number;
}

interface PortPlan {
  readonly service: Service;
  readonly port: ServicePort;
  readonly protocol: string;
  readonly node: ProxyNode;
  readonly targets: PortTargets;
  readonly chains: Map<string, readonly string[]>;
  readonly entries: SharedRule[];
}

const DEFAULT_AFFINITY_SECONDS = 10_800;
const NOTHING: ServiceRules = { chains: new Map(), entries: [], flows: [], healthCheck: undefined };

/** The rules of one service on this node; none for services without an address. */
export function planService(service: Service, slices: readonly EndpointSlice[], node: ProxyNode): ServiceRules {
  const { spec } = service;
  const clusterIp = spec?.clusterIP ?? '';
  if (spec === undefined || spec.type === 'ExternalName' || !isIPv4(clusterIp)) return NOTHING;
  if (node.ownServiceIps?.includes(clusterIp)) return NOTHING;
  const chains = new Map<string, readonly string[]>();
  const entries: SharedRule[] = [];
  const flows: UdpFlows[] = [];
  for (const port of spec.ports ?? []) {
    const protocol = port.protocol ?? 'TCP';
    const targets = selectTargets(slices, { name: port.name ?? '', protocol }, node);
    const plan: PortPlan = { service, port, protocol, node, targets, chains, entries };
    planClusterIp(plan, clusterIp);
    planExternal(plan);
    if (protocol === 'UDP') flows.push(flowsOf(plan, clusterIp));
  }
  return { chains, entries, flows, healthCheck: healthCheckOf(service, slices, node) };
}

/** The name under which chains and comments know a port: it survives a change of the number. */
function titleOf({ service, port, protocol }: PortPlan): string {
  const { namespace = '', name = '' } = service.metadata;
  const suffix = port.name === undefined || port.name === '' ? '' : `:${port.name}`;
  return `${namespace}/${name}${suffix}${protocol === 'TCP' ? '' : `/${protocol.toLowerCase()}`}`;
}

function planClusterIp(plan: PortPlan, clusterIp: string): void {
  const isLocal = plan.service.spec?.internalTrafficPolicy === 'Local';
  const targets = isLocal ? plan.targets.local : plan.targets.cluster;
  const front = { ip: clusterIp, number: plan.port.port };
  if (targets.length > 0)
    addEntry(plan, 'SKIFF-SERVICES', { ...front, target: balance(plan, isLocal ? 'SVL' : 'SVC') });
  else refuse(plan, { ...front, isSilent: isLocal && plan.targets.cluster.length > 0 });
}

/** External addresses, load balancer addresses and node ports: one chain decides for all of them. */
function planExternal(plan: PortPlan): void {
  const { service, port, targets } = plan;
  const isLocal = service.spec?.externalTrafficPolicy === 'Local';
  const balancerIps = balancerIpsOf(service);
  const externalIps = (service.spec?.externalIPs ?? []).filter((ip) => isIPv4(ip) && !balancerIps.includes(ip));
  const nodePort = port.nodePort ?? 0;
  const isExposed = nodePort > 0 || balancerIps.length > 0 || externalIps.length > 0;
  if (!isExposed) return;
  const ranges = (service.spec?.loadBalancerSourceRanges ?? []).map((range) => range.trim());
  const hasTargets = targets.cluster.length > 0;
  const target = hasTargets ? externalChain(plan, isLocal) : '';
  const fronts = [
    ...externalIps.map((ip) => ({ ip, number: port.port, target })),
    ...balancerIps.map((ip) => ({
      ip,
      number: port.port,
      target: hasTargets ? firewallChain(plan, { target, ranges }) : '',
    })),
  ];
  for (const front of fronts) {
    if (hasTargets) addEntry(plan, 'SKIFF-EXTERNAL', front);
    // Without an endpoint here, or from a sender that may not, the packet stays untranslated and ends in silence.
    const isSilent = hasTargets && (isLocal || front.target !== target);
    const isPassed = hasTargets && front.target === target && !(isLocal && targets.local.length === 0);
    if (!isPassed) refuse(plan, { ip: front.ip, number: front.number, isSilent });
  }
  if (nodePort === 0) return;
  const front = { ip: undefined, number: nodePort };
  if (hasTargets) addEntry(plan, 'SKIFF-NODEPORTS', { ...front, target });
  if (!hasTargets || (isLocal && targets.local.length === 0)) refuse(plan, { ...front, isSilent: hasTargets });
}

/** Decides who is sent to which endpoints when coming from outside, and who must be given this node's address. */
function externalChain(plan: PortPlan, isLocal: boolean): string {
  const chain = chainName('EXT', titleOf(plan));
  const cluster = `-j ${balance(plan, 'SVC')}`;
  if (!isLocal) {
    plan.chains.set(chain, [`-j ${MARK_MASQUERADE}`, cluster]);
    return chain;
  }
  plan.chains.set(chain, [
    // Pods and the node itself are not outside: for them the address is as good as the service's own.
    `-s ${plan.node.clusterCidr} ${cluster}`,
    `-m addrtype --src-type LOCAL -j ${MARK_MASQUERADE}`,
    `-m addrtype --src-type LOCAL ${cluster}`,
    ...(plan.targets.local.length > 0 ? [`-j ${balance(plan, 'SVL')}`] : []),
  ]);
  return chain;
}

/** Lets only the named ranges, and the node itself, use a load balancer's address. */
function firewallChain(plan: PortPlan, { target, ranges }: { target: string; ranges: readonly string[] }): string {
  if (ranges.length === 0 || ranges.includes('0.0.0.0/0')) return target;
  const chain = chainName('FW', titleOf(plan));
  const allowed = ranges.filter((range) => isIPv4(range.split('/')[0] ?? ''));
  plan.chains.set(chain, [
    ...allowed.map((range) => `-s ${range} -j ${target}`),
    `-m addrtype --src-type LOCAL -j ${target}`,
  ]);
  return chain;
}

/** The chain that picks one of the endpoints, and the chains of those. */
function balance(plan: PortPlan, kind: 'SVC' | 'SVL'): string {
  const { service, chains, protocol, targets } = plan;
  const title = titleOf(plan);
  const name = chainName(kind, title);
  if (chains.has(name)) return name;
  const list = kind === 'SVC' ? targets.cluster : targets.local;
  const isSticky = service.spec?.sessionAffinity === 'ClientIP';
  const seconds = service.spec?.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? DEFAULT_AFFINITY_SECONDS;
  const ends = list.map((target) => chainName('SEP', `${title}>${target.ip}:${target.port}`));
  const recent = ends.map(
    (end) => `-m recent --rcheck --seconds ${seconds} --reap --name ${end} --mask 255.255.255.255 --rsource -j ${end}`,
  );
  chains.set(name, [...(isSticky ? recent : []), ...spread(ends)]);
  for (const [index, end] of ends.entries()) {
    const target = list[index];
    if (target !== undefined) chains.set(end, endRules(end, { target, protocol, isSticky }));
  }
  return name;
}

/** Rules that choose each chain equally often. */
function spread(ends: readonly string[]): string[] {
  return ends.map((end, index) => {
    const left = ends.length - index;
    if (left === 1) return `-j ${end}`;
    // The kernel keeps 31 bits, and prints what it keeps.
    const probability = Math.round(2 ** 31 / left) / 2 ** 31;
    return `-m statistic --mode random --probability ${probability.toFixed(11)} -j ${end}`;
  });
}

function endRules(
  end: string,
  { target, protocol, isSticky }: { target: Target; protocol: string; isSticky: boolean },
): string[] {
  const name = protocol.toLowerCase();
  const remember = isSticky ? ` -m recent --set --name ${end} --mask 255.255.255.255 --rsource` : '';
  return [
    // A pod that reaches itself must see another sender than itself.
    `-s ${target.ip}/32 -j ${MARK_MASQUERADE}`,
    `-p ${name}${remember} -m ${name} -j DNAT --to-destination ${target.ip}:${target.port}`,
  ];
}

interface Front {
  /** Undefined for every address of the node. */
  readonly ip: string | undefined;
  readonly number: number;
}

function addEntry(plan: PortPlan, chain: string, { ip, number, target }: Front & { target: string }): void {
  const name = plan.protocol.toLowerCase();
  const address = ip === undefined ? '' : `-d ${ip}/32 `;
  const comment = `-m comment --comment "${titleOf(plan)}"`;
  plan.entries.push({
    table: 'nat',
    chain,
    rule: `${address}-p ${name} ${comment} -m ${name} --dport ${number} -j ${target}`,
  });
}

/** Refuses at once, so that nobody waits for a service that has nobody to answer; silently where others may answer. */
function refuse(plan: PortPlan, { ip, number, isSilent }: Front & { isSilent: boolean }): void {
  const name = plan.protocol.toLowerCase();
  const address = ip === undefined ? '' : `-d ${ip}/32 `;
  const type = ip === undefined ? '-m addrtype --dst-type LOCAL ' : '';
  const comment = `-m comment --comment "${titleOf(plan)} ${isSilent ? 'is closed here' : 'has no endpoints'}"`;
  const how = name === 'tcp' ? 'REJECT --reject-with tcp-reset' : 'REJECT --reject-with icmp-port-unreachable';
  const rule = `${address}-p ${name} ${comment} ${type}-m ${name} --dport ${number} -j ${isSilent ? 'DROP' : how}`;
  plan.entries.push({ table: 'filter', chain: 'SKIFF-REJECTS', rule });
}

function balancerIpsOf({ spec, status }: Service): string[] {
  if (spec?.type !== 'LoadBalancer') return [];
  return (status?.loadBalancer?.ingress ?? [])
    .filter(({ ipMode = 'VIP' }) => ipMode === 'VIP')
    .flatMap(({ ip = '' }) => (isIPv4(ip) ? [ip] : []));
}

function flowsOf({ service, port, targets }: PortPlan, clusterIp: string): UdpFlows {
  return {
    port: port.port,
    frontIps: [clusterIp, ...(service.spec?.externalIPs ?? []), ...balancerIpsOf(service)].filter((ip) => isIPv4(ip)),
    nodePort: port.nodePort === 0 ? undefined : port.nodePort,
    targetIps: targets.cluster.map(({ ip }) => ip),
  };
}

function healthCheckOf(
  service: Service,
  slices: readonly EndpointSlice[],
  { nodeName }: ProxyNode,
): HealthCheck | undefined {
  const { spec, metadata } = service;
  const port = spec?.healthCheckNodePort ?? 0;
  if (port === 0 || spec?.externalTrafficPolicy !== 'Local') return undefined;
  const { namespace = '', name = '' } = metadata;
  return { namespace, name, port, localEndpoints: countLocalReady(slices, nodeName) };
}

function chainName(kind: string, title: string): string {
  const hash = createHash('sha256').update(title).digest();
  return `SKIFF-${kind}-${[...hash.subarray(0, 16)].map((byte) => ALPHABET[byte % 32]).join('')}`;
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
