import { expect, test } from 'vitest';
import { parseIpv4Range } from '#base/ipv4.ts';
import { service, slice } from '#test/support/services.ts';
import { serviceEntry } from '../service-entry.ts';
import { makeQuery, RCODE, TYPE } from '../wire.ts';
import { ZoneIndex } from '../zone-index.ts';
import { answerReverse } from './reverse-zone.ts';

const index = new ZoneIndex();
index.apply({
  replaceAll: true,
  services: [
    ['default/web', serviceEntry(service('web'), [])],
    ['default/db', serviceEntry(service('db', { clusterIP: 'None' }), [slice('db', ['10.42.2.7', '192.0.2.9'])])],
  ],
  namespaces: [],
});
const config = { zone: 'cluster.local', ranges: ['10.42.0.0/16', '10.43.0.0/16'].map(parseIpv4Range) };

function ask(name: string, type: number = TYPE.PTR) {
  const outcome = answerReverse(makeQuery(name, type), index, config);
  return outcome !== undefined && 'reply' in outcome ? outcome.reply : undefined;
}

test.each([
  { name: '80.0.43.10.in-addr.arpa', target: 'web.default.svc.cluster.local' },
  { name: '7.2.42.10.in-addr.arpa', target: '10-42-2-7.db.default.svc.cluster.local' },
  { name: '9.2.0.192.in-addr.arpa', target: '192-0-2-9.db.default.svc.cluster.local' },
])('$name is $target', ({ name, target }) => {
  expect(ask(name)?.answers).toMatchObject([{ type: 'PTR', target, ttl: 5 }]);
});

test('an unused address of ours has no name', () => {
  expect(ask('1.0.43.10.in-addr.arpa')).toMatchObject({
    rcode: RCODE.NXDOMAIN,
    authorities: [{ type: 'SOA', name: '43.10.in-addr.arpa' }],
  });
});

test('another type is not there', () => {
  expect(ask('80.0.43.10.in-addr.arpa', TYPE.TXT)).toMatchObject({ rcode: RCODE.NOERROR, answers: [] });
});

test.each(['1.1.1.1.in-addr.arpa', '43.10.in-addr.arpa', 'x.0.43.10.in-addr.arpa', '1.0.43.10.in-addr.example'])(
  '%s is not ours',
  (name) => {
    expect(ask(name)).toBeUndefined();
  },
);
