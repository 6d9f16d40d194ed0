import { connect } from 'node:http2';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { UserInfo } from '#api/admission/request.ts';
import { BuiltinSchemas } from '#api/schema/registry.ts';
import type { Component } from '#base/component.ts';
import { ipv4ToText, parseIpv4Range } from '#base/ipv4.ts';
import type { Logger } from '#base/logger.ts';
import type { Cache } from '#client/cache.ts';
import { Client } from '#client/client.ts';
import { EventRecorder } from '#client/events.ts';
import { SqliteKvStore } from '#kvstore/sqlite/sqlite-kvstore.ts';
import { allPlugins } from './admission/all.ts';
import { admissionChain } from './admission/chain.ts';
import { ApiServer } from './apiserver/api-server.ts';
import type { Authorizer } from './apiserver/auth.ts';
import { SERVER_USER, ServerAuthenticator } from './apiserver/authn/authenticator.ts';
import { BootstrapTokens } from './apiserver/authn/bootstrap-tokens.ts';
import { ClientCertificates } from './apiserver/authn/client-certificates.ts';
import { ServiceAccountTokens } from './apiserver/authn/service-account-tokens.ts';
import { ServerAuthorizer } from './apiserver/authz/authorizer.ts';
import { Bootstrap } from './bootstrap/bootstrap.ts';
import type { BootstrapFacts } from './bootstrap/objects.ts';
import type { ServerConfig } from './config.ts';
import { allControllers } from './controllers/all.ts';
import type { ClusterFacts, ControllerDeps } from './controllers/controller.ts';
import { GarbageCollector } from './controllers/garbage-collector.ts';
import { ControllerManager } from './controllers/manager.ts';
import { nodeDialer } from './node-dialer.ts';
import { issueKeyCertificate } from './pki/certificate.ts';
import { writeKubeconfig } from './pki/kubeconfig.ts';
import { openPki, type Pki } from './pki/pki.ts';
import { ServerCertificate, serverNames } from './pki/server-certificate.ts';
import { signRequest } from './pki/sign-request.ts';
import { allResources } from './resources/all.ts';
import { Scheduler } from './scheduler/scheduler.ts';

export interface ServerOptions {
  readonly config: ServerConfig;
  /** Address that others reach this machine by. */
  readonly nodeIp: string;
  /** Name of the node on this machine, if it runs one. */
  readonly nodeName?: string | undefined;
  readonly version: string;
  readonly assets: ServerAssets;
  readonly log: Logger;
  /** The clock that controllers go by; given so that tests can turn it. */
  readonly now?: () => number;
}

export interface ServerAssets {
  /** Program of the database's thread and path of its addon, where they are no files of a package. */
  readonly storeWorker: string | undefined;
  readonly sqliteAddon: string | undefined;
}

/** A server with its parts in start order, and what the command that runs it needs of them. */
export interface Server {
  readonly components: readonly Component[];
  readonly pki: Pki;
  readonly apiServer: ApiServer;
  /** Speaks as that user, in process. */
  clientAs(user: UserInfo): Client;
  /** Once the server has started: the administrator's kubeconfig, as configured. */
  writeKubeconfig(): Promise<void>;
  /** What the node on this machine serves its own API with. */
  nodeTls(node: { nodeName: string; nodeIp: string }): Promise<NodeTls>;
  /** Asks the started server's own port for these paths, as a client would. */
  probe(paths: readonly string[]): Promise<void>;
}

export interface NodeTls {
  readonly cert: string;
  readonly key: string;
  /** PEM of the authority of those who may ask. */
  readonly clientCa: string;
}

