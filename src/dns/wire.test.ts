import dnsPacket, { type Answer, type DecodedPacket, type RecordType } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import {
  type DnsRecord,
  encodeRefusal,
  encodeReply,
  makeQuery,
  parseQuery,
  type Query,
  RCODE,
  type Reply,
  readAddresses,
  TYPE,
} from './wire.ts';

interface Asked {
  udpPayloadSize?: number;
  ednsVersion?: number;
  flags?: number;
  type?: RecordType;
}

function question(
  name: string,
  { udpPayloadSize, ednsVersion = 0, flags = dnsPacket.RECURSION_DESIRED, type = 'A' }: Asked = {},
): Buffer {
  const opt = {
    type: 'OPT',
    name: '.',
    udpPayloadSize,
    ednsVersion,
    extendedRcode: 0,
    flags: 0,
    flag_do: false,
    options: [],
  } as Answer;
  return dnsPacket.encode({
    type: 'query',
    id: 4711,
    flags,
    questions: [{ name, type }],
    additionals: udpPayloadSize === undefined ? [] : [opt],
  });
}

function parsed(bytes: Buffer): Query {
  const query = parseQuery(bytes);
  if (query === undefined || 'refuse' in query) throw new Error('not a query');
  return query;
}

const decode = (bytes: Buffer) => dnsPacket.decode(bytes) as DecodedPacket & { id: number; rcode: string };
const reply = (answers: DnsRecord[], more: Partial<Reply> = {}): Reply => ({
  rcode: RCODE.NOERROR,
  isAuthoritative: true,
  answers,
  ...more,
});
const a = (name: string, address: string): DnsRecord => ({ name, ttl: 5, type: 'A', address });

describe('parseQuery', () => {
  test('reads name, type and EDNS', () => {
    expect(parsed(question('WEB.default.svc.Cluster.local', { type: 'SRV', udpPayloadSize: 1400 }))).toMatchObject({
      name: 'web.default.svc.cluster.local',
      type: TYPE.SRV,
      edns: { udpBytes: 1400, version: 0, flags: 0 },
    });
    expect(parsed(question('.'))).toMatchObject({ name: '', edns: undefined });
  });

  const answer = Buffer.from(question('a'));
  answer.writeUInt16BE(0x8000, 2);
  const update = Buffer.from(question('a'));
  update.writeUInt16BE(5 << 11, 2);
  const two = Buffer.from(question('a'));
  two.writeUInt16BE(2, 4);
  const chaos = Buffer.from(question('a'));
  chaos.writeUInt16BE(3, chaos.length - 2);
  test.each([
    { name: 'a stump', bytes: Buffer.alloc(11), expected: undefined },
    { name: 'an answer', bytes: answer, expected: undefined },
    { name: 'an update', bytes: update, expected: { refuse: RCODE.NOTIMP } },
    { name: 'two questions', bytes: two, expected: { refuse: RCODE.FORMERR } },
    { name: 'another class', bytes: chaos, expected: { refuse: RCODE.REFUSED } },
    { name: 'a cut name', bytes: question('example.com').subarray(0, 18), expected: { refuse: RCODE.FORMERR } },
    {
      name: 'a name that points to itself',
      bytes: Buffer.concat([question('a').subarray(0, 12), Buffer.from('c00c00010001', 'hex')]),
      expected: { refuse: RCODE.FORMERR },
    },
  ])('does not take $name', ({ bytes, expected }) => {
    expect(parseQuery(bytes)).toEqual(expected);
  });
});

