import type { IncomingMessage } from 'node:http';
import type { Admission, UserInfo } from '#api/admission/request.ts';
import type { GroupVersionKind } from '#api/meta/resource-ref.ts';
import { ProtobufCodec } from '#api/schema/protobuf.ts';
import type { BuiltinSchemas } from '#api/schema/registry.ts';
import type { Schema } from '#api/schema/schema.ts';
import type { Component } from '#base/component.ts';
import { HttpServer, type ServerTls } from '#base/http-server.ts';
import type { Logger } from '#base/logger.ts';
import type { Cache, ResourceCatalogue } from '#client/cache.ts';
import { Client } from '#client/client.ts';
import type { Transport } from '#client/transport.ts';
import type { KvStore } from '#kvstore/kvstore.ts';
import type { Authenticator, Authorizer } from './auth.ts';
import { SERVER_USER } from './authn/authenticator.ts';
import { Discovery } from './discovery/discovery.ts';
import { OpenApiDocuments } from './discovery/openapi-documents.ts';
import type { HealthCheck } from './health.ts';
import { ApiHandler } from './http/api-handler.ts';
import type { IssuerDocuments } from './http/non-resource.ts';
import { InProcessTransport } from './in-process-transport.ts';
import { Metrics } from './metrics.ts';
import type { NodeDialer } from './node-proxy/node-dialer.ts';
import { NodeProxy } from './node-proxy/node-proxy.ts';
import type { ResourceDefinition } from './resource.ts';
import { addServerGauges } from './server-gauges.ts';
import { ClusterState } from './state/cluster-state.ts';
import { Compactor } from './state/compactor.ts';
import { ServedResources } from './state/served.ts';
import { StateCache } from './state/state-cache.ts';
import type { VerbDeps } from './verbs/call.ts';
import { versionInfo } from './version.ts';
import { TimerWheel } from './watch/timer-wheel.ts';

export interface ApiServerOptions {
  /** Must be started before the API server and stopped after it. */
  readonly store: KvStore;
  readonly definitions: readonly ResourceDefinition[];
  readonly schemas: BuiltinSchemas;
  readonly tls: ServerTls;
  /** Port 0 takes a free one. */
  readonly listen: { readonly host: string; readonly port: number };
  /** Asked in order. Nobody of them knowing the sender is a 401. */
  readonly authenticators: readonly Authenticator[];
  readonly authorizer: Authorizer;
  readonly log: Logger;
  /** Of skiff: becomes part of `gitVersion`. */
  readonly version: string;
  /** `host:port` under which clients reach the server, for discovery. */
  readonly advertise?: string;
  readonly nodeDialer?: NodeDialer;
  /** Further checks behind `/readyz`. */
  readonly checks?: readonly HealthCheck[];
  readonly issuer?: () => IssuerDocuments;
}

const NO_ADMISSION: Admission = { mutate: async () => {}, validate: async () => {} };

/**
 * The Kubernetes API over resource definitions: HTTPS for everybody, the same verbs in process for the server's own parts,
 * and the one copy of the cluster's state as a cache.
 */
