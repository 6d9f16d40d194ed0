import { macOf, overlayIpOf } from './address-pool.ts';
import type { PeerNode } from './pod-network.ts';

/** What the kernel knows about the other nodes: how to route to a pod range, and who carries it. */
export interface OverlayEntry {
  readonly podCidr: string;
  readonly nodeIp: string;
}

export interface OverlayPlan {
  /** Lines for `ip -batch`. */
  readonly ip: readonly string[];
  /** Lines for `bridge -batch`. */
  readonly bridge: readonly string[];
}

/** The kernel's tables of the overlay device, from the JSON of `ip route`, `ip neigh` and `bridge fdb`. */
export interface OverlayState {
  /** Pod ranges with a route. */
  readonly routes: readonly string[];
  /** Address to hardware address. */
  readonly neighbours: ReadonlyMap<string, string>;
  /** Hardware address to node address. */
  readonly forwards: ReadonlyMap<string, string>;
}

/**
 * The steps from what is there to one route, neighbour and forwarding entry per peer: the kernel needs no learning and
 * sends no broadcast.
 *
 *   pod -> bridge -> route 10.42.2.0/24 via 10.42.2.0 dev overlay -> neighbour 10.42.2.0 is 0a:5c:0a:2a:02:00
 *       -> forwarding entry: that hardware address is at node 192.0.2.2 -> UDP to 192.0.2.2
 */
export function planOverlay(device: string, state: OverlayState, peers: readonly PeerNode[]): OverlayPlan {
  const wanted = new Map(peers.map((peer) => [overlayIpOf(peer.podCidr), peer]));
  const macs = new Set([...wanted.keys()].map(macOf));
  const ip: string[] = [];
  const bridge: string[] = [];
  for (const podCidr of state.routes) {
    if (wanted.get(overlayIpOf(podCidr))?.podCidr !== podCidr) ip.push(`route del ${podCidr} dev ${device}`);
  }
  for (const [address, mac] of state.neighbours) {
    if (!wanted.has(address)) ip.push(`neigh del ${address} lladdr ${mac} dev ${device}`);
  }
  for (const [mac, nodeIp] of state.forwards) {
    if (!macs.has(mac)) bridge.push(`fdb del ${mac} dev ${device} dst ${nodeIp}`);
  }
  for (const [address, { podCidr, nodeIp }] of wanted) {
    const mac = macOf(address);
    if (state.forwards.get(mac) !== nodeIp)
      bridge.push(`fdb replace ${mac} dev ${device} dst ${nodeIp} self permanent`);
    if (state.neighbours.get(address) !== mac)
      ip.push(`neigh replace ${address} lladdr ${mac} dev ${device} nud permanent`);
    if (!state.routes.includes(podCidr)) ip.push(`route replace ${podCidr} via ${address} dev ${device} onlink`);
  }
  return { ip, bridge };
}

/** Reads the three tables' JSON. */
export function parseOverlayState(json: { routes: string; neighbours: string; forwards: string }): OverlayState {
  const rows = (text: string) => (text.trim() === '' ? [] : (JSON.parse(text) as Record<string, string | undefined>[]));
  const pairs = (text: string, from: string, to: string) =>
    rows(text).flatMap((row): [string, string][] => {
      const [key, value] = [row[from], row[to]];
      return key === undefined || value === undefined ? [] : [[key, value]];
    });
  return {
    routes: pairs(json.routes, 'dst', 'gateway').map(([dst]) => dst),
    neighbours: new Map(pairs(json.neighbours, 'dst', 'lladdr')),
    forwards: new Map(pairs(json.forwards, 'mac', 'dst')),
  };
}
