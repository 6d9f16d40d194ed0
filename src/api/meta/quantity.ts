export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** An exact amount and the family of suffixes it is written in. Smaller parts than a nano are rounded away from zero. */
export interface Quantity {
  readonly nano: bigint;
  readonly format: QuantityFormat;
}

/** Text that is no quantity. The message is what the API answers. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

const PATTERN = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$';
const PARTS = /^([+-]?)(\d*)(?:\.(\d*))?([eEinumkKMGTP]*[-+]?\d*)$/;
/** More digits or powers than any amount has; a bound on the work one value can cause. */
const MAX_DIGITS = 1000;
const ONE = 1_000_000_000n;
const MAX_BINARY = ((1n << 63n) - 1n) * ONE;

/** Powers of ten by suffix, in steps of three. */
const DECIMAL_POWERS: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  '': 0,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};
const DECIMAL_SUFFIXES: readonly string[] = Object.keys(DECIMAL_POWERS);
const BINARY_POWERS: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const BINARY_SUFFIXES: readonly string[] = ['', ...Object.keys(BINARY_POWERS)];

interface Suffix {
  readonly format: QuantityFormat;
  readonly power: number;
}

function parseSuffix(suffix: string): Suffix {
  if (Object.hasOwn(DECIMAL_POWERS, suffix)) return { format: 'DecimalSI', power: DECIMAL_POWERS[suffix] ?? 0 };
  if (Object.hasOwn(BINARY_POWERS, suffix)) return { format: 'BinarySI', power: BINARY_POWERS[suffix] ?? 0 };
  if (!/^[eE][-+]?\d+$/.test(suffix)) throw new QuantityError("unable to parse quantity's suffix");
  const power = Number(suffix.slice(1));
  if (power > MAX_DIGITS) throw new QuantityError('unable to parse numeric part of quantity');
  return { format: 'DecimalExponent', power };
}

interface Parsed {
  readonly negative: boolean;
  readonly whole: string;
  readonly fraction: string;
  readonly suffix: Suffix;
}

function split(text: string): Parsed {
  const [, sign, digits = '', fraction = '', suffix = ''] = PARTS.exec(text) ?? [];
  // Upstream takes a suffix alone for zero.
  if (sign === undefined || text === '') {
    throw new QuantityError(`quantities must match the regular expression '${PATTERN}'`);
  }
  if (digits.length + fraction.length > MAX_DIGITS) {
    throw new QuantityError('unable to parse numeric part of quantity');
  }
  return { negative: sign === '-', whole: digits.replace(/^0+/, '') || '0', fraction, suffix: parseSuffix(suffix) };
}

/** Parses `1500m`, `1.5Gi`, `12e6` or a JSON number. Throws QuantityError. */
export function parseQuantity(text: string | number): Quantity {
  const { negative, whole, fraction, suffix } = split(String(text));
  const digits = BigInt(whole + fraction);
  const amount =
    suffix.format === 'BinarySI'
      ? scaleToNano(digits << BigInt(suffix.power), -fraction.length)
      : scaleToNano(digits, suffix.power - fraction.length);
  const capped = suffix.format === 'BinarySI' && amount > MAX_BINARY ? MAX_BINARY : amount;
  // A binary amount below one cannot be written with a binary suffix.
  const format = suffix.format === 'BinarySI' && capped > 0n && capped < ONE ? 'DecimalSI' : suffix.format;
  return { nano: negative ? -capped : capped, format };
}

/** `digits * 10^power` in nanos, rounded up. */
function scaleToNano(digits: bigint, power: number): bigint {
  const exponent = power + 9;
  if (exponent >= 0) return digits * 10n ** BigInt(exponent);
  if (exponent < -2 * MAX_DIGITS) return digits === 0n ? 0n : 1n;
  return ceilDiv(digits, 10n ** BigInt(-exponent));
}

/** Division of a non-negative amount that rounds up. */
const ceilDiv = (amount: bigint, divisor: bigint) => (amount + divisor - 1n) / divisor;

