import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { UserInfo } from '#api/admission/request.ts';
import { type TokenReview, tokenReviews } from '#api/authentication/v1.ts';
import { type SubjectAccessReview, subjectAccessReviews } from '#api/authorization/v1.ts';
import type { Client } from '#client/client.ts';
import type { ApiRequest } from './api-request.ts';
import { HttpError } from './http-error.ts';

export interface ApiAccessOptions {
  readonly client: Client;
  readonly nodeName: string;
  /** The certificate the client has proved to own, if an authority of the cluster signed it. */
  readonly clientCertificate: (request: IncomingMessage) => X509Certificate | undefined;
  readonly now?: () => number;
}

interface Kept<T> {
  readonly value: T;
  readonly untilMs: number;
}

const TOKEN_KEPT_MS = 120_000;
const YES_KEPT_MS = 300_000;
const NO_KEPT_MS = 30_000;
const MAX_KEPT = 1000;
const MASTERS = 'system:masters';
const STREAMS = new Set(['exec', 'attach', 'run', 'portForward']);
const VERBS: Readonly<Record<string, string>> = {
  GET: 'get',
  HEAD: 'get',
  POST: 'create',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};
/** Paths with a permission of their own; the general one for the node's proxy opens them as well. */
const FINE: Readonly<Record<string, string>> = {
  pods: 'pods',
  runningpods: 'pods',
  healthz: 'healthz',
  configz: 'configz',
};
const COARSE: Readonly<Record<string, string>> = {
  stats: 'stats',
  metrics: 'metrics',
  logs: 'log',
  checkpoint: 'checkpoint',
};

/** Lets in whom the API server knows and allows. Answers are remembered for a while. */
export class ApiAccess {
  readonly #options: ApiAccessOptions;
  readonly #now: () => number;
  readonly #tokens = new Map<string, Kept<UserInfo | undefined>>();
  readonly #decisions = new Map<string, Kept<boolean>>();

  constructor(options: ApiAccessOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Throws HttpError 401 for strangers and 403 for those who may not. */
  async check(request: IncomingMessage, api: ApiRequest): Promise<UserInfo> {
    const user = await this.#authenticate(request);
    if (user === undefined) throw new HttpError(401, 'Unauthorized');
    // They may do anything anyway, also while the API server cannot be asked.
    if (user.groups.includes(MASTERS)) return user;
    const verb = verbOf(api);
    const subresources = subresourcesOf(api);
    for (const subresource of subresources) {
      if (await this.#isAllowed(user, verb, subresource)) return user;
    }
    const what = subresources.map((subresource) => `nodes/${subresource}`).join(', ');
    throw new HttpError(
      403,
      `Forbidden (user=${user.username}, verb=${verb}, resource=nodes, subresource(s)=[${what}])`,
    );
  }

  async #authenticate(request: IncomingMessage): Promise<UserInfo | undefined> {
    const certificate = this.#options.clientCertificate(request);
    if (certificate !== undefined) return userOf(certificate);
    const [scheme = '', token = ''] = (request.headers.authorization ?? '').split(' ');
    if (scheme.toLowerCase() !== 'bearer' || token === '') return undefined;
    return this.#remember(this.#tokens, token, async () => {
      const review: TokenReview = {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenReview',
        metadata: { name: '' },
        spec: { token },
      };
      const { status } = await this.#options.client.create(tokenReviews, review);
      const { username = '', groups = [], uid, extra } = status?.user ?? {};
      const value =
        status?.authenticated === true
          ? { username, groups, uid, ...(extra === undefined ? {} : { extra }) }
          : undefined;
      return { value, keptMs: value === undefined ? NO_KEPT_MS : TOKEN_KEPT_MS };
    });
  }

  #isAllowed(user: UserInfo, verb: string, subresource: string): Promise<boolean> {
    const key = JSON.stringify([user.username, user.groups, verb, subresource]);
    return this.#remember(this.#decisions, key, async () => {
      const { username, groups, uid } = user;
      const resourceAttributes = { verb, version: 'v1', resource: 'nodes', subresource, name: this.#options.nodeName };
      const review: SubjectAccessReview = {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        metadata: { name: '' },
        spec: { user: username, groups: [...groups], ...(uid === undefined ? {} : { uid }), resourceAttributes },
      };
      const { status } = await this.#options.client.create(subjectAccessReviews, review);
      const value = status?.allowed === true;
      return { value, keptMs: value ? YES_KEPT_MS : NO_KEPT_MS };
    });
  }

  async #remember<T>(
    kept: Map<string, Kept<T>>,
    key: string,
    ask: () => Promise<{ value: T; keptMs: number }>,
  ): Promise<T> {
    const known = kept.get(key);
    if (known !== undefined && this.#now() < known.untilMs) return known.value;
    const { value, keptMs } = await ask();
    if (kept.size >= MAX_KEPT) kept.clear();
    kept.set(key, { value, untilMs: this.#now() + keptMs });
    return value;
  }
}

/** The common name is the user, organizations are the groups. */
export function userOf(certificate: X509Certificate): UserInfo {
  const fields = certificate.subject.split('\n').map((line) => line.split(/=(.*)/s, 2));
  const values = (name: string) => fields.flatMap(([key, value = '']) => (key === name ? [value] : []));
  return { username: values('CN')[0] ?? '', groups: [...values('O'), 'system:authenticated'] };
}

/** Streams into containers need `create`, however they are opened. */
export function verbOf({ method, parts }: ApiRequest): string {
  if (STREAMS.has(parts[0] ?? '')) return 'create';
  return VERBS[method] ?? method.toLowerCase();
}

/** Permissions on the node any of which opens the path. */
export function subresourcesOf({ parts }: ApiRequest): string[] {
  const [first = ''] = parts;
  const coarse = COARSE[first];
  if (coarse !== undefined) return [coarse];
  const fine = FINE[first];
  return fine === undefined ? ['proxy'] : [fine, 'proxy'];
}
