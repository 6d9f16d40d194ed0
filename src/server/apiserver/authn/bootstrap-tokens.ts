import { timingSafeEqual } from 'node:crypto';
import type { UserInfo } from '#api/admission/request.ts';
import { type Secret, secrets } from '#api/core/v1.ts';
import type { Cache } from '#client/cache.ts';

const BOOTSTRAPPERS = 'system:bootstrappers';
const SECRET_TYPE = 'bootstrap.kubernetes.io/token';
const EXTRA_GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

export interface BootstrapTokensOptions {
  readonly cache: Cache;
  /** The secret of the data folder; whoever shows `node:<secret>` may join. */
  readonly joinSecret: () => string;
  readonly now?: () => number;
}

/** Tokens a machine joins with: the one of the data folder, and Secrets of type bootstrap.kubernetes.io/token. */
export class BootstrapTokens {
  readonly #cache: Cache;
  readonly #joinSecret: () => string;
  readonly #now: () => number;

  constructor({ cache, joinSecret, now = Date.now }: BootstrapTokensOptions) {
    this.#cache = cache;
    this.#joinSecret = joinSecret;
    this.#now = now;
  }

  /** Undefined when the token is none of ours, is wrong, or is over. */
  verify(token: string): UserInfo | undefined {
    // A whole join token works as well as its last part: it is what people copy.
    const credential = token.replace(/^K10[0-9a-f]{64}::/, '');
    const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(credential) ?? [];
    if (id !== undefined && secret !== undefined) return this.#verifySecret(id, secret);
    if (!credential.startsWith('node:') || !same(credential.slice(5), this.#joinSecret())) return undefined;
    return bootstrapUser('node', []);
  }

  #verifySecret(id: string, tokenSecret: string): UserInfo | undefined {
    const secret = this.#cache.get(secrets, { namespace: 'kube-system', name: `bootstrap-token-${id}` });
    if (secret?.type !== SECRET_TYPE || secret.metadata.deletionTimestamp !== undefined) return undefined;
    if (field(secret, 'token-id') !== id || !same(tokenSecret, field(secret, 'token-secret'))) return undefined;
    if (field(secret, 'usage-bootstrap-authentication') !== 'true' || this.#isOver(secret)) return undefined;
    const groups = field(secret, 'auth-extra-groups').split(',');
    return bootstrapUser(
      id,
      groups.map((group) => group.trim()).filter((group) => EXTRA_GROUP.test(group)),
    );
  }

  #isOver(secret: Secret): boolean {
    const expiration = field(secret, 'expiration');
    // A moment that cannot be read counts as past: better to refuse than to let in for ever.
    return expiration !== '' && !(Date.parse(expiration) > this.#now());
  }
}

function bootstrapUser(id: string, extraGroups: readonly string[]): UserInfo {
  return { username: `system:bootstrap:${id}`, groups: [BOOTSTRAPPERS, ...extraGroups, 'system:authenticated'] };
}

function field({ data }: Secret, key: string): string {
  return Buffer.from(data?.[key] ?? '', 'base64').toString();
}

function same(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && a.length > 0 && timingSafeEqual(a, b);
}
