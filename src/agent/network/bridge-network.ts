import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Chains, type Exec, Iptables, type TableName } from '#base/iptables.ts';
import type { Logger } from '#base/logger.ts';
import { run } from '#base/process.ts';
import { AddressPool } from './address-pool.ts';
import { CHAIN_PREFIX, POD_JUMPS, type PodFirewall, planPodFirewall } from './firewall.ts';
import { type PortProbe, probePort, requireFreePorts } from './host-ports.ts';
import { Kernel } from './kernel.ts';
import * as links from './links.ts';
import { EMPTY_STATE, NetworkStateFile } from './network-state.ts';
import { parseOverlayState, planOverlay } from './overlay.ts';
import type { AttachOptions, HostPort, NodeNetwork, PeerNode, PodAttachment, PodNetwork } from './pod-network.ts';

export interface BridgeNetworkOptions {
  /** Where the state file lives; survives a reboot. */
  stateDir: string;
  /** Where pods' namespaces are mounted, e.g. `/run/skiff/netns`; must be gone after a reboot. */
  namespaceDir: string;
  log: Logger;
  /** How programs are run. */
  exec?: Exec;
  /** The node's own network namespace, as `ip` running inside a pod's namespace can find it. */
  nodeNamespacePath?: string;
  probe?: PortProbe;
  /** How often to look whether everything is still in place. */
  verifyEveryMs?: number;
}

/**
 * The pod network on an own bridge: a pair of devices per pod, VXLAN between nodes, iptables for the rest.
 *
 *   pod eth0 === skiffXXXX -- skiff0 (bridge, first address) -- routing -- uplink
 *                                                         \---- skiff.1 (VXLAN) -- other nodes' pods
 */
