import { type Lease, leases } from '#api/coordination/v1.ts';
import type { Node } from '#api/core/v1.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import { formatMicroTime } from '#api/meta/time.ts';
import type { Client } from '#client/client.ts';

const NAMESPACE = 'kube-node-lease';
const DURATION_SECONDS = 40;

/** The node's sign of life: cheaper for everybody than its status. */
export class NodeLease {
  readonly #client: Client;
  readonly #nodeName: string;
  #held: Lease | undefined;

  constructor({ client, nodeName }: { client: Client; nodeName: string }) {
    this.#client = client;
    this.#nodeName = nodeName;
  }

  /** Rejects when the API did not take it; the next call starts from what the API has. */
  async renew(node: Node | undefined, signal: AbortSignal): Promise<void> {
    const key = { namespace: NAMESPACE, name: this.#nodeName };
    try {
      this.#held ??= await this.#client.get(leases, key, { signal });
      const spec = { ...this.#held.spec, ...this.#spec() };
      this.#held = await this.#client.update(leases, { ...this.#held, spec }, { signal });
    } catch (error) {
      const hadOld = this.#held !== undefined;
      this.#held = undefined;
      if (isConflict(error) && hadOld) return this.renew(node, signal);
      if (!isNotFound(error)) throw error;
      this.#held = await this.#client.create(leases, this.#newLease(node), { signal });
    }
  }

  #spec(): Lease['spec'] {
    return {
      holderIdentity: this.#nodeName,
      leaseDurationSeconds: DURATION_SECONDS,
      renewTime: formatMicroTime(new Date()),
    };
  }

  #newLease(node: Node | undefined): Lease {
    const uid = node?.metadata.uid;
    const ownerReferences = uid === undefined ? [] : [{ apiVersion: 'v1', kind: 'Node', name: this.#nodeName, uid }];
    return {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        name: this.#nodeName,
        namespace: NAMESPACE,
        ...(ownerReferences.length > 0 ? { ownerReferences } : {}),
      },
      spec: this.#spec(),
    };
  }
}
