import { type Service, services } from '#api/core/v1.ts';
import { type Cidr, cidrContains, formatCidr, formatIp, networkOf, parseCidr, parseIp } from '#api/meta/ip.ts';
import { keyString } from '#api/meta/resource-ref.ts';
import { type FieldError, internalFieldError, invalidValue } from '#api/meta/validation.ts';
import type { Cache, CacheEvent } from '#client/cache.ts';
import { RangeAllocator } from './range-allocator.ts';

export interface ServiceAllocatorOptions {
  /** E.g. `10.43.0.0/16`. */
  readonly serviceCidr: string;
  /** First and last node port. */
  readonly nodePorts: readonly [number, number];
  readonly random?: () => number;
}

/** Service addresses and node ports. Follows the stored Services, so that a restart, or another server, changes nothing. */
export class ServiceAllocator {
  readonly #range: Cidr;
  readonly #base: bigint;
  readonly #nodePorts: readonly [number, number];
  readonly #addresses: RangeAllocator;
  readonly #ports: RangeAllocator;
  #cache: Cache | undefined;

  constructor({ serviceCidr, nodePorts, random = Math.random }: ServiceAllocatorOptions) {
    const range = parseCidr(serviceCidr);
    if (range === undefined) throw new Error(`Cannot allocate Service addresses: "${serviceCidr}" is no CIDR`);
    this.#range = range;
    this.#base = networkOf(range).value;
    this.#nodePorts = nodePorts;
    const bits = (range.address.family === 4 ? 32 : 128) - range.prefix;
    // Network and broadcast address are nobody's; huge ranges are used as far as a table is reasonable.
    const size = Math.max(0, 2 ** Math.min(bits, 20) - 2);
    const ports = nodePorts[1] - nodePorts[0] + 1;
    this.#addresses = new RangeAllocator({ size, reserved: clamp(size / 16, [16, 256]), random });
    this.#ports = new RangeAllocator({ size: ports, reserved: clamp(ports / 32, [16, 128]), random });
  }

  get family(): 4 | 6 {
    return this.#range.address.family === 4 ? 4 : 6;
  }

  /** Starts to follow the stored Services; called with the same cache by every write. */
  attach(cache: Cache): void {
    if (this.#cache === cache) return;
    this.#cache = cache;
    cache.onChange(services, (event) => this.#follow(event));
  }

  /** Takes a free address for a Service being written. */
  takeAddress(service: Service): string | FieldError {
    const offset = this.#addresses.takeAny(service);
    if (offset === undefined)
      return internalFieldError('spec.clusterIPs', 'failed to allocate a serviceIP: range is full');
    return formatIp({ family: this.#range.address.family, value: this.#base + BigInt(offset) + 1n });
  }

  /** Takes the address a Service asks for. */
  claimAddress(service: Service, address: string): FieldError | undefined {
    const parsed = parseIp(address);
    // Text that is no address is told by validation.
    if (parsed === undefined) return undefined;
    const isInside = cidrContains(this.#range, parsed);
    const outcome = isInside
      ? this.#addresses.take(this.#offsetOf(address), { write: service, owner: keyString(service.metadata) })
      : 'outOfRange';
    if (outcome === undefined) return undefined;
    const why =
      outcome === 'taken'
        ? 'provided IP is already allocated'
        : `the provided IP (${address}) is not in the valid range. The range of valid IPs is ${formatCidr(this.#range)}`;
    return invalidValue(
      'spec.clusterIPs',
      service.spec?.clusterIPs ?? [address],
      `failed to allocate IP ${address}: ${why}`,
    );
  }

  /** Takes a free node port for a Service being written. */
  takePort(service: Service, field: string): number | FieldError {
    const offset = this.#ports.takeAny(service);
    if (offset === undefined) return internalFieldError(field, 'failed to allocate a nodePort: range is full');
    return this.#nodePorts[0] + offset;
  }

  /** Takes the node port a Service asks for. */
  claimPort(service: Service, port: number, field: string): FieldError | undefined {
    const [first, last] = this.#nodePorts;
    const outcome = this.#ports.take(port - first, { write: service, owner: keyString(service.metadata) });
    if (outcome === undefined) return undefined;
    const why =
      outcome === 'taken'
        ? 'provided port is already allocated'
        : `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    return invalidValue(field, port, why);
  }

  /** Gives back what a write took that was not stored. */
  release(service: Service): void {
    this.#addresses.release(service);
    this.#ports.release(service);
  }

  #follow(event: CacheEvent<Service>): void {
    const owner = keyString(event.object.metadata);
    if (event.type === 'MODIFIED') this.#eachHeld(event.previous, (allocator, value) => allocator.free(value, owner));
    this.#eachHeld(event.object, (allocator, value) => {
      if (event.type === 'DELETED') allocator.free(value, owner);
      else allocator.store(value, owner);
    });
  }

  #eachHeld({ spec }: Service, visit: (allocator: RangeAllocator, value: number) => void): void {
    for (const address of spec?.clusterIPs ?? []) {
      const parsed = parseIp(address);
      if (parsed !== undefined && cidrContains(this.#range, parsed)) visit(this.#addresses, this.#offsetOf(address));
    }
    const ports = [...(spec?.ports ?? []).map(({ nodePort = 0 }) => nodePort), spec?.healthCheckNodePort ?? 0];
    for (const port of ports) if (port !== 0) visit(this.#ports, port - this.#nodePorts[0]);
  }

  #offsetOf(address: string): number {
    const parsed = parseIp(address);
    return parsed === undefined ? -1 : Number(parsed.value - this.#base - 1n);
  }
}

function clamp(value: number, [min, max]: readonly [number, number]): number {
  return Math.floor(Math.min(Math.max(value, min), max));
}
