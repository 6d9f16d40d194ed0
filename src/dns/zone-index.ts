import type { ServiceEntry } from './service-entry.ts';

/** A change of what DNS knows; `replaceAll` makes it the whole truth. */
export interface ZoneDelta {
  readonly replaceAll?: boolean;
  /** By `namespace/name`; undefined removes. */
  readonly services: readonly (readonly [string, ServiceEntry | undefined])[];
  readonly namespaces: readonly (readonly [string, boolean])[];
}

/** Services, their endpoints and the names of their addresses, ready to be looked up. */
export class ZoneIndex {
  /** Whether the whole truth has arrived: before that, "no such name" would be a lie. */
  isComplete = false;
  /** Grows with every change. */
  version = 1;
  readonly #services = new Map<string, ServiceEntry>();
  readonly #namespaces = new Set<string>();
  readonly #names = new Map<string, Set<string>>();

  apply({ replaceAll = false, services, namespaces }: ZoneDelta): void {
    if (replaceAll) {
      this.#services.clear();
      this.#namespaces.clear();
      this.#names.clear();
      this.isComplete = true;
    }
    for (const [key, entry] of services) this.#set(key, entry);
    for (const [name, exists] of namespaces) {
      if (exists) this.#namespaces.add(name);
      else this.#namespaces.delete(name);
    }
    this.version++;
  }

  service(namespace: string, name: string): ServiceEntry | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }

  hasNamespace(name: string): boolean {
    return this.#namespaces.has(name);
  }

  /** Names of an address, without the cluster's domain: `web.default.svc`. */
  namesOf(ip: string): readonly string[] {
    return [...(this.#names.get(ip) ?? [])];
  }

  #set(key: string, entry: ServiceEntry | undefined): void {
    const before = this.#services.get(key);
    for (const [ip, name] of before === undefined ? [] : addressesOf(before)) {
      const names = this.#names.get(ip);
      names?.delete(name);
      if (names?.size === 0) this.#names.delete(ip);
    }
    if (entry === undefined) {
      this.#services.delete(key);
      return;
    }
    this.#services.set(key, entry);
    for (const [ip, name] of addressesOf(entry)) {
      const names = this.#names.get(ip) ?? new Set<string>();
      this.#names.set(ip, names.add(name));
    }
  }
}

function addressesOf({ namespace, name, ips, endpoints = [] }: ServiceEntry): [string, string][] {
  const base = `${name}.${namespace}.svc`;
  return [
    ...ips.map((ip): [string, string] => [ip, base]),
    ...endpoints.map(({ ip, hostname }): [string, string] => [ip, `${hostname}.${base}`]),
  ];
}
