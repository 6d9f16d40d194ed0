import type { ApiObject } from './types.ts';

/** Carries a resource's object type for inference; never present at run time. */
declare const objectType: unique symbol;

/** Names one resource of the API as data, and its object type to the compiler. */
export interface ResourceRef<T extends ApiObject = ApiObject> {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly [objectType]?: T;
}

/** Names one object of a resource; cluster-scoped objects have no namespace. */
export interface ObjectKey {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Group, version and kind: what `apiVersion` and `kind` of an object say. */
export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** `apps/v1`, or `v1` for the core group: the `apiVersion` of the resource's objects. */
export function apiVersionOf(ref: { readonly group: string; readonly version: string }): string {
  return ref.group === '' ? ref.version : `${ref.group}/${ref.version}`;
}

/** `deployments.apps`, or `pods` for the core group: how messages and kubectl name a resource. */
export function groupResource(ref: { readonly group: string; readonly plural: string }): string {
  return ref.group === '' ? ref.plural : `${ref.plural}.${ref.group}`;
}

/** Splits an `apiVersion`; the core group is the empty string. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  if (slash < 0) return { group: '', version: apiVersion };
  return { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** `namespace/name`, or just the name of a cluster-scoped object: unique within one resource. */
export function keyString(key: ObjectKey): string {
  return key.namespace === undefined || key.namespace === '' ? key.name : `${key.namespace}/${key.name}`;
}

/** The key of an object. */
export function keyOf(object: ApiObject): ObjectKey {
  return { namespace: object.metadata.namespace, name: object.metadata.name };
}
