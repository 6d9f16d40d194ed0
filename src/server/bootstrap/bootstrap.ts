import { type ConfigMap, type Endpoints, endpoints, namespaces, services } from '#api/core/v1.ts';
import { type EndpointSlice, endpointSlices } from '#api/discovery/v1.ts';
import { deepEqual } from '#api/meta/clone.ts';
import { isAlreadyExists, isConflict } from '#api/meta/errors.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { type ClusterRole, type ClusterRoleBinding, clusterRoles, roles } from '#api/rbac/v1.ts';
import type { Component } from '#base/component.ts';
import type { Logger } from '#base/logger.ts';
import { WorkQueue } from '#base/work-queue.ts';
import type { Cache } from '#client/cache.ts';
import type { Client } from '#client/client.ts';
import {
  type BootstrapFacts,
  bootstrapNamespaces,
  bootstrapObjects,
  kubernetesService,
  SYSTEM_NAMESPACES,
  type Wanted,
} from './objects.ts';
import { AUTO_UPDATE } from './rbac.ts';

export interface BootstrapOptions {
  readonly client: Client;
  readonly cache: Cache;
  /** Asked when the API server has started: only then is its port known. */
  readonly facts: () => BootstrapFacts;
  /** Where the API can be reached by pods; asked at every change, as addresses come and go. */
  readonly apiAddresses: () => readonly string[];
  readonly log: Logger;
}

const KUBERNETES = { namespace: 'default', name: 'kubernetes' } as const;

/** Makes what every cluster has from the start, and keeps the parts that nobody may lose. */
export class Bootstrap implements Component {
  readonly name = 'bootstrap';
  readonly #options: BootstrapOptions;
  readonly #healing: WorkQueue;
  #stops: (() => void)[] = [];

  constructor(options: BootstrapOptions) {
    this.#options = options;
    this.#healing = new WorkQueue({
      process: async () => {
        await this.#heal();
        return 60_000;
      },
      backoff: { initialMs: 100, maxMs: 10_000 },
      onError: (_key, err) => options.log.warn({ err }, 'healing system objects failed'),
    });
  }

  async start(): Promise<void> {
    const { cache } = this.#options;
    await this.#ensureAll(bootstrapNamespaces());
    // Writes of one turn share a transaction on disk.
    await this.#ensureAll(bootstrapObjects(this.#options.facts()));
    await this.#heal();
    const heal = () => this.#healing.add('');
    const named = (name: string, namespace: string) => (event: { object: ApiObject }) => {
      if (event.object.metadata.name === name && event.object.metadata.namespace === namespace) heal();
    };
    this.#stops = [
      cache.onChange(namespaces, ({ type, object }) => {
        if (type === 'DELETED' && SYSTEM_NAMESPACES.some((name) => name === object.metadata.name)) heal();
      }),
      cache.onChange(services, named('kubernetes', 'default')),
      cache.onChange(endpoints, named('kubernetes', 'default')),
      cache.onChange(endpointSlices, named('kubernetes', 'default')),
    ];
  }

  async stop(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop();
    await this.#healing.stop();
  }

  async #ensureAll(all: readonly Wanted[]): Promise<void> {
    await Promise.all(all.map((wanted) => this.#ensure(wanted)));
  }

  /** Creates what is missing; adds missing rules and subjects to roles and bindings that are ours to update. */
  async #ensure({ ref, object }: Wanted): Promise<void> {
    const { client, cache } = this.#options;
    const present = cache.get(ref, object.metadata);
    try {
      if (present === undefined) await client.create(ref, object);
      else {
        const better = reconciled(present, object);
        if (better !== undefined) await client.update(ref, better);
      }
    } catch (error) {
      if (!isAlreadyExists(error) && !isConflict(error)) throw error;
    }
  }

  async #heal(): Promise<void> {
    const { client, cache } = this.#options;
    const facts = this.#options.facts();
    await this.#ensureAll(bootstrapNamespaces());
    await this.#ensure({ ref: services, object: kubernetesService(facts) } as unknown as Wanted);
    const addresses = [...this.#options.apiAddresses()].sort();
    const wantedEndpoints = apiEndpoints(addresses, facts.apiPort);
    const presentEndpoints = cache.get(endpoints, KUBERNETES);
    if (presentEndpoints === undefined) await client.create(endpoints, wantedEndpoints);
    else if (!deepEqual(presentEndpoints.subsets, wantedEndpoints.subsets)) {
      await client.update(endpoints, { ...presentEndpoints, subsets: wantedEndpoints.subsets });
    }
    const wantedSlice = apiEndpointSlice(addresses, facts.apiPort);
    const presentSlice = cache.get(endpointSlices, KUBERNETES);
    if (presentSlice === undefined) await client.create(endpointSlices, wantedSlice);
    else if (
      !deepEqual(presentSlice.endpoints, wantedSlice.endpoints) ||
      !deepEqual(presentSlice.ports, wantedSlice.ports)
    ) {
      await client.update(endpointSlices, {
        ...presentSlice,
        endpoints: wantedSlice.endpoints,
        ports: wantedSlice.ports,
      });
    }
  }
}