export class BridgeNetwork implements PodNetwork {
  readonly name = 'pod-network';
  readonly #options: Required<BridgeNetworkOptions>;
  readonly #kernel: Kernel;
  readonly #iptables: Iptables;
  readonly #file: NetworkStateFile;
  readonly #hostPorts = new Map<string, readonly HostPort[]>();
  readonly #settings = new Map<string, string>();
  /** The last piece of work per pod, and under an empty key the last for the whole node. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #pool: AddressPool | undefined;
  #node: NodeNetwork | undefined;
  #facts: Omit<links.LinkFacts, 'node'> & { isBridgeFiltered: boolean } = {
    uplink: undefined,
    mtu: 1450,
    hasIpv6: false,
    isBridgeFiltered: true,
  };
  #podCidr: string | undefined;
  #peers: readonly PeerNode[] = [];
  #loading: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BridgeNetworkOptions) {
    const nodeNamespacePath = `/proc/${process.pid}/ns/net`;
    this.#options = { exec: run, probe: probePort, verifyEveryMs: 60_000, nodeNamespacePath, ...options };
    this.#kernel = new Kernel(this.#options.exec);
    this.#iptables = new Iptables(this.#options.exec);
    this.#file = new NetworkStateFile(join(options.stateDir, 'network.json'));
  }

  async start(): Promise<void> {
    await this.#kernel.requireTools();
    await this.#load();
    this.#timer = setInterval(() => void this.#verify(), this.#options.verifyEveryMs);
    this.#timer.unref();
  }

  /** Pods keep their network. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.allSettled(this.#turns.values());
  }

  configure(node: NodeNetwork): Promise<void> {
    return this.#inTurn('', async () => {
      await this.#load();
      const known = this.#pool?.state();
      const pool = new AddressPool(node.podCidr, known);
      if (known !== undefined && Object.keys(known.assigned).length > pool.pods().length) {
        this.#options.log.warn({ podCidr: node.podCidr }, 'pod range changed, pods of the old one must be made anew');
      }
      this.#pool = pool;
      this.#podCidr = node.podCidr;
      const isFirst = this.#node === undefined;
      this.#node = node;
      await this.#applyNode(node);
      if (isFirst) await this.#warnAboutSurroundings();
    });
  }

  setPeers(peers: readonly PeerNode[]): Promise<void> {
    return this.#inTurn('', async () => {
      const node = this.#requireNode();
      const others = peers.filter(({ podCidr }) => podCidr !== node.podCidr);
      const isChanged = JSON.stringify(others) !== JSON.stringify(this.#peers);
      this.#peers = others;
      // A node that starts with no server in reach still knows its peers.
      if (isChanged) await this.#save();
      await this.#applyOverlay(node, await this.#kernel.links());
      await this.#applyFirewall(node);
    });
  }

  attach(podUid: string, { hostPorts, namespacePath }: AttachOptions): Promise<PodAttachment> {
    if (!/^[\w.-]+$/.test(podUid) || /^\.+$/.test(podUid)) throw new TypeError(`"${podUid}" is no pod UID`);
    return this.#inTurn(podUid, async () => {
      const { podCidr } = this.#requireNode();
      const pool = this.#requirePool();
      const isKnown = pool.get(podUid) !== undefined;
      const ports = hostPorts.filter(({ hostPort }) => hostPort > 0);
      const isSamePorts = JSON.stringify(ports) === JSON.stringify(this.#hostPorts.get(podUid) ?? []);
      if (!isSamePorts) {
        const others = [...this.#hostPorts].flatMap(([uid, taken]) => (uid === podUid ? [] : taken));
        await requireFreePorts(ports, { others, probe: this.#options.probe });
      }
      const ip = pool.assign(podUid);
      if (ports.length > 0) this.#hostPorts.set(podUid, ports);
      else this.#hostPorts.delete(podUid);
      if (!isKnown || !isSamePorts) await this.#save();
      const attachment = { namespacePath: namespacePath ?? join(this.#options.namespaceDir, podUid), ip };
      const link = { podUid, ip, podCidr, ...this.#facts };
      const isWired = isKnown && (await this.#isWired(link, attachment.namespacePath));
      if (!isWired) await this.#wire(link, { ...attachment, isOurs: namespacePath === undefined });
      if (!isSamePorts) await this.#inTurn('', () => this.#applyHostPorts(ports));
      return attachment;
    });
  }

  detach(podUid: string): Promise<void> {
    return this.#inTurn(podUid, async () => {
      await this.#load();
      const ports = this.#hostPorts.get(podUid);
      const isKnown = this.#pool?.get(podUid) !== undefined;
      this.#hostPorts.delete(podUid);
      if (ports !== undefined) await this.#inTurn('', () => this.#applyHostPorts(ports));
      await this.#kernel.removeLink(links.podDevice(podUid));
      await this.#kernel.removeNamespace(join(this.#options.namespaceDir, podUid));
      // Only now may another pod get the address.
      this.#pool?.release(podUid);
      if (isKnown) await this.#save();
    });
  }

  async attached(): Promise<readonly string[]> {
    await this.#load();
    return this.#pool?.pods() ?? [];
  }

  async removeAll(): Promise<void> {
    await this.stop();
    await this.#load();
    const { namespaceDir } = this.#options;
    const mounted = await readdir(namespaceDir).catch(() => []);
    for (const podUid of new Set([...mounted, ...(await this.attached())])) {
      await this.#kernel.removeLink(links.podDevice(podUid));
      await this.#kernel.removeNamespace(join(namespaceDir, podUid));
    }
    for (const [device, kind] of [
      [links.OVERLAY, 'vxlan'],
      [links.BRIDGE, 'bridge'],
    ] as const) {
      const found = (await this.#kernel.links()).find(({ ifname }) => ifname === device);
      if (found?.linkinfo?.info_kind === kind) await this.#kernel.removeLink(device);
    }
    const hasDocker = (await this.#iptables.list({ table: 'filter', chain: 'DOCKER' })) !== undefined;
    await this.#iptables.removeChains((chain) => chain.startsWith(CHAIN_PREFIX));
    for (const [path, value] of this.#settings) {
      // Docker relies on forwarding too, and does not switch it on again.
      if (!(hasDocker && path === FORWARDING)) await this.#kernel.changeSetting(path, value).catch(() => undefined);
    }
    await rm(namespaceDir, { recursive: true, force: true });
    await this.#file.remove();
    this.#settings.clear();
    this.#hostPorts.clear();
    this.#peers = [];
    [this.#pool, this.#podCidr, this.#node, this.#loading] = [undefined, undefined, undefined, undefined];
  }

  async #applyNode(node: NodeNetwork): Promise<void> {
    const found = await this.#kernel.links();
    const defaultDevice = await this.#kernel.defaultDevice();
    this.#facts = {
      ...links.findUplink(found, { nodeIp: node.nodeIp, defaultDevice }),
      hasIpv6: (await this.#kernel.setting('net/ipv6/conf/all/forwarding')) !== undefined,
      isBridgeFiltered: await this.#kernel.hasBridgeFilter(),
    };
    await this.#kernel.batch(links.planBridge(found, { node, ...this.#facts }));
    if (this.#facts.isBridgeFiltered) {
      // For our bridge only: the machine's other bridges stay as they are.
      await this.#kernel.batch([`link set ${links.BRIDGE} type bridge nf_call_iptables 1`]);
    }
    await this.#kernel.batch(links.serviceRoutes(node));
    await this.#change(FORWARDING, '1');
    await this.#kernel.changeSetting(`net/ipv4/conf/${links.BRIDGE}/route_localnet`, '1');
    if (this.#facts.uplink !== undefined) await this.#change(`net/ipv4/conf/${this.#facts.uplink}/route_localnet`, '1');
    await this.#applyOverlay(node, found);
    await this.#applyFirewall(node);
  }

  /** Changes a kernel setting that outlives us, and remembers what it was. */
  async #change(path: string, value: string): Promise<void> {
    const before = await this.#kernel.setting(path);
    if (before === value || before === undefined) return;
    if (!this.#settings.has(path)) {
      this.#settings.set(path, before);
      await this.#save();
    }
    await this.#kernel.changeSetting(path, value);
  }

  /** The overlay device exists only where there are other nodes. */
  async #applyOverlay(node: NodeNetwork, found: readonly links.Link[]): Promise<void> {
    const exists = found.some(({ ifname }) => ifname === links.OVERLAY);
    if (this.#peers.length === 0) {
      if (exists) await this.#kernel.removeLink(links.OVERLAY);
      return;
    }
    const lines = links.planOverlayDevice(found, { node, ...this.#facts });
    await this.#kernel.batch(lines);
    if (lines.length > 0) await this.#kernel.changeSetting(`net/ipv4/conf/${links.OVERLAY}/route_localnet`, '1');
    const state = parseOverlayState(await this.#kernel.overlayTables(links.OVERLAY));
    const plan = planOverlay(links.OVERLAY, state, this.#peers);
    await this.#kernel.bridgeBatch(plan.bridge);
    await this.#kernel.batch(plan.ip);
  }

  async #applyFirewall(node: NodeNetwork): Promise<void> {
    const firewall = this.#planFirewall(node);
    for (const [table, chains] of Object.entries(firewall) as [TableName, Chains][]) {
      const stale: [string, readonly string[]][] = [];
      for (const [chain, rules] of chains) {
        const current = await this.#iptables.list({ table, chain });
        if (current?.join('\n') !== rules.join('\n')) stale.push([chain, rules]);
      }
      await this.#iptables.apply({ [table]: { write: new Map(stale) } });
    }
    const isRepaired = await this.#iptables.ensureJumps(POD_JUMPS);
    if (isRepaired) this.#options.log.info('packet filter rules of the pod network put in place');
  }

  async #applyHostPorts(changed: readonly HostPort[]): Promise<void> {
    if (this.#node === undefined) return;
    await this.#iptables.apply({ nat: { write: this.#planFirewall(this.#node).nat } });
    for (const { protocol, hostPort } of changed) {
      if (protocol !== 'UDP') continue;
      // A flow the kernel remembers would go on to where it went before. Fails when there is none.
      const args = ['-D', '-p', 'udp', '--orig-port-dst', String(hostPort)];
      await this.#options.exec('conntrack', args).catch(() => undefined);
    }
  }

  #planFirewall(node: NodeNetwork): PodFirewall {
    const hostPorts = new Map<string, readonly HostPort[]>();
    for (const [podUid, ports] of this.#hostPorts) {
      const ip = this.#pool?.get(podUid);
      if (ip !== undefined) hostPorts.set(ip, ports);
    }
    const peerIps = this.#peers.map(({ nodeIp }) => nodeIp);
    const { isBridgeFiltered } = this.#facts;
    return planPodFirewall({
      node,
      bridge: links.BRIDGE,
      overlayPort: links.OVERLAY_PORT,
      peerIps,
      isBridgeFiltered,
      hostPorts,
    });
  }

  async #isWired(link: links.PodLink, namespacePath: string): Promise<boolean> {
    const addresses = await this.#kernel.addressesIn(namespacePath, 'eth0');
    if (addresses.join() !== link.ip) return false;
    // The bridge may be a new one.
    return this.#kernel.batch(links.planNodeSide(link)).then(
      () => true,
      () => false,
    );
  }

  async #wire(
    link: links.PodLink,
    { namespacePath, isOurs }: { namespacePath: string; isOurs: boolean },
  ): Promise<void> {
    const inside = links.planPodSide(link, this.#options.nodeNamespacePath);
    const make = () =>
      isOurs ? this.#kernel.makeNamespace(namespacePath, inside) : this.#kernel.batch(inside, { namespacePath });
    try {
      await make();
    } catch (error) {
      // What an earlier life of the pod left: its pair of devices, in a namespace that has not ended yet.
      if (!(error instanceof Error && error.message.includes('File exists'))) throw error;
      await this.#kernel.removeLink(links.podDevice(link.podUid));
      await make();
    }
    await this.#kernel.batch(links.planNodeSide(link));
  }

  async #verify(): Promise<void> {
    try {
      await this.#inTurn('', async () => {
        if (this.#node !== undefined) await this.#applyNode(this.#node);
      });
    } catch (err) {
      this.#options.log.warn({ err }, 'cannot verify the pod network');
    }
  }

  async #warnAboutSurroundings(): Promise<void> {
    const { log, exec } = this.#options;
    if (!this.#facts.isBridgeFiltered) {
      log.warn(
        'br_netfilter is missing, services reached from the same node hide the sender; cure: modprobe br_netfilter',
      );
    }
    const version = await exec('iptables', ['-V']);
    const other = version.includes('nf_tables') ? 'iptables-legacy-save' : 'iptables-nft-save';
    const foreign = await exec(other, []).catch(() => '');
    if (/^-A/m.test(foreign)) {
      log.warn(
        { iptables: version.trim(), other },
        'rules of the other iptables variant exist too; cure: use one, see update-alternatives',
      );
    }
    const firewalld = await exec('firewall-cmd', ['--state']).catch(() => '');
    if (firewalld.includes('running')) {
      const { clusterCidr, serviceCidr } = this.#requireNode();
      const cure = [clusterCidr, serviceCidr].map(
        (range) => `firewall-cmd --permanent --zone=trusted --add-source=${range}`,
      );
      log.warn({ cure }, 'firewalld runs and may drop pod traffic');
    }
  }

  #load(): Promise<void> {
    this.#loading ??= this.#file.load().then((state) => {
      const { podCidr, addresses, peers, hostPorts, settings } = state;
      this.#podCidr = podCidr;
      this.#peers = peers;
      if (podCidr !== undefined) this.#pool ??= new AddressPool(podCidr, addresses);
      for (const [podUid, ports] of Object.entries(hostPorts)) this.#hostPorts.set(podUid, ports);
      for (const [path, value] of Object.entries(settings)) this.#settings.set(path, value);
    });
    return this.#loading;
  }

  #save(): Promise<void> {
    return this.#file.save({
      podCidr: this.#podCidr,
      addresses: this.#pool?.state() ?? EMPTY_STATE.addresses,
      peers: this.#peers,
      hostPorts: Object.fromEntries(this.#hostPorts),
      settings: Object.fromEntries(this.#settings),
    });
  }

  #requireNode(): NodeNetwork {
    if (this.#node === undefined) throw new Error('Cannot use the pod network: the node has no pod range yet');
    return this.#node;
  }

  #requirePool(): AddressPool {
    if (this.#pool === undefined) throw new Error('Cannot use the pod network: the node has no pod range yet');
    return this.#pool;
  }

  /** Runs work with the same key one after the other. */
  async #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(key);
    const turn = (async () => {
      await before?.catch(() => undefined);
      return work();
    })();
    this.#turns.set(key, turn);
    try {
      return await turn;
    } finally {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    }
  }
}

const FORWARDING = 'net/ipv4/ip_forward';
