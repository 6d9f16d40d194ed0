import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { PAUSE_IMAGE } from '#agent/runtime/docker/container-config.ts';
import { IMAGES } from '#test/lab/images.ts';
import { IDLE_COMMAND } from './skiff-node.ts';

/** A Docker daemon with nothing between it and the benchmark: what Docker itself takes. */
export interface DockerFloor {
  /** Starts so many pairs of a pause container and one that joins it; resolves with the milliseconds it took. */
  startPairs(count: number, options: { parallel: number }): Promise<number>;
  /** Removes the containers that were started. */
  clear(): Promise<void>;
  close(): void;
}

/** Speaks to the daemon behind a Unix socket. */
export function dockerFloor(socketPath: string): DockerFloor {
  const agent = new Agent({ keepAlive: true });
  const made: string[] = [];

  async function call(method: string, path: string, body?: unknown): Promise<{ Id: string }> {
    const payload = body === undefined ? '' : JSON.stringify(body);
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) };
    return new Promise((resolve, reject) => {
      const sent = request({ socketPath, agent, method, path, headers }, (answer) => {
        text(answer).then((content) => {
          if ((answer.statusCode ?? 500) >= 400) reject(new Error(`Docker: ${method} ${path}: ${content}`));
          else resolve(content === '' ? {} : JSON.parse(content));
        }, reject);
      });
      sent.on('error', reject);
      sent.end(payload);
    });
  }

  async function createAndStart(body: unknown): Promise<string> {
    const { Id } = await call('POST', '/containers/create', body);
    made.push(Id);
    await call('POST', `/containers/${Id}/start`);
    return Id;
  }

  /** The pause container shares the host's network: making one of its own would cost Docker a third more. */
  async function startPair(): Promise<void> {
    const pause = await createAndStart({
      Image: PAUSE_IMAGE,
      HostConfig: {
        NetworkMode: 'host',
        IpcMode: 'shareable',
        LogConfig: { Type: 'none' },
        CapDrop: ['ALL'],
        SecurityOpt: ['no-new-privileges'],
        ReadonlyRootfs: true,
      },
    });
    const shared = `container:${pause}`;
    await createAndStart({
      Image: IMAGES.busybox,
      Entrypoint: IDLE_COMMAND,
      HostConfig: { NetworkMode: shared, IpcMode: shared, LogConfig: { Type: 'json-file' } },
    });
  }

  return {
    async startPairs(count, { parallel }) {
      const start = performance.now();
      let left = count;
      const worker = async () => {
        while (left-- > 0) await startPair();
      };
      await Promise.all(Array.from({ length: Math.min(parallel, count) }, worker));
      return performance.now() - start;
    },
    async clear() {
      await Promise.all(made.splice(0).map((id) => call('DELETE', `/containers/${id}?force=true&v=true`)));
    },
    close: () => agent.destroy(),
  };
}
