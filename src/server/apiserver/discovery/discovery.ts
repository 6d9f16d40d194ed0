import { createHash } from 'node:crypto';
import { builtinGroups } from '#api/catalogue.ts';
import { resourceNotFound } from '#api/meta/errors.ts';
import { apiVersionOf, type GroupVersionKind } from '#api/meta/resource-ref.ts';
import type { ResourceDefinition, Subresource } from '../resource.ts';
import type { ServedResources } from '../state/served.ts';
import { compareVersions } from './version-order.ts';

/** A document with the tag that says whether it changed. */
export interface DiscoveryDocument {
  readonly body: Buffer;
  readonly etag: string;
}

export type AggregatedVersion = 'v2' | 'v2beta1';

const CUSTOM_GROUP_PRIORITY = 1000;

interface GroupVersions {
  readonly group: string;
  readonly versions: readonly { readonly version: string; readonly definitions: readonly ResourceDefinition[] }[];
}

/** What the server serves, in the forms clients ask for. Documents are made once per change of the served resources. */
export class Discovery {
  readonly #served: ServedResources;
  readonly #serverAddress: () => string;
  readonly #documents = new Map<string, DiscoveryDocument>();
  #groups: readonly GroupVersions[] | undefined;

  constructor(served: ServedResources, serverAddress: () => string) {
    this.#served = served;
    this.#serverAddress = serverAddress;
    served.onChange(() => {
      this.#groups = undefined;
      this.#documents.clear();
    });
  }

  /** `/api/v1`, `/apis/apps/v1` ... of everything served. */
  get groupVersionPaths(): readonly string[] {
    return this.groups.flatMap(({ group, versions }) =>
      versions.map(({ version }) => (group === '' ? `/api/${version}` : `/apis/${group}/${version}`)),
    );
  }

  /** Groups in the order in which clients resolve names. */
  get groups(): readonly GroupVersions[] {
    this.#groups ??= groupDefinitions(this.#served.all.map(({ definition }) => definition));
    return this.#groups;
  }

  /** `/api` */
  coreVersions(): DiscoveryDocument {
    return this.#document('/api', () => ({
      kind: 'APIVersions',
      versions: this.groups
        .filter(({ group }) => group === '')
        .flatMap(({ versions }) => versions.map((v) => v.version)),
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: this.#serverAddress() }],
    }));
  }

  /** `/apis` */
  groupList(): DiscoveryDocument {
    return this.#document('/apis', () => ({
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: this.groups.filter(({ group }) => group !== '').map(describeGroup),
    }));
  }

  /** `/apis/G` */
  group(name: string): DiscoveryDocument {
    const found = name === '' ? undefined : this.groups.find(({ group }) => group === name);
    if (found === undefined) throw resourceNotFound();
    return this.#document(`/apis/${name}`, () => ({ kind: 'APIGroup', apiVersion: 'v1', ...describeGroup(found) }));
  }

  /** `/api/v1` and `/apis/G/V` */
  resources(group: string, version: string): DiscoveryDocument {
    const found = this.groups
      .find((entry) => entry.group === group)
      ?.versions.find((entry) => entry.version === version);
    if (found === undefined) throw resourceNotFound();
    const groupVersion = apiVersionOf({ group, version });
    return this.#document(`resources ${groupVersion}`, () => ({
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion,
      resources: found.definitions.flatMap(legacyEntries),
    }));
  }

  /** `/api` or `/apis` with everything below in one answer. */
  aggregated(root: 'api' | 'apis', version: AggregatedVersion): DiscoveryDocument {
    return this.#document(`aggregated ${root} ${version}`, () => ({
      kind: 'APIGroupDiscoveryList',
      apiVersion: `apidiscovery.k8s.io/${version}`,
      metadata: {},
      items: this.groups.filter(({ group }) => (group === '') === (root === 'api')).map(aggregatedGroup),
    }));
  }

  #document(name: string, make: () => unknown): DiscoveryDocument {
    const known = this.#documents.get(name);
    if (known !== undefined) return known;
    const body = Buffer.from(`${JSON.stringify(make())}\n`);
    const document = { body, etag: `"${createHash('sha512').update(body).digest('hex').toUpperCase()}"` };
    this.#documents.set(name, document);
    return document;
  }
}

