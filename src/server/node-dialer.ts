import { nodes } from '#api/core/v1.ts';
import { notFound, serviceUnavailable } from '#api/meta/errors.ts';
import type { Cache } from '#client/cache.ts';
import type { NodeDialer } from './apiserver/node-proxy/node-dialer.ts';

export interface NodeDialerOptions {
  readonly cache: Cache;
  /** What the server shows to kubelets. */
  readonly client: { readonly cert: string; readonly key: string };
  /** PEM of the authority that signs kubelets' certificates. */
  readonly authority: string;
}

/** Reaches nodes at the address and port that their Node objects state. */
export function nodeDialer({ cache, client, authority }: NodeDialerOptions): NodeDialer {
  return {
    async connect(nodeName) {
      const node = cache.get(nodes, { name: nodeName });
      if (node === undefined) throw notFound(nodes, nodeName);
      const { addresses = [], daemonEndpoints } = node.status ?? {};
      const host = addresses.find(({ type }) => type === 'InternalIP')?.address;
      const port = daemonEndpoints?.kubeletEndpoint?.Port;
      if (host === undefined || port === undefined || port === 0) {
        throw serviceUnavailable(`node "${nodeName}" has not told yet where its kubelet answers`);
      }
      return {
        host,
        port,
        tls: {
          cert: client.cert,
          key: client.key,
          ca: authority,
          servername: '',
          // A node is its key, not its address: any certificate of ours for this node's name will do.
          checkServerIdentity: (_host, certificate) => {
            const name = certificate.subject.CN;
            return name === `system:node:${nodeName}`
              ? undefined
              : new Error(`expected the certificate of node "${nodeName}", got that of "${name}"`);
          },
        },
      };
    },
  };
}
