import type { Duplex } from 'node:stream';
import type { ConnectionOptions } from 'node:tls';

/** Where a node's kubelet answers, and how to prove who asks. */
export interface NodeEndpoint {
  readonly host: string;
  readonly port: number;
  /** `cert` and `key` of the API server as a kubelet client, and the authority that signed the kubelet's certificate. */
  readonly tls: Pick<
    ConnectionOptions,
    'cert' | 'key' | 'ca' | 'servername' | 'rejectUnauthorized' | 'checkServerIdentity'
  >;
  /** Opens the connection where plain TCP does not reach the node; TLS is spoken over it. */
  readonly createConnection?: () => Duplex;
}

/** How the API server reaches nodes. */
export interface NodeDialer {
  /** Rejects with a `StatusError` (503) for a node that cannot be reached. */
  connect(nodeName: string): Promise<NodeEndpoint>;
}