/** Opens the data folder and builds the server's components. Nothing runs until a Lifecycle starts them. */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { config, log } = options;
  const part = (component: string) => log.child({ component });
  const pki = await openPki({ dataDir: config.dataDir, token: config.token });
  const store = new SqliteKvStore({
    path: join(config.dataDir, 'server', 'db', 'state.db'),
    log: part('kvstore'),
    ...(options.assets.storeWorker !== undefined && { workerSource: options.assets.storeWorker }),
    ...(options.assets.sqliteAddon !== undefined && { nativeBinding: options.assets.sqliteAddon }),
  });
  const serviceAddress = ipv4ToText(parseIpv4Range(config.serviceCidr).base + 1);
  const names = () =>
    serverNames({
      serviceAddress,
      clusterDomain: config.clusterDomain,
      hostname: hostname(),
      extra: [options.nodeIp, ...config.tlsSans],
    });
  const certificate = new ServerCertificate({
    folder: pki.folder,
    authority: pki.clusterAuthority,
    names,
    log: part('pki'),
  });
  await certificate.check();
  const apiServer = apiServerOf({ ...options, pki, store, certificate });
  const clientAs = (user: UserInfo) => new Client(apiServer.transportFor(user));
  const bootstrap = new Bootstrap({
    client: clientAs(SERVER_USER),
    cache: apiServer.cache,
    facts: () => bootstrapFacts({ config, pki, serviceAddress, apiPort: apiServer.port }),
    apiAddresses: () => [config.advertiseAddress ?? options.nodeIp],
    log: part('bootstrap'),
  });
  return {
    components: [store, certificate, apiServer, bootstrap, ...controlLoops({ ...options, pki, apiServer })],
    pki,
    apiServer,
    clientAs,
    async writeKubeconfig() {
      const { path, mode } = config.kubeconfig;
      const server = `https://127.0.0.1:${apiServer.port}`;
      await writeKubeconfig(path, { server, authorityCert: pki.clusterAuthority.cert, client: pki.adminClient, mode });
    },
    async nodeTls({ nodeName, nodeIp }) {
      const pair = await issueKeyCertificate(pki.clusterAuthority, {
        subject: { commonName: `system:node:${nodeName}`, organizations: ['system:nodes'] },
        usages: ['digital signature', 'key encipherment', 'server auth'],
        names: { dnsNames: [nodeName], ipAddresses: [nodeIp, '127.0.0.1'] },
        lifetimeMs: NODE_CERTIFICATE_LIFETIME_MS,
      });
      return { ...pair, clientCa: pki.clusterAuthority.cert };
    },
    async probe(paths) {
      const { cert, key } = pki.adminClient;
      const session = connect(`https://127.0.0.1:${apiServer.port}`, { ca: pki.clusterAuthority.cert, cert, key });
      try {
        for (const path of paths) await text(session.request({ ':path': path }));
      } finally {
        session.close();
      }
    },
  };
}

/** Issued anew at every start of the server. */
const NODE_CERTIFICATE_LIFETIME_MS = 5 * 365 * 24 * 3_600_000;

interface ApiServerParts extends ServerOptions {
  readonly pki: Pki;
  readonly store: SqliteKvStore;
  readonly certificate: ServerCertificate;
}

function apiServerOf({ config, nodeIp, pki, store, certificate, version, log }: ApiServerParts): ApiServer {
  // Who may ask for what is decided on the API server's own cache, so these two exist only after it.
  const security = once(() => securityOf({ config, pki, cache: apiServer.cache }));
  const serverClient = once(() => new Client(apiServer.transportFor(SERVER_USER)));
  const authorizer: Authorizer = {
    authorize: (user, attributes) => security().authorizer.authorize(user, attributes),
    rulesFor: (user, namespace) => security().authorizer.rulesFor(user, namespace),
  };
  const tls = () => ({
    // The authority goes along, so that a joining node can compare it with its token.
    cert: `${certificate.current.cert.trimEnd()}\n${pki.clusterAuthority.cert}`,
    key: certificate.current.key,
    clientCa: pki.clusterAuthority.cert,
  });
  const apiServer: ApiServer = new ApiServer({
    store,
    definitions: allResources({
      client: serverClient,
      authenticator: () => security().authenticator,
      authorizer: () => security().authorizer,
      tokens: () => security().tokens,
      serviceCidr: config.serviceCidr,
      nodePorts: [config.nodePorts.from, config.nodePorts.to],
    }),
    schemas: new BuiltinSchemas(),
    tls: tls(),
    listen: { host: config.bindAddress, port: config.port },
    authenticators: [{ authenticate: (request) => security().authenticator.authenticate(request) }],
    authorizer,
    log: log.child({ component: 'apiserver' }),
    version,
    advertise: `${config.advertiseAddress ?? nodeIp}:${config.port}`,
    nodeDialer: {
      connect: (nodeName) => security().dialer.connect(nodeName),
    },
    issuer: () => security().issuer,
  });
  certificate.onReload(() => apiServer.reloadTls(tls()));
  const mayDo = async (...request: Parameters<Authorizer['authorize']>) =>
    (await authorizer.authorize(...request)).allowed;
  const plugins = allPlugins.map((create) =>
    create({ cache: apiServer.cache, client: serverClient(), mayDo, now: Date.now }),
  );
  apiServer.admission = admissionChain(plugins);
  return apiServer;
}

