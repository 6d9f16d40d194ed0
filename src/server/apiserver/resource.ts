import type { UserInfo } from '#api/admission/request.ts';
import { type BuiltinResource, getBuiltinResource } from '#api/catalogue.ts';
import { checkDns1123Subdomain } from '#api/meta/names.ts';
import { groupResource, type ResourceRef } from '#api/meta/resource-ref.ts';
import { ageOf } from '#api/meta/time.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { FieldError } from '#api/meta/validation.ts';
import type { Schema, SchemaRegistry } from '#api/schema/schema.ts';
import type { Cache } from '#client/cache.ts';
import type { Client } from '#client/client.ts';

/** What a resource's rules may know of the request they judge. */
export interface RequestContext {
  readonly user: UserInfo;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly dryRun: boolean;
  readonly now: Date;
  readonly cache: Cache;
  readonly signal: AbortSignal;
  warn(text: string): void;
}

export interface Column<T extends ApiObject = ApiObject> {
  readonly name: string;
  readonly type?: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description?: string;
  /** Above 0: shown only with `-o wide`. */
  readonly priority?: number;
  value(object: T, now: Date): string | number | boolean | null;
}

/** The first column of almost every kind. */
export const nameColumn: Column = {
  name: 'Name',
  format: 'name',
  value: ({ metadata }) => metadata.name ?? '',
};

/** Time since the object was made, the usual last narrow column. */
export const ageColumn: Column = {
  name: 'Age',
  value: ({ metadata }, now) => ageOf(metadata.creationTimestamp, now),
};

export interface ScalePaths {
  /** Dotted, e.g. `.spec.replicas`. */
  readonly specReplicas: string;
  readonly statusReplicas: string;
  /** Where the selector stands: a LabelSelector, a map of labels or a string. */
  readonly selector?: string;
}

/** As in `metav1.TableRowCondition`. */
export interface RowCondition {
  readonly type: string;
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** A subresource with rules of its own; `status` and `scale` are data. Reads, writes and streams alike. */
export interface Subresource<T extends ApiObject = ApiObject> {
  readonly name: string;
  readonly verbs: readonly string[];
  /** Kind of request and answer bodies as discovery shows it. */
  readonly body: { readonly group: string; readonly version: string; readonly kind: string };
  /** An ordinary write to the parent object that touches only what this picks: status, ephemeralcontainers, resize, approval, finalize. */
  readonly update?: {
    /** Called with the client's object and the stored one; returns what to store. Neither argument may be modified. */
    merge(object: T, old: T, context: RequestContext): T;
    validate?(object: T, old: T, context: RequestContext): FieldError[];
  };
  /** A POST that makes no object of its own: binding, eviction, token. The answer is what it returns. */
  create?(
    parent: T,
    body: ApiObject,
    context: RequestContext & { readonly client: Client; readonly options: Readonly<Record<string, string>> },
  ): Promise<unknown>;
}

/** A method's type, so that a definition of one kind of object passes as a definition of any. */
type FieldGetter<T extends ApiObject> = { get(object: T): string }['get'];

/** One resource of the API as a declaration: everything that differs from the generic verbs. Built-in and custom alike. */
export interface ResourceDefinition<T extends ApiObject = ApiObject> {
  readonly ref: ResourceRef<T>;
  readonly schema: Schema;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  /** In the order they are sent, Name and Age (`nameColumn`, `ageColumn`) included. Empty: Name and Created At. */
  readonly columns: readonly Column<T>[];
  /** `conditions` of an object's table row; finished pods have one. */
  rowConditions?(object: T): readonly RowCondition[];
  /** `status` and `scale` are generic; streams (log, exec, proxy ...) have neither `update` nor `create` here. */
  readonly subresources: readonly Subresource<T>[];
  /** Status has its own endpoint; generation counts changes of everything but metadata and status. */
  readonly hasStatus: boolean;
  readonly scale: ScalePaths | undefined;
  /** Getters for field selectors beyond metadata.name and metadata.namespace. */
  readonly fieldSelectors: Readonly<Record<string, FieldGetter<T>>>;

  /** Judges `metadata.name`: one message, several, or none. The usual rules are in `#api/meta/names.ts`. */
  readonly nameRule: (name: string) => readonly string[] | string | undefined;
  /** Fills in what a client left out. Runs on every write after decoding, before admission, and again after it. Modifies. */
  defaults?(object: T): void;
  /** Last touch on a create before validation (allocate, clear). Modifies. */
  prepareCreate?(object: T, context: RequestContext): void;
  /** Keeps what a client may not change. Modifies `object`. */
  prepareUpdate?(object: T, old: T, context: RequestContext): void;
  validate?(object: T, context: RequestContext): FieldError[];
  validateUpdate?(object: T, old: T, context: RequestContext): FieldError[];
  /** After the object is gone for good, e.g. to free an address. Must not throw. */
  afterDelete?(object: T): void;
  /** After a failed or dry-run create or update: give back what `prepare*` took. */
  release?(object: T, old: T | undefined): void;

