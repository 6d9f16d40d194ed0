import { describe, expect, test } from 'vitest';
import { AnswerCache } from '../answer-cache.ts';
import type { Upstream } from '../upstream.ts';
import { type DnsRecord, encodeReply, makeQuery, parseQuery, type Query, RCODE, readAddresses, TYPE } from '../wire.ts';
import { chooseUpstreams, type ForwardOptions, forward } from './forward.ts';

const one: Upstream = { host: '192.0.2.1', port: 53 };
const two: Upstream = { host: '192.0.2.2', port: 53 };
const query = (name = 'example.com') => makeQuery(name, TYPE.A);

function answerTo(
  asked: Buffer,
  { rcode = RCODE.NOERROR, records, isLong = false }: { rcode?: number; records?: DnsRecord[]; isLong?: boolean } = {},
) {
  const parsed = parseQuery(asked) as Query;
  const record = (index: number): DnsRecord => ({
    name: parsed.name,
    ttl: 60,
    type: 'A',
    address: `198.51.100.${index + 1}`,
  });
  const answers =
    records ?? (rcode === RCODE.NOERROR ? Array.from({ length: isLong ? 100 : 1 }, (_, index) => record(index)) : []);
  return encodeReply(parsed, { rcode, isAuthoritative: false, answers }, 'tcp');
}

/** A forwarder whose upstreams are functions. */
function setUp(
  servers: Record<string, (asked: Buffer) => Buffer | Promise<Buffer>>,
  options: Partial<ForwardOptions> = {},
) {
  const asked: string[] = [];
  let now = 0;
  const cache = new AnswerCache({ now: () => now });
  const plugin = forward({
    targets: () => ({ upstreams: [one, two] }),
    cache,
    ask: async (bytes, { host }) => {
      asked.push(host);
      const server = servers[host];
      if (server === undefined) throw new Error('connection refused');
      return server(bytes);
    },
    patienceMs: 20,
    ...options,
  });
  const ask = async (name?: string, transport: 'udp' | 'tcp' = 'udp') => {
    const outcome = await plugin.answer(query(name), transport);
    if (outcome === undefined || !('message' in outcome)) throw new Error('no message');
    const { message } = outcome;
    return {
      rcode: message.readUInt16BE(2) & 0xf,
      isCut: (message.readUInt16BE(2) & 0x200) !== 0,
      records: readAddresses(message, query(name).questionEnd),
    };
  };
  return { ask, asked, pass: (seconds: number) => (now += seconds * 1000) };
}

describe('forward', () => {
  test('asks the first server once and remembers the answer for its time', async () => {
    const { ask, asked, pass } = setUp({ [one.host]: answerTo });
    expect((await ask()).records).toMatchObject([{ address: '198.51.100.1', ttl: 60 }]);
    pass(59);
    expect((await ask()).records).toMatchObject([{ ttl: 1 }]);
    expect(asked).toHaveLength(1);
    pass(1);
    expect((await ask()).records).toMatchObject([{ ttl: 60 }]);
    expect(asked).toHaveLength(2);
  });

  test('goes on to the next server, and avoids the one that failed', async () => {
    const { ask, asked } = setUp({ [two.host]: answerTo });
    expect((await ask('a.example')).rcode).toBe(RCODE.NOERROR);
    expect((await ask('b.example')).rcode).toBe(RCODE.NOERROR);
    expect(asked).toEqual([one.host, two.host, two.host]);
  });

  test('takes a refusal only when nobody knows better', async () => {
    const refuse = (asked: Buffer) => answerTo(asked, { rcode: RCODE.REFUSED });
    expect((await setUp({ [one.host]: refuse, [two.host]: answerTo }).ask()).rcode).toBe(RCODE.NOERROR);
    expect((await setUp({ [one.host]: refuse, [two.host]: refuse }).ask()).rcode).toBe(RCODE.REFUSED);
  });

  test('fails at once without servers', async () => {
    const { ask, asked } = setUp({}, { targets: () => ({ upstreams: [] }) });
    expect((await ask()).rcode).toBe(RCODE.SERVFAIL);
    expect(asked).toEqual([]);
  });

  test('gives an answer past its time while nobody can be asked, or while they take long', async () => {
    let server: (asked: Buffer) => Buffer | Promise<Buffer> = answerTo;
    const { ask, pass } = setUp({ [one.host]: (bytes) => server(bytes) });
    await ask();
    pass(600);
    server = () => Promise.reject(new Error('gone'));
    expect(await ask()).toMatchObject({ rcode: RCODE.NOERROR, records: [{ ttl: 30 }] });
    server = () => new Promise(() => {});
    expect(await ask()).toMatchObject({ rcode: RCODE.NOERROR });
    pass(3600);
    server = () => Promise.reject(new Error('gone'));
    expect((await setUp({}).ask()).rcode).toBe(RCODE.SERVFAIL);
  });

  test('asks once for the same question at the same time', async () => {
    let release = () => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const { ask, asked } = setUp({ [one.host]: (bytes) => gate.then(() => answerTo(bytes)) });
    const answers = Promise.all([ask(), ask(), ask('EXAMPLE.com')]);
    release();
    expect((await answers).map(({ rcode }) => rcode)).toEqual([0, 0, 0]);
    expect(asked).toHaveLength(1);
  });

  test('remembers that there is nothing for as long as the SOA says', async () => {
    const soa = {
      name: 'example.com',
      ttl: 20,
      type: 'SOA',
      primary: 'ns.example.com',
      mailbox: 'root.example.com',
      serial: 1,
      minimum: 10,
    } as const;
    const nothing = (asked: Buffer) =>
      encodeReply(
        parseQuery(asked) as Query,
        { rcode: RCODE.NXDOMAIN, isAuthoritative: false, answers: [], authorities: [soa] },
        'tcp',
      );
    const { ask, asked, pass } = setUp({ [one.host]: nothing });
    for (const seconds of [0, 9, 1]) {
      pass(seconds);
      expect((await ask()).rcode).toBe(RCODE.NXDOMAIN);
    }
    expect(asked).toHaveLength(2);
  });

  test('a long answer that came by TCP sends a UDP client to TCP', async () => {
    const { ask } = setUp({ [one.host]: (asked) => answerTo(asked, { isLong: true }) });
    expect((await ask('big.example', 'tcp')).records).toHaveLength(100);
    expect(await ask('big.example', 'udp')).toMatchObject({ isCut: true, records: [] });
  });
});

test.each([
  { name: 'a.corp.example', expected: '10.0.0.1' },
  { name: 'corp.example', expected: '10.0.0.1' },
  { name: 'a.lab.corp.example', expected: '10.0.0.2' },
  { name: 'notcorp.example', expected: '192.0.2.1' },
])('$name is asked at $expected', ({ name, expected }) => {
  const stubDomains = {
    'corp.example': [{ host: '10.0.0.1', port: 53 }],
    'lab.corp.example': [{ host: '10.0.0.2', port: 53 }],
  };
  expect(chooseUpstreams(name, { upstreams: [one], stubDomains })[0]?.host).toBe(expected);
});
