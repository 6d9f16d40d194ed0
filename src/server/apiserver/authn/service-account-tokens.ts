import { type KeyObject, randomUUID } from 'node:crypto';
import type { UserInfo } from '#api/admission/request.ts';
import { nodes, pods, secrets, serviceAccounts } from '#api/core/v1.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Cache } from '#client/cache.ts';
import { type Claims, type ParsedJwt, parseJwt, signJwt, verifyJwt } from './jwt.ts';

/** The issuer every cluster of this domain has, and the audience of tokens for the API itself. */
export const DEFAULT_ISSUER = 'https://kubernetes.default.svc.cluster.local';

const LEGACY_ISSUER = 'kubernetes/serviceaccount';
const LEGACY_CLAIM = 'kubernetes.io/serviceaccount/';
const EXTRA = 'authentication.kubernetes.io/';
const LEEWAY_SECONDS = 60;
/** Verified tokens remembered, so that a signature is checked once and not per request. */
const MAX_REMEMBERED = 4096;

export interface Identified {
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly uid: string;
}

export interface TokenIssue {
  readonly serviceAccount: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  /** The token dies with these. */
  readonly pod?: Identified | undefined;
  readonly node?: Identified | undefined;
  readonly secret?: Identified | undefined;
  /** Kept in the token: after this time its use is logged as stale. */
  readonly warnAfterSeconds?: number | undefined;
}

/** Who showed a token, and for which of the audiences asked about it is good. */
export interface VerifiedToken {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

/** Why a token is not accepted; the text goes into a TokenReview, never to the one who showed it. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}

export interface ServiceAccountTokensOptions {
  readonly key: { readonly privateKey: KeyObject; readonly publicKey: KeyObject; readonly keyId: string };
  readonly cache: Cache;
  readonly issuer?: string;
  /** What tokens for the API itself must be meant for; the first is the default for new ones. */
  readonly apiAudiences?: readonly string[];
  readonly now?: () => number;
}

/** Issues and verifies ServiceAccount tokens. A token is good while its account, and what it is bound to, exist. */
export class ServiceAccountTokens {
  readonly issuer: string;
  readonly apiAudiences: readonly string[];
  readonly #key: ServiceAccountTokensOptions['key'];
  readonly #cache: Cache;
  readonly #now: () => number;
  readonly #remembered = new Map<string, ParsedJwt>();

  constructor({
    key,
    cache,
    issuer = DEFAULT_ISSUER,
    apiAudiences = [issuer],
    now = Date.now,
  }: ServiceAccountTokensOptions) {
    this.#key = key;
    this.#cache = cache;
    this.issuer = issuer;
    this.apiAudiences = apiAudiences;
    this.#now = now;
  }

