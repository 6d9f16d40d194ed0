import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Admission, UserInfo } from '#api/admission/request.ts';
import { builtinResources } from '#api/catalogue.ts';
import { BuiltinSchemas } from '#api/schema/registry.ts';
import { createLogger, type LogLevel } from '#base/logger.ts';
import { Client } from '#client/client.ts';
import type { KvStore } from '#kvstore/kvstore.ts';
import { SqliteKvStore } from '#kvstore/sqlite/sqlite-kvstore.ts';
import { ApiServer } from '#server/apiserver/api-server.ts';
import type { Authorizer } from '#server/apiserver/auth.ts';
import { ANONYMOUS } from '#server/apiserver/authn/authenticator.ts';
import { ClientCertificates } from '#server/apiserver/authn/client-certificates.ts';
import type { NodeDialer } from '#server/apiserver/node-proxy/node-dialer.ts';
import { defineResource, type ResourceDefinition } from '#server/apiserver/resource.ts';
import { createAuthority, issueKeyCertificate, type KeyCertificate } from '#server/pki/certificate.ts';
import { kubeconfigText } from '#server/pki/kubeconfig.ts';

export interface TestServerOptions {
  /** All built-in resources with their usual behaviour if absent. */
  readonly definitions?: readonly ResourceDefinition[];
  /** Everything is allowed if absent. */
  readonly authorizer?: Authorizer;
  readonly admission?: Admission;
  readonly nodeDialer?: NodeDialer;
  /** Gets a started store in place of SQLite in the temporary folder. */
  readonly store?: KvStore;
  readonly dataDir?: string;
  readonly port?: number;
  readonly logLevel?: LogLevel;
}

export interface TestServer extends AsyncDisposable {
  readonly apiServer: ApiServer;
  /** In process, as system:masters. */
  readonly client: Client;
  readonly store: KvStore;
  readonly url: string;
  readonly ca: string;
  /** Of the user `admin` in the group system:masters. */
  readonly adminCertificate: KeyCertificate;
  readonly kubeconfig: string;
  readonly dataDir: string;
  clientAs(user: UserInfo): Client;
  stop(): Promise<void>;
}

const DAY_MS = 24 * 3600 * 1000;
const ADMIN: UserInfo = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

/** Lets everybody do everything. */
export const ALLOW_ALL: Authorizer = {
  authorize: () => ({ allowed: true, reason: '' }),
  rulesFor: () => ({ resourceRules: [], nonResourceRules: [], incomplete: false }),
};

/** Every built-in resource as the catalogue has it, with no rules of its own. */
export function plainDefinitions(): ResourceDefinition[] {
  return builtinResources.map(({ ref }) => defineResource(ref));
}

/** A real API server on a free port with its data in a temporary folder; stop it, or let `await using` do so. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const ownDir = options.dataDir === undefined;
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'skiff-test-')));
  const log = createLogger({ level: options.logLevel ?? 'silent' });
  const signal = AbortSignal.timeout(30_000);
  const store = options.store ?? new SqliteKvStore({ path: join(dataDir, 'state.db'), log });
  if (options.store === undefined) await store.start(signal);
  const authority = await createAuthority('test-ca', { lifetimeMs: DAY_MS });
  const names = { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1', '::1'] };
  const tls = await issueKeyCertificate(authority, {
    subject: { commonName: 'apiserver', organizations: [] },
    usages: ['digital signature', 'server auth'],
    names,
    lifetimeMs: DAY_MS,
  });
  const adminCertificate = await issueKeyCertificate(authority, {
    subject: { commonName: ADMIN.username, organizations: ['system:masters'] },
    usages: ['digital signature', 'client auth'],
    lifetimeMs: DAY_MS,
  });
  const certificates = new ClientCertificates({ authorities: [authority.certificate] });
  const apiServer = new ApiServer({
    store,
    definitions: options.definitions ?? plainDefinitions(),
    schemas: new BuiltinSchemas(),
    tls: { ...tls, clientCa: authority.cert },
    listen: { host: '127.0.0.1', port: options.port ?? 0 },
    authenticators: [
      {
        authenticate: async ({ certificate }) =>
          certificate === undefined ? ANONYMOUS : certificates.verify(certificate),
      },
    ],
    authorizer: options.authorizer ?? ALLOW_ALL,
    log,
    version: '0.0.0-test',
    ...(options.nodeDialer && { nodeDialer: options.nodeDialer }),
  });
  if (options.admission !== undefined) apiServer.admission = options.admission;
  await apiServer.start(signal);
  const url = `https://127.0.0.1:${apiServer.port}`;
  const kubeconfig = join(dataDir, 'kubeconfig.yaml');
  await writeFile(kubeconfig, kubeconfigText({ server: url, authorityCert: authority.cert, client: adminCertificate }));
  const stop = async () => {
    await apiServer.stop();
    await store.stop();
    if (ownDir) await rm(dataDir, { recursive: true, force: true });
  };
  return {
    apiServer,
    client: new Client(apiServer.transportFor(ADMIN)),
    store,
    url,
    ca: authority.cert,
    adminCertificate,
    kubeconfig,
    dataDir,
    clientAs: (user) => new Client(apiServer.transportFor(user)),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