function securityOf({ config, pki, cache }: { config: ServerConfig; pki: Pki; cache: Cache }) {
  const issuer = `https://kubernetes.default.svc.${config.clusterDomain}`;
  const tokens = new ServiceAccountTokens({ key: pki.serviceAccountKey, cache, issuer });
  const authenticator = new ServerAuthenticator({
    certificates: new ClientCertificates({ authorities: [pki.clusterAuthority.certificate] }),
    serviceAccounts: tokens,
    bootstrap: new BootstrapTokens({ cache, joinSecret: () => pki.joinSecret }),
  });
  const dialer = nodeDialer({ cache, client: pki.kubeletClient, authority: pki.clusterAuthority.cert });
  return {
    tokens,
    authenticator,
    authorizer: new ServerAuthorizer(cache),
    dialer,
    issuer: { configuration: tokens.discovery(), jwks: tokens.keySet() },
  };
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

function bootstrapFacts({
  config,
  pki,
  serviceAddress,
  apiPort,
}: {
  config: ServerConfig;
  pki: Pki;
  serviceAddress: string;
  apiPort: number;
}): BootstrapFacts {
  const { clusterCidr, serviceCidr, clusterDns, clusterDomain, disabled } = config;
  return {
    serviceCidr,
    serviceAddress,
    clusterDns,
    apiPort,
    clusterCa: pki.clusterAuthority.cert,
    frontProxyCa: pki.frontProxyAuthority.cert,
    hasDns: !disabled.has('dns'),
    settings: {
      settings: JSON.stringify({ clusterCidr, serviceCidr, clusterDns, clusterDomain, disabled: [...disabled] }),
    },
  };
}

interface LoopParts extends ServerOptions {
  readonly pki: Pki;
  readonly apiServer: ApiServer;
}

/** Controllers and the scheduler, each speaking as the user that upstream gives it. */
function controlLoops({ config, nodeName, pki, apiServer, log, now = Date.now }: LoopParts): Component[] {
  const { cache, catalogue } = apiServer;
  const tokens = new ServiceAccountTokens({ key: pki.serviceAccountKey, cache });
  const cluster: ClusterFacts = {
    clusterCidr: config.clusterCidr,
    controlPlaneNodes: nodeName === undefined ? [] : [nodeName],
    caCertificate: pki.clusterAuthority.cert,
    signer: {
      sign: async ({ pem, usages, expirationSeconds }) =>
        signRequest(pki.clusterAuthority, pem, { usages, expirationSeconds }),
    },
    issueSecretToken: ({ metadata: { namespace = '', name, uid = '' } }, secretName) =>
      tokens.issueForSecret({ namespace, name, uid }, secretName),
  };
  const deps = (name: string): ControllerDeps => {
    const client = new Client(apiServer.transportFor(controllerUser(name)));
    return {
      client,
      cache,
      catalogue,
      cluster,
      events: new EventRecorder({ client, component: name, log: log.child({ component: 'events' }) }),
      now,
    };
  };
  const controllers = allControllers.map(({ name, create }) => create(deps(name)));
  return [
    new ControllerManager({ controllers, cache, log: log.child({ component: 'controllers' }) }),
    new GarbageCollector(deps('generic-garbage-collector'), log.child({ component: 'garbage-collector' })),
    schedulerOf(apiServer, cache, log),
  ];
}

function controllerUser(name: string): UserInfo {
  return {
    username: `system:serviceaccount:kube-system:${name}`,
    groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
  };
}

function schedulerOf(apiServer: ApiServer, cache: Cache, log: Logger): Scheduler {
  const client = new Client(
    apiServer.transportFor({ username: 'system:kube-scheduler', groups: ['system:authenticated'] }),
  );
  const events = new EventRecorder({ client, component: 'default-scheduler', log: log.child({ component: 'events' }) });
  return new Scheduler({ client, cache, events, log: log.child({ component: 'scheduler' }) });
}
