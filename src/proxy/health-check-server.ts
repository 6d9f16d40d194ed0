import { createServer, type Server } from 'node:http';
import type { Logger } from '#base/logger.ts';
import type { HealthCheck } from './service-rules.ts';

interface Listener {
  readonly server: Server;
  check: HealthCheck;
}

/** Tells load balancers, on one port per service that asked for it, whether this node has endpoints of that service. */
export class HealthCheckServer {
  readonly #log: Logger;
  readonly #listeners = new Map<number, Listener>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Serves exactly these checks. A port that is taken is reported and tried again next time. */
  async set(checks: readonly HealthCheck[]): Promise<void> {
    const wanted = new Map(checks.map((check) => [check.port, check]));
    for (const [port, { server }] of this.#listeners) {
      if (wanted.has(port)) continue;
      this.#listeners.delete(port);
      await close(server);
    }
    for (const [port, check] of wanted) {
      const listener = this.#listeners.get(port);
      if (listener !== undefined) listener.check = check;
      else await this.#listen(check);
    }
  }

  async stop(): Promise<void> {
    await this.set([]);
  }

  #listen(check: HealthCheck): Promise<void> {
    const listener: Listener = { check, server: createServer() };
    const { server } = listener;
    server.on('request', (_, response) => {
      const { namespace, name, localEndpoints } = listener.check;
      response.writeHead(localEndpoints > 0 ? 200 : 503, {
        'Content-Type': 'application/json',
        'X-Content-Type-Options': 'nosniff',
      });
      response.end(JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy: true }));
    });
    return new Promise((resolve) => {
      server.once('error', (err) => {
        this.#log.warn(
          { err, namespace: check.namespace, name: check.name, port: check.port },
          'cannot serve health check port',
        );
        resolve();
      });
      server.listen(check.port, () => {
        this.#listeners.set(check.port, listener);
        resolve();
      });
    });
  }
}

function close(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
