import { setTimeout as sleep } from 'node:timers/promises';
import { AnswerCache, adopt, keyOf } from '../answer-cache.ts';
import type { DnsPlugin } from '../plugin.ts';
import { type ExchangeOptions, exchange, type Upstream } from '../upstream.ts';
import { encodeReply, type Query, RCODE } from '../wire.ts';

export interface ForwardTargets {
  /** Asked in order, those that failed lately last. */
  readonly upstreams: readonly Upstream[];
  /** Other servers for everything below a domain; the longest match counts. */
  readonly stubDomains?: Readonly<Record<string, readonly Upstream[]>>;
}

export interface ForwardOptions {
  /** Asked anew for each query, since it changes with the machine's network. */
  readonly targets: () => ForwardTargets;
  readonly cache?: AnswerCache;
  readonly ask?: (query: Buffer, upstream: Upstream, options: ExchangeOptions) => Promise<Buffer>;
  readonly tryMs?: number;
  /** How long clients wait before an answer past its time is good enough. */
  readonly patienceMs?: number;
}

/** Servers that failed are asked last for so long. */
const AVOID_MS = 10_000;
const MAX_OPEN = 2000;

/** Asks other servers about all other names and remembers what they say. Same questions at the same time are asked once. */
export function forward({
  targets,
  cache = new AnswerCache(),
  ask = exchange,
  tryMs = 2000,
  patienceMs = 500,
}: ForwardOptions): DnsPlugin {
  const open = new Map<string, Promise<Buffer>>();
  const failedAt = new Map<string, number>();
  const avoidUntil = ({ host, port }: Upstream) => (failedAt.get(`${host} ${port}`) ?? -Infinity) + AVOID_MS;

  async function askAll(query: Query, upstreams: readonly Upstream[], transport: 'udp' | 'tcp'): Promise<Buffer> {
    const now = Date.now();
    const good = upstreams.filter((upstream) => avoidUntil(upstream) <= now);
    const failed = upstreams.filter((upstream) => avoidUntil(upstream) > now);
    let last: Buffer | undefined;
    for (const upstream of [...good, ...failed]) {
      const name = `${upstream.host} ${upstream.port}`;
      try {
        const answer = await ask(query.bytes, upstream, { transport, timeoutMs: tryMs });
        failedAt.delete(name);
        const rcode = answer.readUInt16BE(2) & 0xf;
        if (rcode !== RCODE.SERVFAIL && rcode !== RCODE.REFUSED) return answer;
        last = answer;
      } catch {
        failedAt.set(name, Date.now());
      }
    }
    return last ?? serverFailure(query);
  }

  function fetch(query: Query, upstreams: readonly Upstream[], transport: 'udp' | 'tcp'): Promise<Buffer> {
    const key = `${transport} ${keyOf(query)}`;
    const running = open.get(key);
    if (running !== undefined) return running;
    if (open.size >= MAX_OPEN) return Promise.resolve(serverFailure(query));
    const asked = askAll(query, upstreams, transport).then((answer) => {
      cache.put(query, answer);
      return answer;
    });
    open.set(key, asked);
    return asked.finally(() => open.delete(key));
  }

  return {
    name: 'forward',
    async answer(query, transport) {
      const upstreams = chooseUpstreams(query.name, targets());
      const cached = cache.get(query);
      const give = (message: Buffer) => ({ message: transport === 'udp' ? fitUdp(message, query) : message });
      if (cached !== undefined && !cached.isStale) return give(cached.message);
      if (upstreams.length === 0) return give(cached?.message ?? serverFailure(query));
      const fresh = fetch(query, upstreams, transport);
      if (cached === undefined) return give(adopt(await fresh, query));
      const answer = await Promise.race([fresh, sleep(patienceMs)]);
      const isGood = answer !== undefined && (answer.readUInt16BE(2) & 0xf) !== RCODE.SERVFAIL;
      return give(isGood ? adopt(answer, query) : cached.message);
    },
  };
}

/** The servers of the longest domain that the name is in, else the general ones. */
export function chooseUpstreams(name: string, { upstreams, stubDomains = {} }: ForwardTargets): readonly Upstream[] {
  const [domain] = Object.keys(stubDomains)
    .filter((candidate) => name === candidate || name.endsWith(`.${candidate}`))
    .sort((a, b) => b.length - a.length);
  return (domain === undefined ? undefined : stubDomains[domain]) ?? upstreams;
}

/** An answer that came by TCP may be too long for a client that asks by UDP: it is told to ask by TCP. */
function fitUdp(message: Buffer, query: Query): Buffer {
  if (message.length <= Math.max(512, query.edns?.udpBytes ?? 0)) return message;
  const cut = Buffer.from(message.subarray(0, query.questionEnd));
  cut.writeUInt16BE(cut.readUInt16BE(2) | 0x0200, 2);
  cut.fill(0, 6, 12);
  return cut;
}

function serverFailure(query: Query): Buffer {
  return encodeReply(query, { rcode: RCODE.SERVFAIL, isAuthoritative: false, answers: [] }, 'udp');
}