  /** Signs a token; the caller has checked that what it is bound to exists. */
  async issue(issue: TokenIssue): Promise<{ token: string; expiresAt: Date }> {
    const { serviceAccount, audiences, expirationSeconds, warnAfterSeconds } = issue;
    const now = Math.floor(this.#now() / 1000);
    const { namespace, name, uid } = serviceAccount;
    const token = await signJwt(
      {
        aud: audiences,
        exp: now + expirationSeconds,
        iat: now,
        iss: this.issuer,
        jti: randomUUID(),
        'kubernetes.io': {
          namespace,
          ...boundClaim('node', issue.node),
          ...boundClaim('pod', issue.pod),
          ...boundClaim('secret', issue.secret),
          serviceaccount: { name, uid },
          ...(warnAfterSeconds === undefined ? {} : { warnafter: now + warnAfterSeconds }),
        },
        nbf: now,
        sub: `system:serviceaccount:${namespace}:${name}`,
      },
      this.#key,
    );
    return { token, expiresAt: new Date((now + expirationSeconds) * 1000) };
  }

  /** Signs a token without an end, for a Secret of type kubernetes.io/service-account-token: it dies with the Secret. */
  issueForSecret(serviceAccount: TokenIssue['serviceAccount'], secretName: string): Promise<string> {
    const { namespace, name, uid } = serviceAccount;
    return signJwt(
      {
        iss: LEGACY_ISSUER,
        [`${LEGACY_CLAIM}namespace`]: namespace,
        [`${LEGACY_CLAIM}secret.name`]: secretName,
        [`${LEGACY_CLAIM}service-account.name`]: name,
        [`${LEGACY_CLAIM}service-account.uid`]: uid,
        sub: `system:serviceaccount:${namespace}:${name}`,
      },
      this.#key,
    );
  }

  /** Undefined: not one of ours. Throws `TokenRefused` for one that is ours and not good (any more). */
  verify(token: string, audiences: readonly string[] = this.apiAudiences): VerifiedToken | undefined {
    const parsed = this.#remembered.get(token) ?? parseJwt(token);
    const issuer = parsed?.claims['iss'];
    if (parsed === undefined || (issuer !== this.issuer && issuer !== LEGACY_ISSUER)) return undefined;
    this.#checkSignature(token, parsed);
    return issuer === LEGACY_ISSUER
      ? { user: this.#legacyUser(parsed.claims, token), audiences }
      : this.#boundUser(parsed.claims, audiences);
  }

  /** What `/openid/v1/jwks` serves. */
  keySet(): { keys: readonly object[] } {
    const { n, e } = this.#key.publicKey.export({ format: 'jwk' });
    return { keys: [{ use: 'sig', kty: 'RSA', kid: this.#key.keyId, alg: 'RS256', n, e }] };
  }

  /** What `/.well-known/openid-configuration` serves. */
  discovery(): object {
    return {
      issuer: this.issuer,
      jwks_uri: `${this.issuer}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
    };
  }

  #checkSignature(token: string, parsed: ParsedJwt): void {
    if (this.#remembered.has(token)) return;
    if (!verifyJwt(parsed, this.#key.publicKey)) throw new TokenRefused('invalid signature');
    // A Map iterates in order of insertion, so the first key is the oldest.
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size < MAX_REMEMBERED) break;
      this.#remembered.delete(oldest);
    }
    this.#remembered.set(token, parsed);
  }

  #boundUser(claims: Claims, wanted: readonly string[]): VerifiedToken {
    const now = this.#now() / 1000;
    if (!(numberOf(claims['exp']) + LEEWAY_SECONDS > now)) throw new TokenRefused('service account token has expired');
    if (numberOf(claims['nbf']) - LEEWAY_SECONDS > now)
      throw new TokenRefused('service account token is not valid yet');
    const meant = [claims['aud']].flat();
    const audiences = wanted.filter((audience) => meant.includes(audience));
    if (audiences.length === 0)
      throw new TokenRefused(
        `token audiences ${JSON.stringify(meant)} is invalid for the target audiences ${JSON.stringify(wanted)}`,
      );
    const bound = objectOf(claims['kubernetes.io']);
    const namespace = String(bound['namespace']);
    const account = this.#mustExist(serviceAccounts, namespace, bound['serviceaccount'], 'service account');
    const pod = this.#existing(pods, namespace, bound['pod'], 'pod');
    this.#existing(secrets, namespace, bound['secret'], 'secret');
    const node = this.#existing(nodes, undefined, bound['node'], 'node');
    const extra: Record<string, readonly string[]> = { [`${EXTRA}credential-id`]: [`JTI=${String(claims['jti'])}`] };
    if (pod !== undefined) Object.assign(extra, { [`${EXTRA}pod-name`]: [pod.name], [`${EXTRA}pod-uid`]: [pod.uid] });
    if (node !== undefined)
      Object.assign(extra, { [`${EXTRA}node-name`]: [node.name], [`${EXTRA}node-uid`]: [node.uid] });
    return { user: serviceAccountUser(namespace, account, extra), audiences };
  }

  #legacyUser(claims: Claims, token: string): UserInfo {
    const namespace = String(claims[`${LEGACY_CLAIM}namespace`]);
    const name = String(claims[`${LEGACY_CLAIM}service-account.name`]);
    const uid = String(claims[`${LEGACY_CLAIM}service-account.uid`]);
    const secret = this.#cache.get(secrets, { namespace, name: String(claims[`${LEGACY_CLAIM}secret.name`]) });
    const stored = secret?.data?.['token'];
    if (secret?.metadata.deletionTimestamp !== undefined || stored !== Buffer.from(token).toString('base64')) {
      throw new TokenRefused('service account token has been invalidated');
    }
    return serviceAccountUser(namespace, this.#mustExist(serviceAccounts, namespace, { name, uid }, 'service account'));
  }

  #existing(ref: ResourceRef, namespace: string | undefined, claim: unknown, what: string): Identified | undefined {
    return claim === undefined ? undefined : this.#mustExist(ref, namespace, claim, what);
  }

  #mustExist(ref: ResourceRef, namespace: string | undefined, claim: unknown, what: string): Identified {
    const { name, uid } = objectOf(claim);
    const found = this.#cache.get(ref, { namespace, name: String(name) });
    if (found === undefined || found.metadata.uid !== uid || endedLongAgo(found, this.#now())) {
      throw new TokenRefused(`${what} ${String(name)} of the token does not exist any more`);
    }
    return { name: String(name), uid: String(uid) };
  }
}

/** The user a ServiceAccount is. */
export function serviceAccountUser(namespace: string, { name, uid }: Identified, extra?: UserInfo['extra']): UserInfo {
  return {
    username: `system:serviceaccount:${namespace}:${name}`,
    uid,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    ...(extra === undefined ? {} : { extra }),
  };
}

/** Objects that end keep their tokens for the time the end takes, and a minute beyond. */
function endedLongAgo({ metadata: { deletionTimestamp } }: ApiObject, now: number): boolean {
  return deletionTimestamp !== undefined && Date.parse(deletionTimestamp) + LEEWAY_SECONDS * 1000 < now;
}

function boundClaim(kind: string, object: Identified | undefined): Record<string, unknown> {
  return object === undefined ? {} : { [kind]: { name: object.name, uid: object.uid } };
}

function objectOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function numberOf(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
