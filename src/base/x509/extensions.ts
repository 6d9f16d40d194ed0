import { isIP } from 'node:net';
import {
  bitString,
  boolean,
  context,
  type DerValue,
  integer,
  octetString,
  oid,
  parseChildren,
  parseDer,
  parseOid,
  parseSequence,
  sequence,
  TAG,
} from './der.ts';

export const EXTENSION = {
  subjectKeyId: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyId: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Bits of the key usage extension by the API's names for them, in their order. */
const KEY_USAGES: Readonly<Record<string, number>> = {
  'digital signature': 0,
  signing: 0,
  'content commitment': 1,
  'key encipherment': 2,
  'data encipherment': 3,
  'key agreement': 4,
  'cert sign': 5,
  'crl sign': 6,
  'encipher only': 7,
  'decipher only': 8,
};

const EXTENDED_KEY_USAGES: Readonly<Record<string, string>> = {
  any: '2.5.29.37.0',
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
};

export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** Names a certificate is good for, beside its subject. */
export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emails?: readonly string[];
  readonly uris?: readonly string[];
}

export function extension(id: string, content: Uint8Array, { critical }: { critical: boolean }): Buffer {
  return sequence(oid(id), ...(critical ? [boolean(true)] : []), octetString(content));
}

/** Key usage and extended key usage for usages in the API's words. Throws for words it does not know. */
export function usageExtensions(usages: readonly string[]): Buffer[] {
  const bits = usages.flatMap((usage) => KEY_USAGES[usage] ?? []);
  const purposes = [...new Set(usages.flatMap((usage) => EXTENDED_KEY_USAGES[usage] ?? []))];
  const unknown = usages.find((usage) => !(usage in KEY_USAGES) && !(usage in EXTENDED_KEY_USAGES));
  if (unknown !== undefined) throw new Error(`Cannot issue a certificate: unknown key usage "${unknown}"`);
  return [
    ...(bits.length === 0 ? [] : [extension(EXTENSION.keyUsage, usageBits(bits), { critical: true })]),
    ...(purposes.length === 0
      ? []
      : [extension(EXTENSION.extendedKeyUsage, sequence(...purposes.map(oid)), { critical: false })]),
  ];
}

function usageBits(bits: readonly number[]): Buffer {
  const highest = Math.max(...bits);
  const bytes = Buffer.alloc(Math.floor(highest / 8) + 1);
  for (const bit of bits) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return bitString(bytes, 7 - (highest & 7));
}

/** Marks an authority that signs end certificates, or a certificate that may sign none. */
export function basicConstraints(isAuthority: boolean): Buffer {
  const content = isAuthority ? sequence(boolean(true)) : sequence();
  return extension(EXTENSION.basicConstraints, content, { critical: true });
}

export function subjectKeyId(id: Uint8Array): Buffer {
  return extension(EXTENSION.subjectKeyId, octetString(id), { critical: false });
}

export function authorityKeyId(id: Uint8Array): Buffer {
  const content = sequence(context(0, id, { constructed: false }));
  return extension(EXTENSION.authorityKeyId, content, { critical: false });
}

/** Serial numbers and path lengths need not be minimal here, so the generic integer is kept out of the contract. */
export const version3 = (): Buffer => context(0, integer(2), { constructed: true });

export function alternativeNames({ dnsNames, ipAddresses, emails = [], uris = [] }: AlternativeNames): Buffer[] {
  const text = (tag: number) => (name: string) => context(tag, Buffer.from(name), { constructed: false });
  const names = [
    ...emails.map(text(1)),
    ...dnsNames.map(text(2)),
    ...uris.map(text(6)),
    ...ipAddresses.map((address) => context(7, addressBytes(address), { constructed: false })),
  ];
  return names.length === 0 ? [] : [extension(EXTENSION.subjectAltName, sequence(...names), { critical: false })];
}

/** Finds one extension's content in a list of them. */
export function findExtension(extensions: readonly DerValue[], id: string): DerValue | undefined {
  for (const entry of extensions) {
    const [type, ...rest] = parseSequence(entry);
    const content = rest.find(({ tag }) => tag === TAG.octetString);
    if (parseOid(type) === id && content !== undefined) return parseDer(content.content);
  }
  return undefined;
}

export function parseAlternativeNames(value: DerValue | undefined): Required<AlternativeNames> {
  const names = { dnsNames: [] as string[], ipAddresses: [] as string[], emails: [] as string[], uris: [] as string[] };
  if (value === undefined) return names;
  for (const { tag, content } of parseChildren(value)) {
    if (tag === 0x81) names.emails.push(content.toString());
    else if (tag === 0x82) names.dnsNames.push(content.toString());
    else if (tag === 0x86) names.uris.push(content.toString());
    else if (tag === 0x87) names.ipAddresses.push(addressText(content));
    else throw new Error('Cannot read alternative names: unsupported kind of name');
  }
  return names;
}

/** An address in network byte order. Throws when the text is no address. */
export function addressBytes(address: string): Buffer {
  const family = isIP(address);
  if (family === 4) return Buffer.from(address.split('.').map(Number));
  if (family !== 6) throw new Error(`Cannot issue a certificate: "${address}" is no IP address`);
  const [head = '', tail] = address.replace(/%.*$/, '').split('::');
  const left = groups(head);
  const right = tail === undefined ? [] : groups(tail);
  const zeros = tail === undefined ? [] : new Array<number>(8 - left.length - right.length).fill(0);
  return Buffer.from([...left, ...zeros, ...right].flatMap((group) => [group >> 8, group & 0xff]));
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.length !== 16) throw new Error('Cannot read alternative names: bad IP address');
  const parts = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return new URL(`http://[${parts.join(':')}]`).hostname.slice(1, -1);
}
