import type { AdmissionRequest, UserInfo } from '#api/admission/request.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import type { Cache } from '#client/cache.ts';
import type { Client } from '#client/client.ts';

/**
 * Decides on one write. The chain asks `handles` for every write, so it must be a few comparisons; `mutate` of every plugin
 * runs before any `validate`, and again when a write is tried anew. A deletion and a connect only pass `validate`. Throwing a
 * `StatusError` is the answer; anything else thrown becomes an internal error.
 */
export interface AdmissionPlugin {
  readonly name: string;
  handles(request: AdmissionRequest): boolean;
  mutate?(request: AdmissionRequest): Promise<void> | void;
  validate?(request: AdmissionRequest): Promise<void> | void;
}

/** What plugins are made from. */
export interface AdmissionDeps {
  /** The server's own copy: never behind. */
  readonly cache: Cache;
  /** Speaks as the server itself, for what a plugin has to write down. */
  readonly client: Pick<Client, 'updateStatus'>;
  /** The authorizer's answer, for rights that a request needs beyond its own verb. */
  readonly mayDo: (user: UserInfo, attributes: AccessAttributes) => boolean | Promise<boolean>;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export interface AccessAttributes {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

/** Whether a request is about objects of this resource, or with `subresource` about that part of them. */
export function concerns(request: AdmissionRequest, { group, plural }: ResourceRef, subresource?: string): boolean {
  const { resource } = request;
  return resource.plural === plural && resource.group === group && request.subresource === subresource;
}
