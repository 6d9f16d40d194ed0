import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { UserInfo } from '#api/admission/request.ts';
import { type Event, events, namespaces, serviceAccounts } from '#api/core/v1.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { Lifecycle } from '#base/component.ts';
import { createLogger } from '#base/logger.ts';
import { parseOptions } from '#base/options.ts';
import type { Cache } from '#client/cache.ts';
import type { Client } from '#client/client.ts';
import { serverConfig, serverOptions } from '#server/config.ts';
import { createServer, type Server } from '#server/server.ts';
import { eventually } from './eventually.ts';
import { HollowNode, type HollowNodeOptions } from './hollow-node.ts';

export interface TestClusterOptions {
  /** Kept after the stop if given. */
  readonly dataDir?: string;
  readonly port?: number;
  /** Names of hollow nodes to start with. */
  readonly nodes?: readonly string[];
  readonly now?: () => number;
}

export type NodeOptions = Partial<Pick<HollowNodeOptions, 'labels' | 'allocatable'>>;

const ADMIN: UserInfo = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

/** One log line. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

const WARN = 40;

/** The whole server role, with every controller under its own identity, and nodes without machines. */
export class TestCluster implements AsyncDisposable {
  readonly server: Server;
  readonly client: Client;
  readonly cache: Cache;
  readonly dataDir: string;
  readonly log: readonly LogLine[];
  readonly nodes = new Map<string, HollowNode>();
  readonly #lifecycle: Lifecycle;
  readonly #options: TestClusterOptions;
  #namespaces = 0;

  private constructor(server: Server, dataDir: string, log: readonly LogLine[], options: TestClusterOptions) {
    this.server = server;
    this.dataDir = dataDir;
    this.log = log;
    this.#options = options;
    this.client = server.clientAs(ADMIN);
    this.cache = server.apiServer.cache;
    this.#lifecycle = new Lifecycle(server.components);
  }

  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'skiff-cluster-')));
    const lines: LogLine[] = [];
    const destination = { write: (line: string) => void lines.push(JSON.parse(line)) };
    const problems: string[] = [];
    const args = ['--data-dir', dataDir, '--bind-address', '127.0.0.1', '--advertise-address', '192.0.2.1'];
    const port = ['--https-listen-port', String(options.port ?? 0)];
    const config = serverConfig(parseOptions(serverOptions, { argv: [...args, ...port] }).values, problems);
    if (problems.length > 0) throw new Error(problems.join('\n'));
    const server = await createServer({
      config,
      nodeIp: '192.0.2.1',
      version: '0.0.0-test',
      assets: { storeWorker: undefined, sqliteAddon: undefined },
      log: createLogger({ level: 'debug', destination }),
      ...(options.now && { now: options.now }),
    });
    const cluster = new TestCluster(server, dataDir, lines, options);
    await cluster.#lifecycle.start(AbortSignal.timeout(30_000));
    for (const name of options.nodes ?? []) await cluster.addNode(name);
    return cluster;
  }

  get url(): string {
    return `https://127.0.0.1:${this.server.apiServer.port}`;
  }

  /** A hollow node that is Ready, has its pod addresses, and takes pods. */
  async addNode(name: string, options: NodeOptions = {}): Promise<HollowNode> {
    const number = this.nodes.size + 1;
    const node = new HollowNode({
      client: this.server.clientAs({
        username: `system:node:${name}`,
        groups: ['system:nodes', 'system:authenticated'],
      }),
      cache: this.cache,
      name,
      address: `192.0.2.${10 + number}`,
      podPrefix: `10.42.${100 + number}`,
      now: this.#options.now ?? Date.now,
      ...options,
    });
    this.nodes.set(name, node);
    await node.start();
    return node;
  }

  /** A fresh namespace that is ready for pods. */
  async namespace(): Promise<string> {
    const name = `test-${++this.#namespaces}`;
    await this.client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} });
    await eventually(() => this.client.get(serviceAccounts, { namespace: name, name: 'default' }), { everyMs: 5 });
    return name;
  }

  /** `Reason: message` of the events about an object, oldest first. */
  async events(about: ApiObject): Promise<string[]> {
    const { items } = await this.client.list(events, {
      namespace: about.metadata.namespace ?? 'default',
      fieldSelector: `involvedObject.uid=${about.metadata.uid}`,
    });
    const order = ({ firstTimestamp, metadata }: Event) => `${firstTimestamp} ${metadata.resourceVersion?.padStart(9)}`;
    return [...items]
      .sort((a, b) => (order(a) < order(b) ? -1 : 1))
      .map(({ reason, message }) => `${reason}: ${message}`);
  }

  /** Warnings, and what a part of the server was not allowed to do: none in a healthy cluster. */
  complaints(): string[] {
    return this.log
      .filter((line) => line.level >= WARN || isRefusal(line))
      .map((line) => JSON.stringify(line))
      .filter((text) => !/is being terminated|exceeded quota/.test(text));
  }

  async stop(): Promise<void> {
    for (const node of this.nodes.values()) await node.silence();
    await this.#lifecycle.stop();
    if (this.#options.dataDir === undefined) await rm(this.dataDir, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** What a controller may not do is a bug of ours, even where it is logged as a detail only. */
function isRefusal(line: LogLine): boolean {
  return / is forbidden: User |cannot (get|list|watch|create|update|patch|delete|deletecollection) resource/.test(
    JSON.stringify(line),
  );
}
