/** A range of IPv4 addresses; `base` is its first address. */
export interface Ipv4Range {
  readonly base: number;
  readonly prefix: number;
  readonly size: number;
}

/** The address as a number, or undefined if the text is not a plain dotted IPv4 address. */
export function ipv4ToNumber(text: string): number | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  let value = 0;
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function ipv4ToText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** Parses `10.42.0.0/16`; throws on anything else, also on set host bits. */
export function parseIpv4Range(text: string): Ipv4Range {
  const [address = '', prefixText = ''] = text.split('/');
  const base = ipv4ToNumber(address);
  const prefix = /^\d{1,2}$/.test(prefixText) ? Number(prefixText) : 33;
  const size = 2 ** (32 - prefix);
  if (base === undefined || prefix > 32 || base % size !== 0 || text.split('/').length !== 2) {
    throw new RangeError(`"${text}" is not an IPv4 range like 10.42.0.0/16`);
  }
  return { base, prefix, size };
}

export function rangeContains({ base, size }: Ipv4Range, address: number): boolean {
  return address >= base && address < base + size;
}

/** Splits a range in two halves; a single address stays whole. */
export function halves({ base, prefix, size }: Ipv4Range): string[] {
  if (prefix === 32) return [`${ipv4ToText(base)}/32`];
  return [0, size / 2].map((offset) => `${ipv4ToText(base + offset)}/${prefix + 1}`);
}
