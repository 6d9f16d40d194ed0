import { generateKeyPairSync } from 'node:crypto';
import type { UserInfo } from '#api/admission/request.ts';
import { namespaces, serviceAccounts } from '#api/core/v1.ts';
import type { LogLevel } from '#base/logger.ts';
import type { Client } from '#client/client.ts';
import type { Authorizer } from '#server/apiserver/auth.ts';
import { SERVER_USER, ServerAuthenticator } from '#server/apiserver/authn/authenticator.ts';
import { BootstrapTokens } from '#server/apiserver/authn/bootstrap-tokens.ts';
import { ClientCertificates } from '#server/apiserver/authn/client-certificates.ts';
import { ServiceAccountTokens } from '#server/apiserver/authn/service-account-tokens.ts';
import { ServerAuthorizer } from '#server/apiserver/authz/authorizer.ts';
import { allResources } from '#server/resources/all.ts';
import { startTestServer, type TestServer } from '#test/support/test-server.ts';

const key = { ...generateKeyPairSync('rsa', { modulusLength: 2048 }), keyId: 'test' };

export interface RulesServer extends TestServer {
  readonly authenticator: ServerAuthenticator;
  /** With the server's own name: what its subresources write through. */
  readonly serverClient: Client;
}

/** A real API server with all resources and their rules, real authorization and tokens, and a namespace `dev`. */
export async function startRulesServer({ logLevel = 'silent' }: { logLevel?: LogLevel } = {}): Promise<RulesServer> {
  const parts: { server?: TestServer; authorizer?: ServerAuthorizer; tokens?: ServiceAccountTokens } = {};
  const server = () => {
    if (parts.server === undefined) throw new Error('The server is not there yet');
    return parts.server;
  };
  // Made at the first request: they read the cache of the server they belong to.
  const authorizer = () => (parts.authorizer ??= new ServerAuthorizer(server().apiServer.cache));
  const tokens = () => (parts.tokens ??= new ServiceAccountTokens({ key, cache: server().apiServer.cache }));
  const authenticator = () =>
    new ServerAuthenticator({
      certificates: new ClientCertificates({ authorities: [] }),
      serviceAccounts: tokens(),
      bootstrap: new BootstrapTokens({ cache: server().apiServer.cache, joinSecret: () => 's3cret' }),
    });
  const lazy: Authorizer = {
    authorize: (user, attributes) => authorizer().authorize(user, attributes),
    rulesFor: (user, namespace) => authorizer().rulesFor(user, namespace),
  };
  const definitions = allResources({
    serviceCidr: '10.43.0.0/16',
    nodePorts: [30_000, 32_767],
    authorizer,
    authenticator,
    tokens,
    client: () => server().clientAs(SERVER_USER),
  });
  parts.server = await startTestServer({ definitions, authorizer: lazy, logLevel });
  const { client } = parts.server;
  await client.create(namespaces, { metadata: { name: 'dev' }, spec: {} });
  await client.create(serviceAccounts, { metadata: { namespace: 'dev', name: 'robot' } });
  return { ...parts.server, authenticator: authenticator(), serverClient: parts.server.clientAs(SERVER_USER) };
}

export const jane: UserInfo = { username: 'jane', groups: ['system:authenticated'] };
