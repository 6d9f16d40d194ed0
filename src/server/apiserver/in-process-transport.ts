import type { UserInfo } from '#api/admission/request.ts';
import { deepClone, deepFreeze } from '#api/meta/clone.ts';
import { resourceNotFound } from '#api/meta/errors.ts';
import { apiVersionOf } from '#api/meta/resource-ref.ts';
import type { ApiObject, WatchEvent } from '#api/meta/types.ts';
import type { ApiRequest, Transport } from '#client/transport.ts';
import type { Authorizer } from './auth.ts';
import { listKind } from './forms/encode.ts';
import { requireAllowed } from './http/authenticate.ts';
import type { Call, Reply, RequestBody, VerbDeps } from './verbs/call.ts';
import { executeCall } from './verbs/execute.ts';
import { parseWatchOptions } from './verbs/options.ts';
import { select } from './verbs/select.ts';
import { IteratedWatch } from './watch/iterated-watch.ts';
import type { TimerWheel } from './watch/timer-wheel.ts';
import { WatchSession } from './watch/watch-session.ts';

export interface InProcessOptions {
  readonly verbs: VerbDeps;
  readonly authorizer: Authorizer;
  readonly wheel: TimerWheel;
  readonly user: UserInfo;
  /** Names the default field manager. */
  readonly userAgent: string;
}

/** The API without HTTP: the same authorization, admission and verbs, objects handed over as they are. */
export class InProcessTransport implements Transport {
  readonly #options: InProcessOptions;

  constructor(options: InProcessOptions) {
    this.#options = options;
  }

  async request(request: ApiRequest): Promise<unknown> {
    const call = await this.#call(request);
    const reply = await executeCall(this.#options.verbs, call);
    return toObject(reply, call);
  }

  async *watch(request: ApiRequest): AsyncGenerator<WatchEvent<ApiObject>> {
    const call = await this.#call(request);
    const { verbs, wheel } = this.#options;
    const { served, namespace, name, query } = call;
    const options = parseWatchOptions(query);
    const selection = select({ definition: served.definition, namespace, name, ...options });
    const consumer = new IteratedWatch(served.definition.ref);
    const { signal } = call;
    const session = new WatchSession({ state: verbs.state, served, selection, options, wheel, consumer, signal });
    await session.start();
    yield* consumer.iterate(() => session.stop());
  }

  async #call(request: ApiRequest): Promise<Call> {
    const { verbs, authorizer, user, userAgent } = this.#options;
    const { verb, ref, namespace, name, subresource: part, patchType, signal } = request;
    signal?.throwIfAborted();
    const { group, version, plural } = ref;
    await requireAllowed(authorizer, user, {
      verb,
      group,
      version,
      resource: plural,
      subresource: part,
      namespace: ref.namespaced ? namespace : undefined,
      name,
    });
    const served = verbs.served.get(ref);
    const subresource = served?.definition.subresources.find((candidate) => candidate.name === part);
    if (served === undefined || (part !== undefined && subresource === undefined)) throw resourceNotFound();
    return {
      verb,
      served,
      subresource,
      namespace: ref.namespaced ? namespace : undefined,
      name,
      query: new URLSearchParams(request.query),
      body: new ObjectBody(request.body),
      patchType,
      user,
      userAgent,
      signal: signal ?? new AbortController().signal,
      // Warnings are for people at a terminal.
      warn: () => {},
    };
  }
}

class ObjectBody implements RequestBody {
  readonly #value: unknown;

  constructor(value: unknown) {
    this.#value = value;
  }

  get isEmpty(): boolean {
    return this.#value === undefined;
  }

  decode() {
    return { value: deepClone(this.#value), duplicates: [] };
  }
}

function toObject(reply: Reply, { served }: Call): unknown {
  if (reply.type === 'object') return deepFreeze(reply.object);
  const { ref } = served.definition;
  const items = reply.entries.map(({ object }) => object);
  return Object.freeze({
    kind: listKind(ref),
    apiVersion: apiVersionOf(ref),
    metadata: deepFreeze(reply.meta),
    items: Object.freeze(items),
  });
}
