import { goQuote } from './go-text.ts';
import { type FieldError, invalidValue } from './validation.ts';

/** An address as a number. IPv4-mapped IPv6 text keeps family 6. */
export interface IpAddress {
  readonly family: 4 | 6;
  readonly value: bigint;
}

export interface Cidr {
  /** The address as written, host bits included. */
  readonly address: IpAddress;
  readonly prefix: number;
}

const widthOf = (family: 4 | 6) => (family === 4 ? 32 : 128);

/** Parses IPv4 or IPv6 text (no zone); undefined if it is neither. Leading zeros of an octet are refused. */
export function parseIp(text: string): IpAddress | undefined {
  const value = text.includes(':') ? parseIpv6(text) : parseIpv4(text);
  return value === undefined ? undefined : { family: text.includes(':') ? 6 : 4, value };
}

function parseIpv4(text: string): bigint | undefined {
  const octets = text.split('.');
  if (octets.length !== 4) return undefined;
  let value = 0;
  for (const octet of octets) {
    if (!/^(0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return undefined;
    value = value * 256 + Number(octet);
  }
  return BigInt(value);
}

function parseIpv6(text: string): bigint | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = parseGroups(halves[0] ?? '', halves.length === 1);
  const tail = halves.length === 1 ? [] : parseGroups(halves[1] ?? '', true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  return groups.reduce((value, group) => (value << 16n) | BigInt(group), 0n);
}

function parseGroups(text: string, mayEndInIpv4: boolean): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (mayEndInIpv4 && index === parts.length - 1 && part.includes('.')) {
      const ipv4 = parseIpv4(part);
      if (ipv4 === undefined) return undefined;
      groups.push(Number(ipv4 >> 16n), Number(ipv4 & 0xffffn));
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return undefined;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups;
}

/** Prints an address canonically (RFC 5952); IPv4-mapped ones as `::ffff:1.2.3.4`. */
export function formatIp({ family, value }: IpAddress): string {
  if (family === 4) return formatIpv4(value);
  if (value >> 32n === 0xffffn) return `::ffff:${formatIpv4(value & 0xffffffffn)}`;
  const groups = Array.from({ length: 8 }, (_, i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16));
  const { start, length } = longestZeroRun(groups);
  if (length < 2) return groups.join(':');
  return `${groups.slice(0, start).join(':')}::${groups.slice(start + length).join(':')}`;
}

const formatIpv4 = (value: bigint) => [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');

function longestZeroRun(groups: readonly string[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === '0' ? length + 1 : 0;
    if (length > best.length) best = { start: index - length + 1, length };
  }
  return best;
}

/** Parses `address/prefix`; undefined if it is none. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return undefined;
  const address = parseIp(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (address === undefined || !/^(0|[1-9]\d{0,2})$/.test(length)) return undefined;
  return Number(length) > widthOf(address.family) ? undefined : { address, prefix: Number(length) };
}

/** The first address of the range. */
export function networkOf({ address, prefix }: Cidr): IpAddress {
  const hostBits = BigInt(widthOf(address.family) - prefix);
  return { family: address.family, value: (address.value >> hostBits) << hostBits };
}

/** Prints a range canonically, host bits cleared. */
export function formatCidr(cidr: Cidr): string {
  return `${formatIp(networkOf(cidr))}/${cidr.prefix}`;
}

/** Whether the address lies in the range; families never mix. */
export function cidrContains(cidr: Cidr, address: IpAddress): boolean {
  if (cidr.address.family !== address.family) return false;
  return networkOf({ address, prefix: cidr.prefix }).value === networkOf(cidr).value;
}

/** Whether two ranges share an address. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return a.prefix <= b.prefix ? cidrContains(a, b.address) : cidrContains(b, a.address);
}

/** Errors of a field that holds one address; IPv4-mapped IPv6 is refused as well. */
export function validateIp(field: string, text: string): FieldError[] {
  const address = parseIp(text);
  if (address === undefined) {
    return hasLeadingZeros(text, parseIp)
      ? [invalidValue(field, text, 'must not have leading 0s')]
      : [invalidValue(field, text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
  }
  return isMapped(address) ? [invalidValue(field, text, 'must not be an IPv4-mapped IPv6 address')] : [];
}

/** Like `validateIp`, and the text must be in canonical form: the rule of newer fields. */
export function validateCanonicalIp(field: string, text: string): FieldError[] {
  const errors = validateIp(field, text);
  const address = parseIp(text);
  if (errors.length > 0 || address === undefined || formatIp(address) === text) return errors;
  return [invalidValue(field, text, `must be in canonical form (${goQuote(formatIp(address))})`)];
}

/** Errors of a field that holds one range, which may not have bits set beyond its prefix. */
export function validateCidr(field: string, text: string): FieldError[] {
  const cidr = parseCidr(text);
  if (cidr === undefined) {
    return hasLeadingZeros(text, parseCidr)
      ? [invalidValue(field, text, 'must not have leading 0s in IP or prefix length')]
      : [invalidValue(field, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
  }
  if (isMapped(cidr.address)) return [invalidValue(field, text, 'must not have an IPv4-mapped IPv6 address')];
  if (networkOf(cidr).value !== cidr.address.value) {
    return [invalidValue(field, text, 'must not have bits set beyond the prefix length')];
  }
  return [];
}

const isMapped = ({ family, value }: IpAddress) => family === 6 && value >> 32n === 0xffffn;

/** Whether the text would parse but for leading zeros of decimal numbers. */
function hasLeadingZeros<T>(text: string, parse: (text: string) => T | undefined): boolean {
  const cleaned = text.replace(/(^|[./])0+(?=\d)/g, '$1');
  return cleaned !== text && parse(cleaned) !== undefined;
}
