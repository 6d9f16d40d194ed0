import type { TokenRequest } from '#api/authentication/v1.ts';
import { type Pod, serviceAccounts } from '#api/core/v1.ts';
import { parseTime } from '#api/meta/time.ts';
import type { Client } from '#client/client.ts';
import { podIdentity } from '../pod-names.ts';

export interface TokenOptions {
  readonly audience: string | undefined;
  readonly expirationSeconds: number | undefined;
}

export interface ServiceAccountTokensDeps {
  readonly client: Client;
  /** Called when a pod's token is due for renewal; the pod's volumes are then to be set up again. */
  readonly onDue: (podUid: string) => void;
  readonly now?: () => number;
}

interface Held {
  readonly token: string;
  readonly renewAtMs: number;
  readonly expiresMs: number;
  readonly timer: NodeJS.Timeout;
}

const HOUR_SECONDS = 3600;
const DAY_MS = 86_400_000;
/** A renewal that fails is tried again this much later, while the old token is still good. */
const RETRY_MS = 10_000;

/** Tokens bound to pods, renewed when 80 % of their time, or a day, has passed. */
export class ServiceAccountTokens {
  readonly #deps: ServiceAccountTokensDeps;
  readonly #now: () => number;
  readonly #held = new Map<string, Map<string, Held>>();

  constructor(deps: ServiceAccountTokensDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
  }

  async get(pod: Pod, options: TokenOptions, signal: AbortSignal): Promise<string> {
    const { uid } = podIdentity(pod);
    const key = JSON.stringify([options.audience, options.expirationSeconds]);
    const held = this.#held.get(uid)?.get(key);
    if (held !== undefined && this.#now() < held.renewAtMs) return held.token;
    try {
      return await this.#request(pod, key, options, signal);
    } catch (error) {
      if (held === undefined || this.#now() >= held.expiresMs) throw error;
      this.#keep(uid, key, { ...held, renewAtMs: this.#now() + RETRY_MS });
      return held.token;
    }
  }

  forget(podUid: string): void {
    for (const { timer } of this.#held.get(podUid)?.values() ?? []) clearTimeout(timer);
    this.#held.delete(podUid);
  }

  stop(): void {
    for (const uid of [...this.#held.keys()]) this.forget(uid);
  }

  async #request(
    pod: Pod,
    key: string,
    { audience, expirationSeconds }: TokenOptions,
    signal: AbortSignal,
  ): Promise<string> {
    const { uid, name, namespace } = podIdentity(pod);
    const seconds = expirationSeconds ?? HOUR_SECONDS;
    const account = { namespace, name: pod.spec.serviceAccountName ?? 'default' };
    const request: TokenRequest = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { name: account.name, namespace },
      spec: {
        audiences: audience === undefined || audience === '' ? [] : [audience],
        expirationSeconds: seconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const askedMs = this.#now();
    const answer = await this.#deps.client.createSubresource<TokenRequest>(serviceAccounts, account, 'token', request, {
      signal,
    });
    const { token = '', expirationTimestamp = '' } = answer.status ?? {};
    const expiresMs = parseTime(expirationTimestamp) ?? askedMs + seconds * 1000;
    const renewAtMs = askedMs + Math.min(DAY_MS, (expiresMs - askedMs) * 0.8);
    this.#keep(uid, key, { token, renewAtMs, expiresMs });
    return token;
  }

  #keep(podUid: string, key: string, held: Omit<Held, 'timer'>): void {
    const tokens = this.#held.get(podUid) ?? new Map<string, Held>();
    clearTimeout(tokens.get(key)?.timer);
    const timer = setTimeout(() => this.#deps.onDue(podUid), Math.max(0, held.renewAtMs - this.#now()));
    timer.unref();
    this.#held.set(podUid, tokens.set(key, { ...held, timer }));
  }
}