function groupDefinitions(definitions: readonly ResourceDefinition[]): GroupVersions[] {
  const byGroup = Map.groupBy(definitions, ({ ref }) => ref.group);
  const priorityOf = (group: string) =>
    builtinGroups.find(({ name }) => name === group)?.priority ?? CUSTOM_GROUP_PRIORITY;
  return [...byGroup]
    .sort(([a], [b]) => priorityOf(b) - priorityOf(a) || (a < b ? -1 : 1))
    .map(([group, ofGroup]) => {
      const byVersion = Map.groupBy(ofGroup, ({ ref }) => ref.version);
      const versions = [...byVersion.keys()].sort(versionOrder(group));
      return {
        group,
        versions: versions.map((version) => ({ version, definitions: sorted(byVersion.get(version) ?? []) })),
      };
    });
}

function versionOrder(group: string): (a: string, b: string) => number {
  const known = builtinGroups.find(({ name }) => name === group)?.versions ?? [];
  const priorityOf = (wanted: string) => known.find(({ version }) => version === wanted)?.priority ?? 0;
  return (a, b) => priorityOf(b) - priorityOf(a) || compareVersions(a, b);
}

function sorted(definitions: readonly ResourceDefinition[]): ResourceDefinition[] {
  return definitions.toSorted((a, b) => (a.ref.plural < b.ref.plural ? -1 : 1));
}

function describeGroup({ group, versions }: GroupVersions) {
  const described = versions.map(({ version }) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: described, preferredVersion: described[0] };
}

function legacyEntries({ ref, singular, shortNames, categories, verbs, subresources, answer }: ResourceDefinition) {
  const { plural, namespaced, kind } = ref;
  const main = {
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    verbs,
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(answer === undefined && verbs.includes('list') && { storageVersionHash: storageVersionHash(ref) }),
  };
  const parts = subresources.map((subresource) => ({
    name: `${plural}/${subresource.name}`,
    singularName: '',
    namespaced,
    ...foreignKind(subresource, ref),
    kind: subresource.body.kind,
    verbs: subresource.verbs,
  }));
  return [main, ...parts];
}

/** Group and version of a subresource's bodies where they are not those of the resource. */
function foreignKind({ body }: Subresource, ref: GroupVersionKind): { group?: string; version?: string } {
  if (body.group === ref.group && body.version === ref.version) return {};
  return { group: body.group, version: body.version };
}

function storageVersionHash(ref: GroupVersionKind): string {
  const name = `${ref.group}/${ref.version}/${ref.kind}`;
  return createHash('sha256').update(name).digest().subarray(0, 8).toString('base64');
}

function aggregatedGroup({ group, versions }: GroupVersions) {
  return {
    metadata: { ...(group !== '' && { name: group }), creationTimestamp: null },
    versions: versions.map(({ version, definitions }) => ({
      version,
      resources: definitions.map(aggregatedResource),
      freshness: 'Current',
    })),
  };
}

function aggregatedResource({ ref, singular, shortNames, categories, verbs, subresources }: ResourceDefinition) {
  return {
    resource: ref.plural,
    responseKind: kindOf(ref),
    scope: ref.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: singular,
    verbs,
    ...(shortNames.length > 0 && { shortNames }),
    ...(categories.length > 0 && { categories }),
    ...(subresources.length > 0 && {
      subresources: subresources.map(({ name, verbs, body }) => ({
        subresource: name,
        responseKind: kindOf(body),
        verbs,
      })),
    }),
  };
}

function kindOf({ group, version, kind }: GroupVersionKind) {
  return { group, version, kind };
}
