import { goJson, goQuote } from './go-text.ts';

export type FieldErrorType =
  | 'Required'
  | 'Invalid'
  | 'Duplicate'
  | 'NotSupported'
  | 'Forbidden'
  | 'NotFound'
  | 'TooLong'
  | 'TooShort'
  | 'TooMany'
  | 'TooFew'
  | 'TypeInvalid'
  | 'Internal';

/** One thing wrong with one field. `badValue` is printed unless it is absent or the type never shows values. */
export interface FieldError {
  readonly type: FieldErrorType;
  /** Path from the object's root, e.g. `spec.ports[0].name`; `""` prints as `<nil>`. */
  readonly field: string;
  readonly badValue?: unknown;
  readonly detail: string;
}

interface TypeText {
  readonly text: string;
  readonly cause: string;
  readonly showsValue: boolean;
}

const TYPES: Readonly<Record<FieldErrorType, TypeText>> = {
  Required: { text: 'Required value', cause: 'FieldValueRequired', showsValue: false },
  Invalid: { text: 'Invalid value', cause: 'FieldValueInvalid', showsValue: true },
  Duplicate: { text: 'Duplicate value', cause: 'FieldValueDuplicate', showsValue: true },
  NotSupported: { text: 'Unsupported value', cause: 'FieldValueNotSupported', showsValue: true },
  Forbidden: { text: 'Forbidden', cause: 'FieldValueForbidden', showsValue: false },
  NotFound: { text: 'Not found', cause: 'FieldValueNotFound', showsValue: true },
  TooLong: { text: 'Too long', cause: 'FieldValueTooLong', showsValue: false },
  TooShort: { text: 'Too short', cause: 'FieldValueTooShort', showsValue: false },
  TooMany: { text: 'Too many', cause: 'FieldValueTooMany', showsValue: true },
  TooFew: { text: 'Too few', cause: 'FieldValueTooFew', showsValue: true },
  TypeInvalid: { text: 'Invalid value', cause: 'FieldValueTypeInvalid', showsValue: true },
  Internal: { text: 'Internal error', cause: 'InternalError', showsValue: false },
};

/** The error without its field, as it stands in `details.causes[].message`. */
export function fieldErrorBody(error: FieldError): string {
  const { text, showsValue } = TYPES[error.type];
  const value = showsValue && 'badValue' in error ? `: ${renderValue(error.badValue)}` : '';
  return `${text}${value}${error.detail === '' ? '' : `: ${error.detail}`}`;
}

/** The whole error as one line: `spec.x: Invalid value: "a": must be b`. */
export function renderFieldError(error: FieldError): string {
  return `${error.field === '' ? '<nil>' : error.field}: ${fieldErrorBody(error)}`;
}

/** Several errors as upstream's aggregate prints them: one alone, or `[a, b]` without repetitions. */
export function renderFieldErrors(errors: readonly FieldError[]): string {
  const lines = [...new Set(errors.map(renderFieldError))];
  return lines.length === 1 ? (lines[0] ?? '') : `[${lines.join(', ')}]`;
}

/** The reason a Status cause carries for this error: `FieldValueInvalid`. */
export function causeReason(error: FieldError): string {
  return TYPES[error.type].cause;
}

function renderValue(value: unknown): string {
  if (typeof value === 'string') return goQuote(value);
  return goJson(value ?? null);
}
