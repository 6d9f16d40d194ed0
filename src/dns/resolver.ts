import type { DnsPlugin, Outcome } from './plugin.ts';
import {
  type DnsRecord,
  encodeRefusal,
  encodeReply,
  makeQuery,
  parseQuery,
  type Query,
  RCODE,
  readAddresses,
} from './wire.ts';

/** Answers that can be told by the bytes of their question; cleared as soon as the cluster changes. */
const MAX_STABLE = 20_000;
const MAX_ALIASES = 8;

/** From a question's bytes to an answer's bytes, by a chain of plugins. */
export class Resolver {
  readonly #plugins: readonly DnsPlugin[];
  readonly #version: () => number;
  readonly #stable = new Map<string, Buffer>();
  #stableVersion = 0;

  /** `version` changes whenever stable answers of before must not be given any more. */
  constructor(plugins: readonly DnsPlugin[], version: () => number) {
    this.#plugins = plugins;
    this.#version = version;
  }

  /** The answer, at once where that is possible; undefined if none is due. Never throws. */
  answer(bytes: Buffer, transport: 'udp' | 'tcp'): Buffer | undefined | Promise<Buffer | undefined> {
    if (this.#stableVersion !== this.#version()) {
      this.#stable.clear();
      this.#stableVersion = this.#version();
    }
    const key = `${transport}${bytes.toString('latin1', 2)}`;
    const known = this.#stable.get(key);
    if (known !== undefined) {
      const copy = Buffer.from(known);
      bytes.copy(copy, 0, 0, 2);
      return copy;
    }
    const query = parseQuery(bytes);
    if (query === undefined) return undefined;
    if ('refuse' in query) return encodeRefusal(bytes, query.refuse);
    if (query.edns !== undefined && query.edns.version !== 0)
      return encodeReply(query, empty(RCODE.BADVERS), transport);
    const version = this.#stableVersion;
    const finish = (outcome: Outcome | undefined): Buffer | Promise<Buffer> => {
      if (outcome === undefined) return encodeReply(query, empty(RCODE.REFUSED), transport);
      if ('message' in outcome) return outcome.message;
      if (outcome.alias !== undefined) return this.#follow(query, outcome, transport);
      const answer = encodeReply(query, outcome.reply, transport);
      // The map is of one version; what was found in an earlier one must not enter it.
      if (outcome.isStable === true && this.#stable.size < MAX_STABLE && version === this.#version())
        this.#stable.set(key, answer);
      return answer;
    };
    return settle(query, transport, () => {
      const outcome = this.#ask(query, transport);
      return outcome instanceof Promise ? outcome.then(finish) : finish(outcome);
    });
  }

  #ask(query: Query, transport: 'udp' | 'tcp', from = 0): Outcome | undefined | Promise<Outcome | undefined> {
    for (const [index, plugin] of this.#plugins.entries()) {
      if (index < from) continue;
      const outcome = plugin.answer(query, transport);
      if (outcome instanceof Promise) return outcome.then((found) => found ?? this.#ask(query, transport, index + 1));
      if (outcome !== undefined) return outcome;
    }
    return undefined;
  }

  /** Adds what the alias leads to; an alias that leads nowhere is still an answer. */
  async #follow(
    query: Query,
    outcome: Extract<Outcome, { reply: unknown }>,
    transport: 'udp' | 'tcp',
  ): Promise<Buffer> {
    const answers: DnsRecord[] = [...outcome.reply.answers];
    let alias = outcome.alias;
    for (let left = MAX_ALIASES; alias !== undefined && left > 0; left--) {
      const next = makeQuery(alias, query.type);
      const found = await this.#ask(next, 'tcp');
      alias = undefined;
      if (found === undefined) break;
      if ('message' in found) answers.push(...readAddresses(found.message, next.questionEnd));
      else {
        answers.push(...found.reply.answers);
        alias = found.alias;
      }
    }
    return encodeReply(query, { ...outcome.reply, answers }, transport);
  }
}

function empty(rcode: number) {
  return { rcode, isAuthoritative: false, answers: [] };
}

/** Turns a failure into the answer that says so. */
function settle(
  query: Query,
  transport: 'udp' | 'tcp',
  work: () => Buffer | Promise<Buffer>,
): Buffer | Promise<Buffer> {
  const failure = () => encodeReply(query, empty(RCODE.SERVFAIL), transport);
  try {
    const answer = work();
    return answer instanceof Promise ? answer.catch(failure) : answer;
  } catch {
    return failure();
  }
}
