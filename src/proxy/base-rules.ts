import type { Chains, Jump } from '#base/iptables.ts';
import type { ProxyNode } from './proxy-node.ts';

/** Chains whose rules belong to several services; their order does not matter. */
export const SHARED_CHAINS = {
  nat: ['SKIFF-SERVICES', 'SKIFF-EXTERNAL', 'SKIFF-NODEPORTS'],
  filter: ['SKIFF-REJECTS'],
} as const;

export const MARK_MASQUERADE = 'SKIFF-MARK-MASQ';
const MARK = '0x4000/0x4000';

/**
 * The chains that every packet passes, on its way to those of single services.
 *
 *   nat PREROUTING, OUTPUT -> SERVICES (service addresses, only from pods and the node itself)
 *                          -> EXTERNAL (external and load balancer addresses) -> NODEPORTS (this node's addresses)
 *                             each -> SVC or SVL (one port of one service, SVL: this node's endpoints) -> SEP (one endpoint)
 *   filter INPUT, FORWARD, OUTPUT -> REJECTS (services without endpoints); no other use of service addresses passes
 *   nat POSTROUTING -> masquerade what was marked on its way
 */
export function baseRules({ serviceCidr, bridge }: ProxyNode): { nat: Chains; filter: Chains } {
  const refuse = [
    `-d ${serviceCidr} -p tcp -j REJECT --reject-with tcp-reset`,
    `-d ${serviceCidr} -p udp -j REJECT --reject-with icmp-port-unreachable`,
    `-d ${serviceCidr} -j DROP`,
  ];
  const rejects = '-m conntrack --ctstate NEW -j SKIFF-REJECTS';
  const external = ['-j SKIFF-EXTERNAL', '-m addrtype --dst-type LOCAL -j SKIFF-NODEPORTS'];
  return {
    nat: new Map([
      ['SKIFF-PREROUTING', [`-d ${serviceCidr} -i ${bridge} -j SKIFF-SERVICES`, ...external]],
      [
        'SKIFF-OUTPUT',
        [
          // The node's own packets leave by whatever device leads to the endpoint, and must bear that device's address.
          `-d ${serviceCidr} -m addrtype ! --dst-type LOCAL -j ${MARK_MASQUERADE}`,
          `-d ${serviceCidr} -j SKIFF-SERVICES`,
          ...external,
        ],
      ],
      [
        'SKIFF-POSTROUTING',
        [`-m mark ! --mark ${MARK} -j RETURN`, '-j MARK --set-xmark 0x4000/0x0', '-j MASQUERADE --random-fully'],
      ],
      [MARK_MASQUERADE, ['-j MARK --set-xmark 0x4000/0x4000']],
    ]),
    filter: new Map([
      [
        'SKIFF-FORWARD',
        [
          rejects,
          ...refuse,
          // Otherwise a late packet of a translated connection is forwarded as it is and resets the connection.
          '-m conntrack --ctstate INVALID -j DROP',
          `-m mark --mark ${MARK} -j ACCEPT`,
          '-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
        ],
      ],
      [
        'SKIFF-INPUT',
        [
          rejects,
          `-d ${serviceCidr} -p icmp -m icmp --icmp-type 8 -j DROP`,
          '-i lo -j RETURN',
          `-d ${serviceCidr} ! -i ${bridge} -j DROP`,
        ],
      ],
      ['SKIFF-OUTPUT', [rejects, '-m addrtype --dst-type LOCAL -j RETURN', ...refuse]],
    ]),
  };
}

/** Where the chains are entered. The pod network accepts pods' packets, so refusals come before. */
export const PROXY_JUMPS: readonly Jump[] = [
  { table: 'nat', chain: 'PREROUTING', rule: '-j SKIFF-PREROUTING' },
  { table: 'nat', chain: 'OUTPUT', rule: '-j SKIFF-OUTPUT' },
  { table: 'nat', chain: 'POSTROUTING', rule: '-j SKIFF-POSTROUTING', before: ['SKIFF-POD-POSTROUTING'] },
  { table: 'filter', chain: 'FORWARD', rule: '-j SKIFF-FORWARD', before: ['SKIFF-POD-FORWARD'] },
  { table: 'filter', chain: 'INPUT', rule: '-j SKIFF-INPUT', before: ['SKIFF-POD-INPUT'] },
  { table: 'filter', chain: 'OUTPUT', rule: '-j SKIFF-OUTPUT' },
  { table: 'filter', chain: 'DOCKER-USER', rule: '-j SKIFF-FORWARD', before: ['SKIFF-POD-FORWARD'], isOptional: true },
];

/** Whether a chain was made by the service proxy, also by one of an earlier start. */
export function isProxyChain(chain: string): boolean {
  return /^SKIFF-((SVC|SVL|SEP|EXT|FW)-\w+|SERVICES|EXTERNAL|NODEPORTS|REJECTS|PREROUTING|POSTROUTING|FORWARD|INPUT|OUTPUT|MARK-MASQ)$/.test(
    chain,
  );
}
