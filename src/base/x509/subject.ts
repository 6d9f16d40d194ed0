import { type DerValue, oid, parseChildren, parseOid, parseSequence, sequence, set, utf8String } from './der.ts';

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';

/** Whom a certificate speaks of: for Kubernetes the user, and the groups it belongs to. */
export interface Subject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

/** A subject as an X.501 name; organizations first, each in a set of its own. */
export function encodeSubject({ commonName, organizations }: Subject): Buffer {
  const attribute = (type: string, value: string) => set(sequence(oid(type), utf8String(value)));
  return sequence(
    ...organizations.map((organization) => attribute(ORGANIZATION, organization)),
    ...(commonName === '' ? [] : [attribute(COMMON_NAME, commonName)]),
  );
}

/** Reads common name and organizations of an X.501 name; other attributes are passed over. */
export function parseSubject(name: DerValue | undefined): Subject {
  let commonName = '';
  const organizations: string[] = [];
  for (const attribute of parseSequence(name).flatMap(parseChildren)) {
    const [type, value] = parseSequence(attribute);
    const text = value === undefined ? '' : value.content.toString('utf8');
    const dotted = parseOid(type);
    if (dotted === COMMON_NAME) commonName = text;
    if (dotted === ORGANIZATION) organizations.push(text);
  }
  return { commonName, organizations };
}