export class ApiServer implements Component {
  readonly name = 'apiserver';
  readonly cache: Cache;
  readonly metrics = new Metrics();
  readonly #options: ApiServerOptions;
  readonly #state: ClusterState;
  readonly #served: ServedResources;
  readonly #wheel = new TimerWheel();
  readonly #compactor: Compactor;
  readonly #verbs: VerbDeps;
  readonly #handler: ApiHandler;
  readonly #http: HttpServer;
  readonly #loaded = Promise.withResolvers<void>();
  readonly #removals = new Map<ResourceDefinition, () => void>();
  #admission = NO_ADMISSION;
  #isServing = false;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    const { store, log, schemas } = options;
    this.#state = new ClusterState({ store, log });
    this.#served = new ServedResources(this.#state);
    this.cache = new StateCache(this.#served, this.#loaded.promise);
    this.#compactor = new Compactor({ store, log, revision: () => this.#state.revision });
    this.#verbs = {
      state: this.#state,
      served: this.#served,
      schemas,
      cache: this.cache,
      log,
      admission: () => this.#admission,
      loopback: () => new Client(this.transportFor(SERVER_USER)),
      kindSchema: (gvk) => kindSchema(schemas, gvk),
    };
    this.#handler = this.#buildHandler();
    this.#http = new HttpServer({
      name: 'https',
      log,
      listen: options.listen,
      tls: options.tls,
      handler: (request, response) => this.#handler.handle(request, response, this.#certificateOf(request)),
      upgrade: (request, socket, head) =>
        this.#handler.upgrade(request, { socket, head, certificate: this.#certificateOf(request) }),
    });
    addServerGauges(this.metrics, {
      watches: () => this.#handler.watchCount,
      resources: () => this.#state.resources,
      revision: () => this.#state.revision,
    });
  }

  /** Which kinds are served right now. */
  get catalogue(): ResourceCatalogue {
    return this.#served;
  }

  /** The port of the API; 0 while it is not served. */
  get port(): number {
    return this.#http.port;
  }

  /** The chain every write passes. Until it is set, everything is admitted. */
  set admission(admission: Admission) {
    this.#admission = admission;
  }

  /** Loads the state and serves it in process and over HTTPS. */
  async start(signal: AbortSignal): Promise<void> {
    await this.load(signal);
    await this.#http.start(signal);
    this.#isServing = true;
  }

  /** Loads the state: cache and in-process access work, nothing listens yet. Called once, by `start` or before it. */
  async load(signal: AbortSignal): Promise<void> {
    if (this.#served.all.length > 0) return;
    const { definitions } = this.#options;
    const stored = definitions
      .filter(({ answer }) => answer === undefined)
      .map(({ ref, storedAs }) => storedAs?.ref ?? ref);
    await this.#state.start(stored, signal);
    this.#served.addLoaded(definitions);
    for (const definition of definitions) this.#watchRemovals(definition);
    this.#state.onRevision(() => this.#compactor.touch());
    this.#loaded.resolve();
  }

  async stop(): Promise<void> {
    this.#isServing = false;
    this.#compactor.stop();
    this.#handler.endWatches();
    await this.#http.stop();
    this.#state.stop();
  }

  /** The API for a part of this process, acting as that user. */
  transportFor(user: UserInfo, userAgent = 'skiff'): Transport {
    return new InProcessTransport({
      verbs: this.#verbs,
      authorizer: this.#options.authorizer,
      wheel: this.#wheel,
      user,
      userAgent,
    });
  }

  /** Serves a further resource, or one with a changed definition, without a restart. */
  async addDefinition(definition: ResourceDefinition): Promise<void> {
    await this.#served.add(definition);
    this.#watchRemovals(definition);
  }

  /** Ends to serve a resource; its watches end, what is stored stays. */
  removeDefinition(definition: ResourceDefinition): void {
    this.#removals.get(definition)?.();
    this.#removals.delete(definition);
    this.#served.remove(definition.ref);
  }

  /** Uses other certificates for new connections. */
  reloadTls(tls: ServerTls): void {
    this.#http.reload(tls);
  }

  #buildHandler(): ApiHandler {
    const { log, schemas, authenticators, authorizer, version, issuer, checks = [] } = this.#options;
    const codec = new ProtobufCodec(schemas);
    const { gitVersion } = versionInfo(version);
    const discovery = new Discovery(this.#served, () => this.#options.advertise ?? `127.0.0.1:${this.port}`);
    const openApi = new OpenApiDocuments({ discovery, served: this.#served, schemas, version: gitVersion });
    const own: HealthCheck[] = [
      { name: 'ping', check: () => undefined },
      { name: 'etcd', check: () => (this.#served.all.length > 0 ? this.#state.writeError : 'the state is not loaded') },
      { name: 'shutdown', check: () => (this.#isServing ? undefined : 'the server is stopping') },
    ];
    return new ApiHandler({
      verbs: this.#verbs,
      authenticators,
      authorizer,
      admission: () => this.#admission,
      codec,
      wheel: this.#wheel,
      metrics: this.metrics,
      nodeProxy: new NodeProxy({ cache: this.cache, dialer: this.#options.nodeDialer }),
      nonResource: {
        discovery,
        openApi,
        metrics: this.metrics,
        checks: [...own, ...checks],
        version: versionInfo(version),
        issuer,
        log,
      },
      log,
    });
  }

  /** However an object goes - deleted, expired, its last finalizer gone - its definition is told. */
  #watchRemovals(definition: ResourceDefinition): void {
    const { afterDelete } = definition;
    const state = this.#served.get(definition.ref)?.state;
    if (afterDelete === undefined || state === undefined) return;
    const stop = state.listen((events) => {
      for (const { type, entry } of events) if (type === 'DELETED') afterDelete(entry.object);
    });
    this.#removals.set(definition, stop);
  }

  #certificateOf(request: IncomingMessage) {
    return this.#http.clientCertificate(request);
  }
}

function kindSchema(schemas: BuiltinSchemas, gvk: GroupVersionKind): Schema {
  const type = schemas.getKind(gvk);
  return type === undefined ? { type: 'any' } : { type: 'ref', name: type.name };
}
