import { ipv4ToNumber, ipv4ToText, parseIpv4Range, rangeContains } from '#base/ipv4.ts';

/** What must survive a crash: who has which address, and in which order addresses were given back. */
export interface AddressPoolState {
  readonly assigned: Readonly<Record<string, string>>;
  /** Oldest first. */
  readonly freed: readonly string[];
}

/**
 * The addresses of one node's pods. A pod keeps its address; a freed one is used again as late as possible, so that
 * nobody who still remembers the old pod reaches a new one.
 */
export class AddressPool {
  readonly #first: number;
  readonly #last: number;
  readonly #assigned: Map<string, string>;
  readonly #used: Set<string>;
  readonly #freed: Set<string>;
  #neverUsed: number;

  constructor(podCidr: string, { assigned, freed }: AddressPoolState = { assigned: {}, freed: [] }) {
    const range = parseIpv4Range(podCidr);
    // The first address is the overlay device's, the second the bridge's, the last one is broadcast.
    this.#first = range.base + 2;
    this.#last = range.base + range.size - 2;
    const isInside = (ip: string) => rangeContains(range, ipv4ToNumber(ip) ?? -1);
    this.#assigned = new Map(Object.entries(assigned).filter(([, ip]) => isInside(ip)));
    this.#used = new Set(this.#assigned.values());
    this.#freed = new Set(freed.filter((ip) => isInside(ip) && !this.#used.has(ip)));
    this.#neverUsed = this.#first;
  }

  /** The pod's address, given now if it has none. Throws when all are in use. */
  assign(podUid: string): string {
    const ip = this.#assigned.get(podUid) ?? this.#take();
    this.#assigned.set(podUid, ip);
    this.#used.add(ip);
    return ip;
  }

  release(podUid: string): void {
    const ip = this.#assigned.get(podUid);
    if (ip === undefined) return;
    this.#assigned.delete(podUid);
    this.#used.delete(ip);
    this.#freed.add(ip);
  }

  get(podUid: string): string | undefined {
    return this.#assigned.get(podUid);
  }

  pods(): string[] {
    return [...this.#assigned.keys()];
  }

  state(): AddressPoolState {
    return { assigned: Object.fromEntries(this.#assigned), freed: [...this.#freed] };
  }

  #take(): string {
    for (; this.#neverUsed <= this.#last; this.#neverUsed++) {
      const ip = ipv4ToText(this.#neverUsed);
      if (!this.#used.has(ip) && !this.#freed.has(ip)) return ip;
    }
    const [oldest] = this.#freed;
    if (oldest === undefined) throw new Error(`Cannot give the pod an address: all ${this.#used.size} are in use`);
    this.#freed.delete(oldest);
    return oldest;
  }
}

/** The bridge's address: the first one of the range, and the pods' default route. */
export function gatewayOf(podCidr: string): string {
  return ipv4ToText(parseIpv4Range(podCidr).base + 1);
}

/** The overlay device's address. */
export function overlayIpOf(podCidr: string): string {
  return ipv4ToText(parseIpv4Range(podCidr).base);
}

/** A locally administered hardware address that follows from an IPv4 address by a rule every node knows. */
export function macOf(ip: string): string {
  const octets = ip.split('.').map((octet) => Number(octet).toString(16).padStart(2, '0'));
  return ['0a', '5c', ...octets].join(':');
}
