import { type Ipv4Range, ipv4ToNumber, ipv4ToText, rangeContains } from '#base/ipv4.ts';
import type { DnsPlugin, Outcome } from '../plugin.ts';
import { type DnsRecord, type Query, RCODE, TYPE } from '../wire.ts';
import type { ZoneIndex } from '../zone-index.ts';
import { CLUSTER_TTL, outcomeOf } from './cluster-zone.ts';

export interface ReverseZone {
  readonly zone: string;
  /** Pod and service addresses: nobody else knows their names, so nobody else is asked. */
  readonly ranges: readonly Ipv4Range[];
}

const SUFFIX = '.in-addr.arpa';

/** Names of service and endpoint addresses. */
export function reverseZone(config: ReverseZone, index: ZoneIndex): DnsPlugin {
  return { name: 'reverse-zone', answer: (query) => answerReverse(query, index, config) };
}

/** Pure but for the index: the name of an address, undefined for an address that is not ours. */
export function answerReverse(query: Query, index: ZoneIndex, { zone, ranges }: ReverseZone): Outcome | undefined {
  if (!query.name.endsWith(SUFFIX)) return undefined;
  const octets = query.name.slice(0, -SUFFIX.length).split('.').toReversed();
  const address = ipv4ToNumber(octets.join('.'));
  if (address === undefined) return undefined;
  const names = index.namesOf(ipv4ToText(address));
  const range = ranges.find((candidate) => rangeContains(candidate, address));
  if (range === undefined && names.length === 0) return undefined;
  if (!index.isComplete) return { reply: { rcode: RCODE.SERVFAIL, isAuthoritative: false, answers: [] } };
  const isAsked = query.type === TYPE.PTR || query.type === TYPE.ANY;
  const records = names.map(
    (name): DnsRecord => ({ name: query.name, ttl: CLUSTER_TTL, type: 'PTR', target: `${name}.${zone}` }),
  );
  const found = names.length === 0 ? undefined : { records: isAsked ? records : [] };
  return outcomeOf(found, {
    zone: range === undefined ? SUFFIX.slice(1) : zoneOf(range),
    dnsZone: zone,
    serial: index.version,
  });
}

/** `43.10.in-addr.arpa` for 10.43.0.0/16; for a range between octets, the next bigger one. */
function zoneOf({ base, prefix }: Ipv4Range): string {
  const octets = ipv4ToText(base)
    .split('.')
    .slice(0, Math.floor(prefix / 8));
  return [...octets.toReversed(), SUFFIX.slice(1)].join('.');
}
