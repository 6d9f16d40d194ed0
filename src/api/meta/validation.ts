import type { FieldError } from './field-error.ts';
import { goQuote } from './go-text.ts';

export {
  causeReason,
  type FieldError,
  type FieldErrorType,
  fieldErrorBody,
  renderFieldError,
  renderFieldErrors,
} from './field-error.ts';

/** The field must be given. */
export function required(field: string, detail = ''): FieldError {
  return { type: 'Required', field, detail };
}

/** The value breaks a rule that `detail` states (`must be ...`). */
export function invalidValue(field: string, badValue: unknown, detail: string): FieldError {
  return { type: 'Invalid', field, badValue, detail };
}

/** The value has the wrong JSON type. */
export function typeInvalid(field: string, badValue: unknown, detail: string): FieldError {
  return { type: 'TypeInvalid', field, badValue, detail };
}

/** The value is none of `allowed`, which are printed in the given order. */
export function notSupported(field: string, badValue: unknown, allowed: readonly string[] = []): FieldError {
  const detail = allowed.length === 0 ? '' : `supported values: ${allowed.map(goQuote).join(', ')}`;
  return { type: 'NotSupported', field, badValue, detail };
}

/** The value stands twice where it must be unique. */
export function duplicate(field: string, badValue: unknown): FieldError {
  return { type: 'Duplicate', field, badValue, detail: '' };
}

/** The value changed and may not. */
export function immutable(field: string, badValue: unknown): FieldError {
  return invalidValue(field, badValue, 'field is immutable');
}

/** The field may not be set, or not changed, under the present conditions. */
export function forbiddenField(field: string, detail: string): FieldError {
  return { type: 'Forbidden', field, detail };
}

/** The value names something that is not there. */
export function notFoundValue(field: string, badValue: unknown): FieldError {
  return { type: 'NotFound', field, badValue, detail: '' };
}

/** The text is longer than `maxBytes`; the text itself is not printed. */
export function tooLong(field: string, maxBytes: number): FieldError {
  return { type: 'TooLong', field, detail: `may not be more than ${maxBytes} ${maxBytes === 1 ? 'byte' : 'bytes'}` };
}

/** The list holds `actual` items, more than `max`. */
export function tooMany(field: string, actual: number, max: number): FieldError {
  const detail = `must have at most ${max} ${max === 1 ? 'item' : 'items'}`;
  return { type: 'TooMany', field, badValue: actual, detail };
}

/** The list holds `actual` items, fewer than `min`. */
export function tooFew(field: string, actual: number, min: number): FieldError {
  const detail = `must have at least ${min} ${min === 1 ? 'item' : 'items'}`;
  return { type: 'TooFew', field, badValue: actual, detail };
}

/** The check itself failed. */
export function internalFieldError(field: string, error: unknown): FieldError {
  return { type: 'Internal', field, detail: error instanceof Error ? error.message : String(error) };
}
