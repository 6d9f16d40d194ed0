import { describe, expect, test } from 'vitest';
import { service, slice } from '#test/support/services.ts';
import { serviceEntry } from '../service-entry.ts';
import { type DnsRecord, makeQuery, RCODE, TYPE } from '../wire.ts';
import { ZoneIndex } from '../zone-index.ts';
import { answerCluster } from './cluster-zone.ts';

const config = { zone: 'cluster.local', dnsIp: '10.43.0.10' };
const ports = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { name: 'dns', port: 53, protocol: 'UDP' },
];
const endpoint = (ip: string, more: object = {}) => ({ addresses: [ip], conditions: { ready: true }, ...more });
const db = slice(
  'db',
  [
    endpoint('10.42.1.5', { hostname: 'db-0' }),
    endpoint('10.42.2.6', { hostname: 'db-1' }),
    endpoint('10.42.2.7'),
    endpoint('10.42.2.8', { conditions: { ready: false } }),
  ],
  { ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] },
);
const index = new ZoneIndex();
index.apply({
  replaceAll: true,
  services: [
    ['default/web', serviceEntry(service('web', { ports }), [])],
    ['default/db', serviceEntry(service('db', { clusterIP: 'None' }), [db])],
    ['default/empty', serviceEntry(service('empty', { clusterIP: 'None' }), [])],
    ['default/ext', serviceEntry(service('ext', { type: 'ExternalName', externalName: 'Example.com.' }), [])],
    ['default/pending', serviceEntry(service('pending', { clusterIP: '' }), [])],
  ],
  namespaces: [
    ['default', true],
    ['bare', true],
  ],
});

const SUFFIX = '.cluster.local';
const value = (record: DnsRecord) => {
  if (record.type === 'A') return record.address;
  if (record.type === 'SRV') return `${record.port} ${record.target.replace(SUFFIX, '')}`;
  if (record.type === 'CNAME' || record.type === 'NS') return record.target;
  return record.type === 'TXT' ? record.text : record.type;
};

function ask(name: string, type: keyof typeof TYPE = 'A') {
  const outcome = answerCluster(makeQuery(name, TYPE[type]), index, config);
  if (outcome === undefined || !('reply' in outcome)) throw new Error('no reply');
  return outcome;
}

