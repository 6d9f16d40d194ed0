import type { Admission, UserInfo } from '#api/admission/request.ts';
import type { GroupVersionKind } from '#api/meta/resource-ref.ts';
import type { ApiObject, ListMeta } from '#api/meta/types.ts';
import type { Schema, SchemaRegistry } from '#api/schema/schema.ts';
import type { Logger } from '#base/logger.ts';
import type { Cache } from '#client/cache.ts';
import type { Client } from '#client/client.ts';
import type { PatchType, Verb } from '#client/transport.ts';
import type { Subresource } from '../resource.ts';
import type { ClusterState } from '../state/cluster-state.ts';
import type { Entry } from '../state/entry.ts';
import type { Served, ServedResources } from '../state/served.ts';

/** What the verbs work with. */
export interface VerbDeps {
  readonly state: ClusterState;
  readonly served: ServedResources;
  readonly schemas: SchemaRegistry;
  /** The schema of a built-in kind, for bodies of subresources. */
  kindSchema(gvk: GroupVersionKind): Schema;
  readonly cache: Cache;
  readonly log: Logger;
  /** The chain as it is now; it can be set after the server is built. */
  readonly admission: () => Admission;
  /** The server's own access, for subresources that write other objects. */
  readonly loopback: () => Client;
}

/** One authorized request to a resource, before any wire format. */
export interface Call {
  readonly verb: Verb;
  readonly served: Served;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  readonly subresource: Subresource | undefined;
  readonly query: URLSearchParams;
  readonly body: RequestBody;
  readonly patchType: PatchType | undefined;
  readonly user: UserInfo;
  /** The default field manager comes from it. */
  readonly userAgent: string;
  readonly signal: AbortSignal;
  /** Adds a Warning header to the answer. */
  warn(text: string): void;
}

/** The body of a request: bytes of some content type, or an object of the same process. */
export interface RequestBody {
  readonly isEmpty: boolean;
  /** An object of its own, free to be modified. Throws 400 for what is none. */
  decode(): DecodedBody;
}

export interface DecodedBody {
  readonly value: unknown;
  /** Keys that stand twice in one object: `spec.replicas`. */
  readonly duplicates: readonly string[];
}

/** What a verb answers, before it is put into a wire format. */
export type Reply =
  | { readonly type: 'object'; readonly code: number; readonly object: unknown; readonly bytes?: Buffer | undefined }
  | {
      readonly type: 'list';
      readonly meta: ListMeta;
      /** In order. */
      readonly entries: readonly Entry[];
      /** The JSON of all items joined by commas, where it is at hand. */
      readonly joined?: () => Buffer;
    };

/** The answer that is one stored object. */
export function entryReply({ object, bytes }: Entry, code = 200): Reply {
  return { type: 'object', code, object, bytes };
}

/** The answer that is an object made for it. */
export function objectReply(object: unknown, code = 200): Reply {
  return { type: 'object', code, object };
}

/** The answer of a delete that is done, and of subresources that make nothing: a Status. */
export function successStatus(details?: Readonly<Record<string, unknown>>, code?: number): unknown {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    ...(details !== undefined && { details }),
    ...(code !== undefined && { code }),
  };
}

/** The metadata of an object that any verb may touch. */
export type Mutable = ApiObject & Record<string, unknown>;