  readonly createOnUpdate: boolean;
  readonly unconditionalUpdate: boolean;
  /** DELETE answers with the object instead of a Status. */
  readonly returnsDeleted: boolean;
  readonly defaultPropagation: 'Background' | 'Orphan';
  /** Seconds a delete waits for the node to end it; undefined is an immediate delete. Only pods. */
  gracePeriodSeconds?(object: T, asked: number | undefined): number;
  /** Touches an object that a delete marks as deleting instead of removing it: a namespace's phase. Modifies. */
  prepareDelete?(object: T): void;
  /** False holds a deleting object back although it has no finalizers: a namespace with `spec.finalizers`. */
  mayRemove?(object: T): boolean;
  /** Objects expire, counted from the last write. Events. */
  readonly ttlSeconds?: number;
  /** Reviews: answers a create and stores nothing. */
  answer?(object: T, context: RequestContext): Promise<T>;
  /** Served from another resource's storage in another shape: HPA v1, events.k8s.io. */
  readonly storedAs?: {
    readonly ref: ResourceRef;
    fromStored(object: ApiObject): T;
    toStored(object: T): ApiObject;
  };
}

/**
 * What a resource file states: only what differs from the catalogue, the schema and upstream's usual behaviour.
 * `subresources` are laid over those of the same name in the catalogue; only `name` and the behaviour are needed.
 */
export type ResourceOptions<T extends ApiObject> = Partial<Omit<ResourceDefinition<T>, 'ref' | 'subresources'>> & {
  readonly subresources?: readonly (Pick<Subresource<T>, 'name'> & Partial<Subresource<T>>)[];
};

/** Where definitions come from at run time; custom resources are added and removed while serving. */
export interface ResourceSource {
  readonly schemas: SchemaRegistry;
  readonly definitions: readonly ResourceDefinition[];
}

const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** Completes a declaration: what it leaves out comes from the catalogue of built-in resources and from usual behaviour. */
export function defineResource<T extends ApiObject>(
  ref: ResourceRef<T>,
  options: ResourceOptions<NoInfer<T>> = {},
): ResourceDefinition<T> {
  const builtin = getBuiltinResource(ref);
  const subresources = layOver(builtin?.subresources ?? [], options.subresources ?? [], ref);
  return {
    schema: schemaOf(builtin),
    singular: ref.kind.toLowerCase(),
    shortNames: builtin?.shortNames ?? [],
    categories: builtin?.categories ?? [],
    verbs: builtin?.verbs ?? ALL_VERBS,
    columns: [],
    hasStatus: subresources.some(({ name }) => name === 'status'),
    scale: subresources.some(({ name }) => name === 'scale') ? WORKLOAD_SCALE : undefined,
    fieldSelectors: {},
    nameRule: checkDns1123Subdomain,
    createOnUpdate: false,
    unconditionalUpdate: true,
    returnsDeleted: false,
    defaultPropagation: 'Background',
    ...options,
    ref,
    subresources,
  };
}

const WORKLOAD_SCALE: ScalePaths = {
  specReplicas: '.spec.replicas',
  statusReplicas: '.status.replicas',
  selector: '.spec.selector',
};

function schemaOf(builtin: BuiltinResource | undefined): Schema {
  return builtin === undefined ? { type: 'any' } : { type: 'ref', name: builtin.schema };
}

function layOver<T extends ApiObject>(
  known: BuiltinResource['subresources'],
  given: NonNullable<ResourceOptions<T>['subresources']>,
  ref: ResourceRef,
): Subresource<T>[] {
  const usual = { group: ref.group, version: ref.version, kind: ref.kind };
  const merged = new Map<string, Subresource<T>>();
  for (const { name, verbs, group, version, kind } of known) {
    merged.set(name, { name, verbs, body: { group, version, kind } });
  }
  for (const subresource of given) {
    const base = merged.get(subresource.name) ?? { verbs: ['get', 'patch', 'update'], body: usual };
    merged.set(subresource.name, { ...base, ...subresource });
  }
  return [...merged.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** `pods` or `deployments.apps`: unique among definitions of one version. */
export function definitionName({ ref }: Pick<ResourceDefinition, 'ref'>): string {
  return groupResource(ref);
}