/** What is there with what it lacks added; undefined when it lacks nothing or is not ours to change. Pure. */
export function reconciled(present: ApiObject, wanted: ApiObject): ApiObject | undefined {
  const kind = wanted.kind;
  if (present.metadata.annotations?.[AUTO_UPDATE] === 'false') return undefined;
  if (kind === clusterRoles.kind || kind === roles.kind)
    return withRules(present as ClusterRole, wanted as ClusterRole);
  if (kind === 'ConfigMap') return withData(present as ConfigMap, wanted as ConfigMap);
  if (kind === 'ClusterRoleBinding' || kind === 'RoleBinding')
    return withSubjects(present as ClusterRoleBinding, wanted as ClusterRoleBinding);
  return undefined;
}

function withRules(present: ClusterRole, wanted: ClusterRole): ClusterRole | undefined {
  // The rules of an aggregated role are somebody else's work.
  if (wanted.aggregationRule !== undefined) {
    if (deepEqual(present.aggregationRule, wanted.aggregationRule)) return undefined;
    return { ...present, aggregationRule: wanted.aggregationRule };
  }
  const missing = (wanted.rules ?? []).filter((rule) => !(present.rules ?? []).some((known) => deepEqual(known, rule)));
  const labels = { ...present.metadata.labels, ...wanted.metadata.labels };
  if (missing.length === 0 && deepEqual(labels, present.metadata.labels ?? {})) return undefined;
  return { ...present, metadata: { ...present.metadata, labels }, rules: [...(present.rules ?? []), ...missing] };
}

/** The server's word on its own settings and authorities. */
function withData(present: ConfigMap, wanted: ConfigMap): ConfigMap | undefined {
  const data = { ...present.data, ...wanted.data };
  return deepEqual(data, present.data ?? {}) ? undefined : { ...present, data };
}

function withSubjects(present: ClusterRoleBinding, wanted: ClusterRoleBinding): ClusterRoleBinding | undefined {
  const missing = (wanted.subjects ?? []).filter(
    (subject) => !(present.subjects ?? []).some((known) => deepEqual(known, subject)),
  );
  return missing.length === 0 ? undefined : { ...present, subjects: [...(present.subjects ?? []), ...missing] };
}

function apiEndpoints(addresses: readonly string[], port: number): Endpoints {
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { ...KUBERNETES, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: addresses.map((ip) => ({ ip })), ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  };
}

function apiEndpointSlice(addresses: readonly string[], port: number): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { ...KUBERNETES, labels: { 'kubernetes.io/service-name': 'kubernetes' } },
    addressType: 'IPv4',
    endpoints: addresses.map((address) => ({ addresses: [address], conditions: { ready: true } })),
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  };
}
