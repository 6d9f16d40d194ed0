import { describe, expect, test } from 'vitest';
import type { DnsPlugin, Outcome } from './plugin.ts';
import { Resolver } from './resolver.ts';
import { type DnsRecord, encodeReply, makeQuery, parseQuery, type Query, RCODE, readAddresses, TYPE } from './wire.ts';

const a = (name: string, address: string): DnsRecord => ({ name, ttl: 5, type: 'A', address });
const reply = (...answers: DnsRecord[]) => ({ rcode: RCODE.NOERROR, isAuthoritative: true, answers });
const rcodeOf = (answer: Buffer | undefined) => (answer?.readUInt16BE(2) ?? 0) & 0xf;

function plugin(answers: Record<string, () => Outcome | Promise<Outcome>>): DnsPlugin & { asked: string[] } {
  const asked: string[] = [];
  const answer = ({ name }: Query) => {
    asked.push(name);
    return answers[name]?.();
  };
  return { name: 'test', asked, answer };
}

async function ask(resolver: Resolver, name: string, id = 7): Promise<Buffer | undefined> {
  const { bytes } = makeQuery(name, TYPE.A);
  bytes.writeUInt16BE(id, 0);
  return resolver.answer(bytes, 'udp');
}

describe('Resolver', () => {
  test('the first plugin that knows answers; nobody is a refusal', async () => {
    const resolver = new Resolver(
      [
        plugin({ a: () => ({ reply: reply(a('a', '10.0.0.1')) }) }),
        plugin({ a: () => ({ reply: reply() }), b: async () => ({ reply: reply(a('b', '10.0.0.2')) }) }),
      ],
      () => 1,
    );
    const { questionEnd } = makeQuery('a', TYPE.A);
    expect(readAddresses((await ask(resolver, 'a')) ?? Buffer.alloc(0), questionEnd)).toMatchObject([
      { address: '10.0.0.1' },
    ]);
    expect(readAddresses((await ask(resolver, 'b')) ?? Buffer.alloc(0), questionEnd)).toMatchObject([
      { address: '10.0.0.2' },
    ]);
    expect(rcodeOf(await ask(resolver, 'c'))).toBe(RCODE.REFUSED);
  });

  test('a stable answer is given again without asking, under the new id, until the version changes', async () => {
    let version = 1;
    const source = plugin({ a: () => ({ reply: reply(a('a', `10.0.0.${version}`)), isStable: true }) });
    const resolver = new Resolver([source], () => version);
    const [first, second] = [await ask(resolver, 'a', 1), await ask(resolver, 'a', 2)];
    expect([first?.readUInt16BE(0), second?.readUInt16BE(0), source.asked.length]).toEqual([1, 2, 1]);
    expect(second?.subarray(2)).toEqual(first?.subarray(2));
    version = 2;
    expect((await ask(resolver, 'a'))?.at(-1)).toBe(2);
    expect(source.asked).toHaveLength(2);
  });

  test('an unstable answer is asked for every time', async () => {
    const source = plugin({ a: () => ({ reply: reply(a('a', '10.0.0.1')) }) });
    const resolver = new Resolver([source], () => 1);
    await ask(resolver, 'a');
    await ask(resolver, 'a');
    expect(source.asked).toHaveLength(2);
  });

  const cname = (name: string, target: string): Outcome => ({
    reply: reply({ name, ttl: 5, type: 'CNAME', target }),
    alias: target,
  });
  const elsewhere = (name: string): Outcome => ({
    message: encodeReply(parseQuery(makeQuery(name, TYPE.A).bytes) as Query, reply(a(name, '192.0.2.7')), 'tcp'),
  });
  test.each([
    { name: 'from elsewhere', start: 'ext', expected: ['CNAME', 'A'] },
    { name: 'by way of another one', start: 'chain', expected: ['CNAME', 'CNAME', 'A'] },
    { name: 'that nobody knows', start: 'dead', expected: ['CNAME'] },
  ])('adds the addresses of an alias $name', async ({ start, expected }) => {
    const resolver = new Resolver(
      [
        plugin({
          ext: () => cname('ext', 'example'),
          chain: () => cname('chain', 'ext'),
          dead: () => cname('dead', 'nowhere'),
          example: () => elsewhere('example'),
        }),
      ],
      () => 1,
    );
    const answer = (await ask(resolver, start)) ?? Buffer.alloc(0);
    expect(readAddresses(answer, makeQuery(start, TYPE.A).questionEnd).map(({ type }) => type)).toEqual(expected);
  });

  test('aliases in a circle end', async () => {
    const resolver = new Resolver([plugin({ a: () => cname('a', 'b'), b: () => cname('b', 'a') })], () => 1);
    expect(rcodeOf(await ask(resolver, 'a'))).toBe(RCODE.NOERROR);
  });

  test.each([
    {
      name: 'throws',
      fail: () => {
        throw new Error('bug');
      },
    },
    { name: 'rejects', fail: () => Promise.reject(new Error('bug')) },
  ])('a plugin that $name makes a server failure', async ({ fail }) => {
    expect(rcodeOf(await ask(new Resolver([plugin({ a: fail })], () => 1), 'a'))).toBe(RCODE.SERVFAIL);
  });

  test('garbage is refused or ignored, never a crash', async () => {
    const resolver = new Resolver([], () => 1);
    expect(resolver.answer(Buffer.from('x'), 'udp')).toBeUndefined();
    expect(rcodeOf((await resolver.answer(Buffer.alloc(12), 'udp')) as Buffer)).toBe(RCODE.FORMERR);
  });
});
