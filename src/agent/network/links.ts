import { createHash } from 'node:crypto';
import { halves, parseIpv4Range } from '#base/ipv4.ts';
import { gatewayOf, macOf, overlayIpOf } from './address-pool.ts';
import type { NodeNetwork } from './pod-network.ts';

export const BRIDGE = 'skiff0';
export const OVERLAY = 'skiff.1';
export const OVERLAY_PORT = 8472;
const OVERLAY_ID = 1;
const OVERLAY_OVERHEAD = 50;
const DEFAULT_MTU = 1500;

/** One network device as `ip -json -details address` tells it. */
export interface Link {
  readonly ifname: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly address?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: Readonly<Record<string, unknown>>;
  };
  readonly addr_info?: readonly { readonly family: string; readonly local?: string; readonly prefixlen: number }[];
}

/** What the links of this node should be made of. */
export interface LinkFacts {
  readonly node: NodeNetwork;
  readonly uplink: string | undefined;
  readonly mtu: number;
  readonly hasIpv6: boolean;
}

export function parseLinks(json: string): Link[] {
  // ip prints empty objects for devices its filter leaves out.
  return (JSON.parse(json === '' ? '[]' : json) as Partial<Link>[]).filter(
    (link): link is Link => link.ifname !== undefined,
  );
}

/** The device that carries the node's address, else the one of the default route; pods get its MTU less the overlay's. */
export function findUplink(links: readonly Link[], options: { nodeIp: string; defaultDevice: string | undefined }) {
  const { nodeIp, defaultDevice } = options;
  const link =
    links.find(({ ifname, addr_info = [] }) => ifname !== 'lo' && addr_info.some(({ local }) => local === nodeIp)) ??
    links.find(({ ifname }) => ifname === defaultDevice);
  return { uplink: link?.ifname, mtu: (link?.mtu ?? DEFAULT_MTU) - OVERLAY_OVERHEAD };
}

/** Lines for `ip -batch` that bring the bridge to what it should be; none if it is so already. */
export function planBridge(links: readonly Link[], { node, mtu, hasIpv6 }: LinkFacts): string[] {
  const bridge = links.find(({ ifname }) => ifname === BRIDGE);
  const gateway = gatewayOf(node.podCidr);
  const { prefix } = parseIpv4Range(node.podCidr);
  const mac = macOf(gateway);
  if (bridge !== undefined && bridge.linkinfo?.info_kind !== 'bridge') {
    throw new Error(
      `Cannot set up the pod network: a device named "${BRIDGE}" exists and is no bridge; rename or delete it`,
    );
  }
  const lines: string[] = [];
  if (bridge === undefined) {
    lines.push(`link add ${BRIDGE} address ${mac} mtu ${mtu} type bridge`);
    if (hasIpv6) lines.push(`link set ${BRIDGE} addrgenmode none`);
  } else {
    if (bridge.address !== mac) lines.push(`link set ${BRIDGE} address ${mac}`);
    if (bridge.mtu !== mtu) lines.push(`link set ${BRIDGE} mtu ${mtu}`);
  }
  const current = addressesOf(bridge);
  for (const address of current) {
    if (address !== `${gateway}/${prefix}`) lines.push(`addr del ${address} dev ${BRIDGE}`);
  }
  if (!current.includes(`${gateway}/${prefix}`)) lines.push(`addr add ${gateway}/${prefix} dev ${BRIDGE}`);
  if (bridge?.flags.includes('UP') !== true) lines.push(`link set ${BRIDGE} up`);
  return lines;
}

/** Lines for `ip -batch` that bring the overlay device to what it should be; none if it is so already. */
export function planOverlayDevice(links: readonly Link[], { node, uplink, mtu, hasIpv6 }: LinkFacts): string[] {
  const overlay = links.find(({ ifname }) => ifname === OVERLAY);
  const address = overlayIpOf(node.podCidr);
  const data = overlay?.linkinfo?.info_data;
  const isRight =
    overlay?.linkinfo?.info_kind === 'vxlan' &&
    overlay.address === macOf(address) &&
    overlay.mtu === mtu &&
    data?.['id'] === OVERLAY_ID &&
    data['port'] === OVERLAY_PORT &&
    data['local'] === node.nodeIp &&
    data['link'] === uplink &&
    overlay.flags.includes('UP') &&
    addressesOf(overlay).join() === `${address}/32`;
  if (isRight) return [];
  const device = uplink === undefined ? '' : ` dev ${uplink}`;
  return [
    ...(overlay === undefined ? [] : [`link del ${OVERLAY}`]),
    // The hardware address is given here because udev changes one that the kernel chose.
    `link add ${OVERLAY} address ${macOf(address)} mtu ${mtu} type vxlan id ${OVERLAY_ID} dstport ${OVERLAY_PORT} local ${node.nodeIp}${device} nolearning`,
    ...(hasIpv6 ? [`link set ${OVERLAY} addrgenmode none`] : []),
    `addr add ${address}/32 dev ${OVERLAY}`,
    `link set ${OVERLAY} up`,
  ];
}

/**
 * Routes that give local programs a way towards service addresses, so that the packet filter gets to translate them even
 * on a machine without a default route. Two halves are more specific than any route for the whole range and replace none.
 */
export function serviceRoutes({ serviceCidr, podCidr }: NodeNetwork): string[] {
  return halves(parseIpv4Range(serviceCidr)).map(
    (half) => `route replace ${half} dev ${BRIDGE} src ${gatewayOf(podCidr)}`,
  );
}

/** The node's end of a pod's pair of devices. */
export function podDevice(podUid: string): string {
  return `skiff${createHash('sha256').update(podUid).digest('hex').slice(0, 10)}`;
}

export interface PodLink {
  readonly podUid: string;
  readonly ip: string;
  readonly podCidr: string;
  readonly mtu: number;
  readonly hasIpv6: boolean;
}

/** Lines for `ip -batch` inside the pod's namespace: everything, with the other end handed to the node's namespace. */
export function planPodSide(link: PodLink, nodeNamespacePath: string): string[] {
  const { podUid, ip, podCidr, mtu, hasIpv6 } = link;
  return [
    'link set lo up',
    `link add eth0 address ${macOf(ip)} mtu ${mtu} type veth peer name ${podDevice(podUid)} mtu ${mtu} netns ${nodeNamespacePath}`,
    ...(hasIpv6 ? ['link set eth0 addrgenmode none'] : []),
    `addr add ${ip}/${parseIpv4Range(podCidr).prefix} dev eth0`,
    'link set eth0 up',
    `route add default via ${gatewayOf(podCidr)}`,
  ];
}

/** Lines for `ip -batch` on the node: the pair's other end becomes a port of the bridge. */
export function planNodeSide({ podUid, hasIpv6 }: PodLink): string[] {
  const device = podDevice(podUid);
  return [
    ...(hasIpv6 ? [`link set ${device} addrgenmode none`] : []),
    `link set ${device} master ${BRIDGE} up`,
    // A pod may reach itself through a service: its packet returns by the port it came from.
    `link set ${device} type bridge_slave hairpin on`,
  ];
}

function addressesOf(link: Link | undefined): string[] {
  return (link?.addr_info ?? [])
    .filter(({ family, local }) => family === 'inet' && local !== undefined)
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`);
}
