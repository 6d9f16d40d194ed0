import { goQuote } from './go-text.ts';

/** A number, or text that is a percentage or a name. */
export type IntOrString = number | string;

/** The percentage of text such as `25%`; undefined for anything else. */
export function parsePercent(value: IntOrString): number | undefined {
  if (typeof value !== 'string' || !/^[+-]?\d+%$/.test(value)) return undefined;
  return Number(value.slice(0, -1));
}

/**
 * The number meant: itself, or the percentage of `total`, rounded as asked (maxSurge up, maxUnavailable down). Throws
 * an Error with upstream's words for text that is no percentage.
 */
export function scaleIntOrPercent(value: IntOrString, total: number, rounding: 'up' | 'down'): number {
  if (typeof value === 'number') return value;
  const percent = parsePercent(value);
  if (percent === undefined) throw new Error(`invalid value for IntOrString: ${whyNotPercent(value)}`);
  const scaled = (percent * total) / 100;
  return rounding === 'up' ? Math.ceil(scaled) : Math.floor(scaled);
}

function whyNotPercent(value: string): string {
  if (!value.endsWith('%')) return 'invalid type: string is not a percentage';
  const digits = goQuote(value.slice(0, -1));
  return `invalid value ${goQuote(value)}: strconv.Atoi: parsing ${digits}: invalid syntax`;
}
