import type { ServiceAccount } from '#api/core/v1.ts';
import type { ObjectKey, ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Logger } from '#base/logger.ts';
import type { Cache, ResourceCatalogue } from '#client/cache.ts';
import type { Client } from '#client/client.ts';
import type { EventRecorder } from '#client/events.ts';

/**
 * Brings the world to what one object asks for. The manager calls `reconcile` after every change of the primary object, of an
 * object it owns, or of something in `watches`; never twice at once for one key, and also for keys that are gone.
 * Throwing retries with backoff. A conflict with somebody else's write is such a throw and not worth a log line.
 */
export interface Controller {
  readonly name: string;
  readonly primary: ResourceRef;
  /** Kinds whose controller owner reference leads to a primary object. */
  readonly owns?: readonly ResourceRef[];
  /** Other kinds whose changes matter, with the primary keys they matter to. Must be cheap. */
  readonly watches?: readonly Watch[];
  /** Keys worked on at once. */
  readonly concurrency?: number;
  reconcile(key: ObjectKey, context: ReconcileContext): Promise<void | { requeueAfterMs: number }>;
}

export interface ReconcileContext {
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface Watch {
  readonly ref: ResourceRef;
  readonly keys: (object: ApiObject, previous: ApiObject | undefined) => Iterable<ObjectKey>;
}

/** Keeps the object type of `keys` while watches of different kinds stand in one list. */
export function watches<T extends ApiObject>(
  ref: ResourceRef<T>,
  keys: (object: T, previous: T | undefined) => Iterable<ObjectKey>,
): Watch {
  return { ref, keys: keys as Watch['keys'] };
}

/** What every controller is made from. */
export interface ControllerDeps {
  /** Speaks as the controller's own service account, `system:serviceaccount:kube-system:<name>`. */
  readonly client: Client;
  readonly cache: Cache;
  readonly catalogue: ResourceCatalogue;
  readonly events: EventRecorder;
  readonly cluster: ClusterFacts;
  /** Milliseconds since the epoch; given so that tests can turn the clock. */
  readonly now: () => number;
}

/** What controllers know of the cluster they run in. */
export interface ClusterFacts {
  readonly clusterCidr: string;
  /** Names of the nodes that servers run on. */
  readonly controlPlaneNodes: readonly string[];
  /** PEM of the cluster's certificate authority. */
  readonly caCertificate: string;
  /** Signs certificate requests of nodes and clients. */
  readonly signer: CertificateSigner;
  /** A token without an end for a Secret of type service-account-token; it dies with the Secret. */
  readonly issueSecretToken: (account: ServiceAccount, secretName: string) => Promise<string>;
}

export interface CertificateSigner {
  /** A PEM chain for a PEM request; throws an Error that says why it refuses. */
  sign(request: {
    pem: string;
    signerName: string;
    usages: readonly string[];
    expirationSeconds: number | undefined;
  }): Promise<string>;
}