describe('names in the cluster', () => {
  test.each<{ name: string; type?: keyof typeof TYPE; answers: string[] }>([
    { name: 'web.default.svc', answers: ['10.43.0.80'] },
    { name: 'web.default.svc', type: 'AAAA', answers: [] },
    { name: 'web.default.svc', type: 'SRV', answers: ['53 web.default.svc', '80 web.default.svc'] },
    { name: '_http._tcp.web.default.svc', type: 'SRV', answers: ['80 web.default.svc'] },
    { name: '_dns._udp.web.default.svc', type: 'SRV', answers: ['53 web.default.svc'] },
    { name: '_http._tcp.web.default.svc', type: 'A', answers: [] },
    { name: '_tcp.web.default.svc', answers: [] },
    { name: 'db.default.svc', answers: ['10.42.1.5', '10.42.2.6', '10.42.2.7'] },
    { name: 'db-0.db.default.svc', answers: ['10.42.1.5'] },
    { name: '10-42-2-7.db.default.svc', answers: ['10.42.2.7'] },
    {
      name: '_sql._tcp.db.default.svc',
      type: 'SRV',
      answers: ['5432 10-42-2-7.db.default.svc', '5432 db-0.db.default.svc', '5432 db-1.db.default.svc'],
    },
    { name: 'db-1.db.default.svc', type: 'SRV', answers: ['5432 db-1.db.default.svc'] },
    { name: 'ext.default.svc', type: 'CNAME', answers: ['example.com'] },
    { name: 'ext.default.svc', type: 'TXT', answers: [] },
    { name: '10-42-1-5.default.pod', answers: ['10.42.1.5'] },
    { name: '10-42-1-5.default.pod', type: 'AAAA', answers: [] },
    { name: 'dns-version', type: 'TXT', answers: ['1.1.0'] },
    { name: 'ns.dns', answers: ['10.43.0.10'] },
    { name: 'default.svc', answers: [] },
    { name: 'bare.svc', answers: [] },
    { name: 'svc', answers: [] },
    { name: 'default.pod', answers: [] },
  ])('$name $type is $answers', ({ name, type = 'A', answers }) => {
    const { reply } = ask(name + SUFFIX, type);
    expect(reply).toMatchObject({ rcode: RCODE.NOERROR, isAuthoritative: true });
    expect(reply.answers.map(value).sort()).toEqual(answers);
    expect(reply.answers.every(({ ttl, name: owner }) => ttl === 5 && owner === name + SUFFIX)).toBe(true);
    // What exists without such a record says so by the zone's SOA.
    expect(reply.authorities?.map(({ type: kind }) => kind)).toEqual(answers.length === 0 ? ['SOA'] : []);
  });

  test.each([
    'nope.default.svc',
    'web.nope.svc',
    'nope.svc',
    'pending.default.svc',
    'empty.default.svc',
    'x.web.default.svc',
    'x.ext.default.svc',
    'a.b.c.web.default.svc',
    '_nope._tcp.web.default.svc',
    '_http._udp.web.default.svc',
    '10-42-2-8.db.default.svc',
    'http.tcp.web.default.svc',
    '10-42-1-5.nope.pod',
    'x.default.pod',
    '10-42-1-500.default.pod',
    'nope',
    'x.dns-version',
  ])('%s does not exist', (name) => {
    const { reply } = ask(name + SUFFIX);
    expect(reply).toMatchObject({ rcode: RCODE.NXDOMAIN, isAuthoritative: true, answers: [] });
    expect(reply.authorities).toMatchObject([{ type: 'SOA', name: 'cluster.local', ttl: 5, minimum: 5 }]);
  });

  test('the domain itself has SOA and NS', () => {
    expect(ask('cluster.local', 'SOA').reply.answers).toMatchObject([{ type: 'SOA', primary: 'ns.dns.cluster.local' }]);
    expect(ask('cluster.local', 'NS').reply.answers.map(value)).toEqual(['ns.dns.cluster.local']);
    expect(ask('cluster.local').reply).toMatchObject({ rcode: RCODE.NOERROR, answers: [] });
  });

  test('SRV answers carry the addresses along', () => {
    const { reply } = ask(`_sql._tcp.db.default.svc${SUFFIX}`, 'SRV');
    expect(reply.additionals?.map((record) => `${record.name.replace(SUFFIX, '')} ${value(record)}`)).toContain(
      'db-1.db.default.svc 10.42.2.6',
    );
  });

  test('an external name asks for its target to be added', () => {
    expect(ask(`ext.default.svc${SUFFIX}`)).toMatchObject({
      alias: 'example.com',
      reply: { answers: [{ type: 'CNAME' }] },
    });
    expect(ask(`ext.default.svc${SUFFIX}`, 'CNAME').alias).toBeUndefined();
  });

  test('all addresses of a headless service come first at times', () => {
    const firsts = new Set(
      Array.from({ length: 60 }, () => ask(`db.default.svc${SUFFIX}`).reply.answers.map(value)[0]),
    );
    expect(firsts.size).toBe(3);
  });

  test.each(['example.com', 'notcluster.local', 'local', ''])('%j is not ours', (name) => {
    expect(answerCluster(makeQuery(name, TYPE.A), index, config)).toBeUndefined();
  });

  test('before everything is known, nothing is denied', () => {
    const outcome = answerCluster(makeQuery(`web.default.svc${SUFFIX}`, TYPE.A), new ZoneIndex(), config);
    expect(outcome).toMatchObject({ reply: { rcode: RCODE.SERVFAIL } });
  });
});

test('a service that changes or goes is followed', () => {
  const own = new ZoneIndex();
  const look = () => {
    const outcome = answerCluster(makeQuery(`web.default.svc${SUFFIX}`, TYPE.A), own, config);
    return outcome !== undefined && 'reply' in outcome ? outcome.reply.answers.map(value) : [];
  };
  own.apply({
    replaceAll: true,
    services: [['default/web', serviceEntry(service('web'), [])]],
    namespaces: [['default', true]],
  });
  expect([look(), own.namesOf('10.43.0.80')]).toEqual([['10.43.0.80'], ['web.default.svc']]);
  own.apply({
    services: [['default/web', serviceEntry(service('web', { clusterIP: '10.43.0.81' }), [])]],
    namespaces: [],
  });
  expect([look(), own.namesOf('10.43.0.80')]).toEqual([['10.43.0.81'], []]);
  own.apply({ services: [['default/web', undefined]], namespaces: [['default', false]] });
  expect([look(), own.namesOf('10.43.0.81'), own.hasNamespace('default')]).toEqual([[], [], false]);
});
