import type { Component } from '#base/component.ts';
import { HttpServer, type ServerTls } from '#base/http-server.ts';
import type { Logger } from '#base/logger.ts';
import type { Client } from '#client/client.ts';
import { KubeletApi } from './kubelet/api/kubelet-api.ts';
import type { Kubelet } from './kubelet/kubelet.ts';
import type { KubeletConfig } from './kubelet/kubelet-config.ts';
import type { ContainerRuntime } from './runtime/container-runtime.ts';

/** The certificate that the node's API shows, which may be renewed while it serves. */
export interface NodeTls {
  current(): ServerTls;
  onReload(listener: () => void): () => void;
}

export interface KubeletServerOptions {
  readonly kubelet: Kubelet;
  readonly config: KubeletConfig;
  readonly client: Client;
  readonly runtime: ContainerRuntime;
  readonly tls: NodeTls;
  /** Program and arguments of the process that dials within pods. */
  readonly dialHelper: readonly string[];
  readonly log: Logger;
}

/** The node's own API behind HTTPS, on every address of the node. */
export function kubeletServer(options: KubeletServerOptions): Component {
  const { tls, config, log } = options;
  const server: HttpServer = new HttpServer({
    name: 'kubelet/https',
    log,
    listen: { host: '0.0.0.0', port: config.kubeletPort },
    tls: tls.current(),
    handler: (request, response) => api.handler(request, response),
    upgrade: (request, socket, head) => api.upgrade(request, socket, head),
  });
  const api = new KubeletApi({ ...options, clientCertificate: (request) => server.clientCertificate(request) });
  let unsubscribe: (() => void) | undefined;
  return {
    name: server.name,
    async start(signal) {
      unsubscribe = tls.onReload(() => server.reload(tls.current()));
      await server.start(signal);
    },
    async stop() {
      unsubscribe?.();
      api.stop();
      await server.stop();
    },
  };
}