/** Prints in canonical form: no fraction, the largest suffix that keeps every digit. */
export function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return '0';
  const sign = nano < 0n ? '-' : '';
  const amount = nano < 0n ? -nano : nano;
  if (format === 'BinarySI' && amount >= 1024n * ONE && amount % ONE === 0n) {
    return sign + formatBinary(amount / ONE);
  }
  return sign + formatDecimal(amount, format === 'DecimalExponent');
}

function formatBinary(amount: bigint): string {
  let mantissa = amount;
  let step = 0;
  while (mantissa % 1024n === 0n && step < BINARY_SUFFIXES.length - 1) {
    mantissa /= 1024n;
    step++;
  }
  return `${mantissa}${BINARY_SUFFIXES[step]}`;
}

function formatDecimal(nano: bigint, exponential: boolean): string {
  let mantissa = nano;
  let step = 0;
  const last = exponential ? Number.POSITIVE_INFINITY : DECIMAL_SUFFIXES.length - 1;
  while (mantissa % 1000n === 0n && step < last) {
    mantissa /= 1000n;
    step++;
  }
  if (!exponential) return `${mantissa}${DECIMAL_SUFFIXES[step]}`;
  const power = step * 3 - 9;
  return power === 0 ? String(mantissa) : `${mantissa}e${power}`;
}

/**
 * The form the API stores. Text that upstream keeps as written (a decimal with a multiple of three fraction digits, an
 * odd binary amount) is kept as well. Throws QuantityError.
 */
export function canonicalQuantity(text: string | number): string {
  const written = String(text);
  return keptAsWritten(split(written)) ? written : formatQuantity(parseQuantity(written));
}

function keptAsWritten({ whole, fraction, suffix }: Parsed): boolean {
  const digits = whole + fraction;
  if (suffix.format === 'BinarySI') {
    const isShort = 15 - whole.length - Math.trunc(suffix.power * 0.3) - 1 >= 0;
    return fraction === '' && isShort && BigInt(digits) % 8n !== 0n;
  }
  const scale = suffix.power - fraction.length;
  return digits.length <= 18 && scale >= -9 && scale % 3 === 0 && !digits.endsWith('000') && !digits.startsWith('0');
}

/** Negative, zero or positive, as `a` is less than, equal to or greater than `b`. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  if (a.nano === b.nano) return 0;
  return a.nano < b.nano ? -1 : 1;
}

/** Whether two texts state the same amount: `1000m` and `1` do. Throws QuantityError. */
export function equalQuantities(a: string | number, b: string | number): boolean {
  return a === b || parseQuantity(a).nano === parseQuantity(b).nano;
}

/** The sum, written like `a` unless that is zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano + b.nano, format: a.nano === 0n ? b.format : a.format };
}

/** The difference, written like `a` unless that is zero. */
export function subtractQuantities(a: Quantity, b: Quantity): Quantity {
  return { nano: a.nano - b.nano, format: a.nano === 0n ? b.format : a.format };
}

/** `factor` times as much; the factor is whole. */
export function multiplyQuantity(quantity: Quantity, factor: number): Quantity {
  return { nano: quantity.nano * BigInt(factor), format: quantity.format };
}

const scaled = (nano: bigint, unit: bigint) => Number(nano < 0n ? -(-nano / unit) : ceilDiv(nano, unit));

/** Thousandths, rounded up: CPU requests. */
export function milliValue(quantity: Quantity): number {
  return scaled(quantity.nano, 1_000_000n);
}

/** Whole units, rounded up: bytes, counts. */
export function wholeValue(quantity: Quantity): number {
  return scaled(quantity.nano, ONE);
}

/** The amount as a floating-point number, for ratios and display. */
export function approximateValue(quantity: Quantity): number {
  return Number(quantity.nano) / 1e9;
}

/** A quantity of `value` whole units. */
export function quantityOf(value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity {
  return { nano: BigInt(value) * ONE, format };
}

/** A quantity of `value` thousandths. */
export function milliQuantityOf(value: number | bigint, format: QuantityFormat = 'DecimalSI'): Quantity {
  return { nano: BigInt(value) * 1_000_000n, format };
}

/** No amount at all: where sums start. */
export const ZERO_QUANTITY: Quantity = { nano: 0n, format: 'DecimalSI' };