describe('encodeReply', () => {
  test('is understood by others, record by record', () => {
    const records: DnsRecord[] = [
      a('web.default.svc.cluster.local', '10.43.0.80'),
      { name: 'db.default.svc.cluster.local', ttl: 5, type: 'CNAME', target: 'db.example.com' },
      { name: '80.0.43.10.in-addr.arpa', ttl: 5, type: 'PTR', target: 'web.default.svc.cluster.local' },
      {
        name: '_http._tcp.web.default.svc.cluster.local',
        ttl: 5,
        type: 'SRV',
        port: 80,
        target: 'web.default.svc.cluster.local',
      },
      { name: 'dns-version.cluster.local', ttl: 5, type: 'TXT', text: '1.1.0' },
      { name: 'v6.example.com', ttl: 9, type: 'AAAA', data: Buffer.from('fd000000000000000000000000000001', 'hex') },
    ];
    const soa: DnsRecord = {
      name: 'cluster.local',
      ttl: 5,
      type: 'SOA',
      primary: 'ns.dns.cluster.local',
      mailbox: 'hostmaster.cluster.local',
      serial: 7,
      minimum: 5,
    };
    const packet = decode(
      encodeReply(parsed(question('web.default.svc.cluster.local')), reply(records, { authorities: [soa] }), 'tcp'),
    );
    expect(packet).toMatchObject({
      id: 4711,
      rcode: 'NOERROR',
      flag_qr: true,
      flag_aa: true,
      flag_rd: true,
      flag_ra: true,
      flag_tc: false,
    });
    expect(packet.answers?.map((record) => ('data' in record ? [record.name, record.type, record.data] : []))).toEqual([
      ['web.default.svc.cluster.local', 'A', '10.43.0.80'],
      ['db.default.svc.cluster.local', 'CNAME', 'db.example.com'],
      ['80.0.43.10.in-addr.arpa', 'PTR', 'web.default.svc.cluster.local'],
      [
        '_http._tcp.web.default.svc.cluster.local',
        'SRV',
        { priority: 0, weight: 100, port: 80, target: 'web.default.svc.cluster.local' },
      ],
      ['dns-version.cluster.local', 'TXT', [Buffer.from('1.1.0')]],
      ['v6.example.com', 'AAAA', 'fd00::1'],
    ]);
    expect(packet.authorities?.[0]).toMatchObject({
      name: 'cluster.local',
      data: { mname: 'ns.dns.cluster.local', serial: 7, minimum: 5 },
    });
  });

  test('writes a repeated name once', () => {
    const name = 'a-rather-long-service-name.a-namespace.svc.cluster.local';
    const [one, two] = [1, 2].map(
      (count) =>
        encodeReply(parsed(question(name)), reply(Array.from({ length: count }, () => a(name, '10.0.0.1'))), 'tcp')
          .length,
    );
    expect((two ?? 0) - (one ?? 0)).toBe(16);
  });

  test('repeats the question letter by letter, and the client EDNS', () => {
    const packet = decode(encodeReply(parsed(question('wEb.ExAmple', { udpPayloadSize: 4096 })), reply([]), 'udp'));
    expect(packet.questions?.[0]?.name).toBe('wEb.ExAmple');
    expect(packet.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232, ednsVersion: 0 }]);
  });

  const many = Array.from({ length: 60 }, (_, index) => a('web.default.svc.cluster.local', `10.42.0.${index + 1}`));
  test.each([
    { name: 'plain UDP', asked: {}, transport: 'udp' as const, limit: 512, isCut: true },
    { name: 'EDNS UDP', asked: { udpPayloadSize: 4096 }, transport: 'udp' as const, limit: 1232, isCut: false },
    {
      name: 'a tiny EDNS size counts as 512',
      asked: { udpPayloadSize: 100 },
      transport: 'udp' as const,
      limit: 512,
      isCut: true,
    },
    { name: 'TCP', asked: {}, transport: 'tcp' as const, limit: 65_535, isCut: false },
  ])('$name holds up to $limit bytes', ({ asked, transport, limit, isCut }) => {
    const bytes = encodeReply(parsed(question('web.default.svc.cluster.local', asked)), reply(many), transport);
    expect(bytes.length).toBeLessThanOrEqual(limit);
    const packet = decode(bytes);
    expect(packet.flag_tc).toBe(isCut);
    expect(packet.answers?.length).toBe(isCut ? packet.answers?.length : 60);
    expect(packet.answers?.length).toBeGreaterThan(25);
  });

  test('leaves additional records out without a mark', () => {
    const packet = decode(
      encodeReply(parsed(question('x.local')), reply([a('x.local', '10.0.0.1')], { additionals: many }), 'udp'),
    );
    expect([packet.flag_tc, packet.answers?.length]).toEqual([false, 1]);
    expect(packet.additionals?.length).toBeLessThan(60);
  });

  test('BADVERS needs the extended code', () => {
    const bytes = encodeReply(
      parsed(question('x.local', { udpPayloadSize: 512, ednsVersion: 1 })),
      reply([], { rcode: RCODE.BADVERS }),
      'udp',
    );
    expect(decode(bytes).additionals).toMatchObject([{ type: 'OPT', extendedRcode: 1 }]);
  });
});

test('a refusal keeps id and opcode', () => {
  const query = question('a');
  query.writeUInt16BE(0x2900, 2);
  expect(encodeRefusal(query, RCODE.NOTIMP).toString('hex')).toBe('1267a9840000000000000000');
});

test('makeQuery makes what others understand', () => {
  const { bytes, questionEnd } = makeQuery('db.example.com', TYPE.A);
  expect(decode(bytes)).toMatchObject({
    flag_rd: true,
    questions: [{ name: 'db.example.com', type: 'A', class: 'IN' }],
  });
  expect(questionEnd).toBe(bytes.length);
});

test('readAddresses follows pointers and leaves out the rest', () => {
  const bytes = encodeReply(
    parsed(question('db.example.com')),
    reply([
      { name: 'db.example.com', ttl: 9, type: 'CNAME', target: 'real.example.com' },
      a('real.example.com', '192.0.2.5'),
      { name: 'x', ttl: 1, type: 'TXT', text: 'x' },
    ]),
    'udp',
  );
  expect(readAddresses(bytes, parsed(question('db.example.com')).questionEnd)).toEqual([
    { name: 'db.example.com', ttl: 9, type: 'CNAME', target: 'real.example.com' },
    { name: 'real.example.com', ttl: 5, type: 'A', address: '192.0.2.5' },
  ]);
});
