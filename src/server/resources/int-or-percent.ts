import { type IntOrString, parsePercent } from '#api/meta/int-or-string.ts';
import { type FieldError, invalidValue } from '#api/meta/validation.ts';

/** A count, or a share like `25%`. */
export function validateIntOrPercent(value: IntOrString | undefined, field: string): FieldError[] {
  if (value === undefined) return [];
  if (typeof value === 'number')
    return value < 0 ? [invalidValue(field, value, 'must be greater than or equal to 0')] : [];
  const percent = /^\d+%$/.test(value) ? parsePercent(value) : undefined;
  if (percent === undefined)
    return [
      invalidValue(
        field,
        value,
        "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
      ),
    ];
  return [];
}

/** A share may not be more than the whole. */
export function notAboveWhole(value: IntOrString | undefined, field: string): FieldError[] {
  const percent = value === undefined ? undefined : parsePercent(value);
  return percent !== undefined && percent > 100 ? [invalidValue(field, value, 'must not be greater than 100%')] : [];
}

export function isZero(value: IntOrString | undefined): boolean {
  return value === 0 || value === '0%' || value === '0';
}
