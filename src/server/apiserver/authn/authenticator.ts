import type { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { UserInfo } from '#api/admission/request.ts';
import type { TokenReview } from '#api/authentication/v1.ts';
import { unauthorized } from '#api/meta/errors.ts';
import type { Authenticator } from '../auth.ts';
import type { BootstrapTokens } from './bootstrap-tokens.ts';
import type { ClientCertificates } from './client-certificates.ts';
import { type ServiceAccountTokens, TokenRefused, type VerifiedToken } from './service-account-tokens.ts';

/** Who everybody is that shows no credentials. */
export const ANONYMOUS: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] };

/** Who the server is to itself: it may do everything, and only its own writes bear this name. */
export const SERVER_USER: UserInfo = {
  username: 'system:apiserver',
  groups: ['system:masters', 'system:authenticated'],
};

export interface ServerAuthenticatorOptions {
  readonly certificates: ClientCertificates;
  readonly serviceAccounts: ServiceAccountTokens;
  readonly bootstrap: BootstrapTokens;
  /** False: requests without credentials are refused. */
  readonly anonymous?: boolean;
}

/** The server's ways of knowing who asks: client certificate, then bearer token, then nobody. */
export class ServerAuthenticator implements Authenticator {
  readonly #options: ServerAuthenticatorOptions;

  constructor(options: ServerAuthenticatorOptions) {
    this.#options = options;
  }

  async authenticate({
    headers,
    certificate,
  }: {
    headers: IncomingHttpHeaders;
    certificate: X509Certificate | undefined;
  }): Promise<UserInfo | undefined> {
    const { certificates, anonymous = true } = this.#options;
    const byCertificate = certificate === undefined ? undefined : certificates.verify(certificate);
    if (byCertificate !== undefined) return byCertificate;
    const token = bearerToken(headers);
    if (token === undefined && certificate === undefined) return anonymous ? ANONYMOUS : undefined;
    const verified = token === undefined ? undefined : this.#verifyQuietly(token);
    if (verified === undefined) throw unauthorized();
    return verified.user;
  }

  /** Answers a TokenReview: the same object with its status. */
  review(review: TokenReview): TokenReview {
    const { token = '', audiences } = review.spec;
    const wanted =
      audiences === undefined || audiences.length === 0 ? this.#options.serviceAccounts.apiAudiences : audiences;
    try {
      const verified = this.#verify(token, wanted);
      if (verified === undefined) return { ...review, status: { authenticated: false, user: {} } };
      const { username, uid, groups, extra } = verified.user;
      const user = {
        username,
        ...(uid !== undefined && { uid }),
        groups: [...groups],
        ...(extra && { extra: mutable(extra) }),
      };
      return { ...review, status: { authenticated: true, user, audiences: [...verified.audiences] } };
    } catch (error) {
      if (!(error instanceof TokenRefused)) throw error;
      return {
        ...review,
        status: { authenticated: false, user: {}, error: `[invalid bearer token, ${error.message}]` },
      };
    }
  }

  #verifyQuietly(token: string): VerifiedToken | undefined {
    try {
      return this.#verify(token, this.#options.serviceAccounts.apiAudiences);
    } catch (error) {
      // What exactly is wrong is nothing a stranger needs to know.
      if (error instanceof TokenRefused) return undefined;
      throw error;
    }
  }

  #verify(token: string, audiences: readonly string[]): VerifiedToken | undefined {
    const { serviceAccounts, bootstrap } = this.#options;
    const bySecret = bootstrap.verify(token);
    if (bySecret !== undefined) return { user: bySecret, audiences };
    return serviceAccounts.verify(token, audiences);
  }
}

/** The bearer token of a request; WebSocket clients of browsers hide it in a subprotocol. */
export function bearerToken({
  authorization,
  'sec-websocket-protocol': protocols,
}: IncomingHttpHeaders): string | undefined {
  const [, token] = /^bearer +(\S+) *$/i.exec(authorization ?? '') ?? [];
  if (token !== undefined) return token;
  const prefix = 'base64url.bearer.authorization.k8s.io.';
  const hidden = protocols?.split(',').find((protocol) => protocol.trim().startsWith(prefix));
  return hidden === undefined ? undefined : Buffer.from(hidden.trim().slice(prefix.length), 'base64url').toString();
}

function mutable(extra: NonNullable<UserInfo['extra']>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
}
