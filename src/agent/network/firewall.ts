import type { Chains, Jump } from '#base/iptables.ts';
import type { HostPort, NodeNetwork } from './pod-network.ts';

/** Every chain of the pod network begins so. */
export const CHAIN_PREFIX = 'SKIFF-POD-';

const POSTROUTING = 'SKIFF-POD-POSTROUTING';
const HOST_PORTS = 'SKIFF-POD-HOSTPORTS';
const FORWARD = 'SKIFF-POD-FORWARD';
const INPUT = 'SKIFF-POD-INPUT';
/** The service proxy refuses connections to services without endpoints; it must see them before they are accepted here. */
const PROXY_CHAINS = ['SKIFF-FORWARD', 'SKIFF-INPUT'];

export interface PodFirewall {
  readonly nat: Chains;
  readonly filter: Chains;
}

export interface PodFirewallFacts {
  readonly node: NodeNetwork;
  readonly bridge: string;
  readonly overlayPort: number;
  readonly peerIps: readonly string[];
  /** Whether packets that stay on the bridge pass through the packet filter, so that answers find their way back. */
  readonly isBridgeFiltered: boolean;
  /** By pod address. */
  readonly hostPorts: ReadonlyMap<string, readonly HostPort[]>;
}

/** Everything the pod network needs in the packet filter. Rules are in the words of `iptables-save`. */
export function planPodFirewall(facts: PodFirewallFacts): PodFirewall {
  const { node, bridge, overlayPort, peerIps, isBridgeFiltered, hostPorts } = facts;
  const { podCidr, clusterCidr, serviceCidr } = node;
  const pods = [...hostPorts].sort(([a], [b]) => a.localeCompare(b));
  return {
    nat: new Map([
      [HOST_PORTS, pods.flatMap(([ip, ports]) => ports.map((port) => hostPortRule(ip, port)))],
      [
        POSTROUTING,
        [
          // A pod that reaches itself through the node's address must see another sender than itself.
          ...pods.map(([ip]) => `-s ${ip}/32 -d ${ip}/32 -j MASQUERADE --random-fully`),
          ...(isBridgeFiltered
            ? []
            : [`-s ${podCidr} -d ${podCidr} -m conntrack --ctstate DNAT -j MASQUERADE --random-fully`]),
          `-s 127.0.0.0/8 -o ${bridge} -j MASQUERADE --random-fully`,
          `-s ${podCidr} -d ${clusterCidr} -j RETURN`,
          `-s ${podCidr} -d 224.0.0.0/4 -j RETURN`,
          `-s ${podCidr} ! -o ${bridge} -j MASQUERADE --random-fully`,
        ],
      ],
    ]),
    filter: new Map([
      [FORWARD, [`-s ${clusterCidr} -j ACCEPT`, `-d ${clusterCidr} -j ACCEPT`]],
      [
        INPUT,
        [
          // Our devices let packets to 127.0.0.1 through (host ports need it); only translated connections may use that.
          '! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP',
          ...[...peerIps].sort().map((ip) => `-s ${ip}/32 -p udp -m udp --dport ${overlayPort} -j ACCEPT`),
          `-i ${bridge} -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -j ACCEPT`,
          `-d ${serviceCidr} -i ${bridge} -j ACCEPT`,
        ],
      ],
    ]),
  };
}

function hostPortRule(ip: string, { hostIp, hostPort, containerPort, protocol }: HostPort): string {
  const name = protocol.toLowerCase();
  const address = isAnyAddress(hostIp) ? '' : `-d ${hostIp}/32 `;
  return `${address}-p ${name} -m ${name} --dport ${hostPort} -j DNAT --to-destination ${ip}:${containerPort}`;
}

export function isAnyAddress(hostIp: string | undefined): boolean {
  return hostIp === undefined || hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::';
}

/** Where the chains are entered. */
export const POD_JUMPS: readonly Jump[] = [
  { table: 'nat', chain: 'PREROUTING', rule: `-m addrtype --dst-type LOCAL -j ${HOST_PORTS}` },
  { table: 'nat', chain: 'OUTPUT', rule: `-m addrtype --dst-type LOCAL -j ${HOST_PORTS}` },
  { table: 'nat', chain: 'POSTROUTING', rule: `-j ${POSTROUTING}`, after: ['SKIFF-POSTROUTING'] },
  { table: 'filter', chain: 'FORWARD', rule: `-j ${FORWARD}`, after: PROXY_CHAINS },
  { table: 'filter', chain: 'INPUT', rule: `-j ${INPUT}`, after: PROXY_CHAINS },
  // Docker enters this chain before any other, and people put their own drops there.
  { table: 'filter', chain: 'DOCKER-USER', rule: `-j ${FORWARD}`, after: PROXY_CHAINS, isOptional: true },
];
