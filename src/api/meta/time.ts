/** RFC 3339 in UTC with whole seconds: the form of every `Time` field. */
export function formatTime(date: Date): string {
  return `${date.toISOString().slice(0, 19)}Z`;
}

/** RFC 3339 in UTC with microseconds: the form of every `MicroTime` field. */
export function formatMicroTime(date: Date, microseconds = 0): string {
  return `${date.toISOString().slice(0, 23)}${String(microseconds).padStart(3, '0')}Z`;
}

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/;

interface Instant {
  readonly ms: number;
  /** Microseconds beyond the millisecond. */
  readonly microseconds: number;
}

function parseInstant(text: string): Instant | undefined {
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  const fraction = (match[7] ?? '').padEnd(6, '0');
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second, Number(fraction.slice(0, 3)));
  // Date carries over what does not fit; a date that moved was none.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  if (hour > 23 || minute > 59 || second > 59 || Number(match[9] ?? 0) > 24 || Number(match[10] ?? 0) > 60)
    return undefined;
  const offsetMinutes = Number(match[9] ?? 0) * 60 + Number(match[10] ?? 0);
  const offsetMs = (match[8] === '-' ? -1 : 1) * offsetMinutes * 60_000;
  return { ms: date.getTime() - offsetMs, microseconds: Number(fraction.slice(3, 6)) };
}

/** Milliseconds since 1970 of RFC 3339 text; undefined if it is none. */
export function parseTime(text: string): number | undefined {
  return parseInstant(text)?.ms;
}

/** RFC 3339 text as the API stores it in a `Time` field: UTC, fraction dropped. Undefined if it is none. */
export function canonicalTime(text: string): string | undefined {
  const instant = parseInstant(text);
  return instant === undefined ? undefined : formatTime(new Date(instant.ms));
}

/** RFC 3339 text as the API stores it in a `MicroTime` field. Undefined if it is none. */
export function canonicalMicroTime(text: string): string | undefined {
  const instant = parseInstant(text);
  return instant === undefined ? undefined : formatMicroTime(new Date(instant.ms), instant.microseconds);
}

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

const pair = (high: number, highUnit: string, low: number, lowUnit: string) =>
  low === 0 ? `${high}${highUnit}` : `${high}${highUnit}${low}${lowUnit}`;

/** How long ago, for people: two figures at most, as the Age column shows it. */
export function humanDuration(ms: number): string {
  const seconds = Math.trunc(ms / SECOND);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.trunc(ms / MINUTE);
  if (minutes < 10) return pair(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.trunc(ms / HOUR);
  if (hours < 8) return pair(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.trunc(hours / 24);
  if (days < 8) return pair(days, 'd', hours % 24, 'h');
  if (days < 365 * 2) return `${days}d`;
  const years = Math.trunc(days / 365);
  return days < 365 * 8 ? pair(years, 'y', days % 365, 'd') : `${years}y`;
}

/** Age of a timestamp at `now`; `<unknown>` where there is none. */
export function ageOf(timestamp: string | null | undefined, now: Date): string {
  const ms = timestamp === undefined || timestamp === null ? undefined : parseTime(timestamp);
  return ms === undefined ? '<unknown>' : humanDuration(now.getTime() - ms);
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: SECOND,
  m: MINUTE,
  h: HOUR,
};
const TERM = /(\d+\.?\d*|\.\d+)([^\d.]*)/y;

/** Milliseconds of a Go duration such as `1h30m` or `-1.5s`. Throws an Error with Go's words. */
export function parseDuration(text: string): number {
  const bad = (problem: string) => new Error(`time: ${problem} ${JSON.stringify(text)}`);
  const negative = text.startsWith('-');
  const body = /^[+-]/.test(text) ? text.slice(1) : text;
  if (body === '0') return 0;
  if (body === '') throw bad('invalid duration');
  let total = 0;
  let position = 0;
  while (position < body.length) {
    TERM.lastIndex = position;
    const [term, amount, unit = ''] = TERM.exec(body) ?? [];
    if (term === undefined) throw bad('invalid duration');
    if (unit === '') throw bad('missing unit in duration');
    const factor = Object.hasOwn(UNIT_MS, unit) ? UNIT_MS[unit] : undefined;
    if (factor === undefined) throw bad(`unknown unit ${JSON.stringify(unit)} in duration`);
    total += Number(amount) * factor;
    position += term.length;
  }
  if (total > 9_223_372_036_854.775) throw bad('invalid duration');
  return negative ? -total : total;
}

/** A Go duration: `1h30m0s`, `1.5s`, `200ms`, `0s`. */
export function formatDuration(ms: number): string {
  if (ms === 0) return '0s';
  const sign = ms < 0 ? '-' : '';
  const nanos = Math.round(Math.abs(ms) * 1e6);
  if (nanos < 1000) return `${sign}${nanos}ns`;
  if (nanos < 1e6) return `${sign}${nanos / 1000}µs`;
  if (nanos < 1e9) return `${sign}${nanos / 1e6}ms`;
  const seconds = Math.floor(nanos / 1e9);
  const fraction = String(nanos % 1e9)
    .padStart(9, '0')
    .replace(/0+$/, '');
  const tail = `${seconds % 60}${fraction === '' ? '' : `.${fraction}`}s`;
  if (seconds < 60) return sign + tail;
  const minutes = `${Math.floor(seconds / 60) % 60}m${tail}`;
  return sign + (seconds < 3600 ? minutes : `${Math.floor(seconds / 3600)}h${minutes}`);
}
