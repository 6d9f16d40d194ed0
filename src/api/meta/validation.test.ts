import { expect, test } from 'vitest';
import {
  causeReason,
  duplicate,
  fieldErrorBody,
  forbiddenField,
  immutable,
  internalFieldError,
  invalidValue,
  notFoundValue,
  notSupported,
  renderFieldError,
  renderFieldErrors,
  required,
  tooFew,
  tooLong,
  tooMany,
  typeInvalid,
} from './validation.ts';

test.each([
  { error: required('spec.x'), text: 'spec.x: Required value', cause: 'FieldValueRequired' },
  { error: required('spec.x', 'say it'), text: 'spec.x: Required value: say it', cause: 'FieldValueRequired' },
  {
    error: invalidValue('spec.x', 'a"b', 'must be c'),
    text: 'spec.x: Invalid value: "a\\"b": must be c',
    cause: 'FieldValueInvalid',
  },
  {
    error: invalidValue('spec.x', -1, 'must be positive'),
    text: 'spec.x: Invalid value: -1: must be positive',
    cause: 'FieldValueInvalid',
  },
  {
    error: invalidValue('spec.x', { a: '<b>' }, 'is odd'),
    text: 'spec.x: Invalid value: {"a":"\\u003cb\\u003e"}: is odd',
    cause: 'FieldValueInvalid',
  },
  { error: invalidValue('x', undefined, 'is odd'), text: 'x: Invalid value: null: is odd', cause: 'FieldValueInvalid' },
  {
    error: typeInvalid('x', 'a', 'x in body must be of type integer: "string"'),
    text: 'x: Invalid value: "a": x in body must be of type integer: "string"',
    cause: 'FieldValueTypeInvalid',
  },
  {
    error: notSupported('x', 'c', ['A', 'B']),
    text: 'x: Unsupported value: "c": supported values: "A", "B"',
    cause: 'FieldValueNotSupported',
  },
  { error: notSupported('x', 'c'), text: 'x: Unsupported value: "c"', cause: 'FieldValueNotSupported' },
  { error: duplicate('x[1]', 'c'), text: 'x[1]: Duplicate value: "c"', cause: 'FieldValueDuplicate' },
  { error: immutable('x', 'c'), text: 'x: Invalid value: "c": field is immutable', cause: 'FieldValueInvalid' },
  { error: forbiddenField('x', 'not now'), text: 'x: Forbidden: not now', cause: 'FieldValueForbidden' },
  { error: notFoundValue('x', 'v'), text: 'x: Not found: "v"', cause: 'FieldValueNotFound' },
  { error: tooLong('x', 63), text: 'x: Too long: may not be more than 63 bytes', cause: 'FieldValueTooLong' },
  { error: tooLong('x', 1), text: 'x: Too long: may not be more than 1 byte', cause: 'FieldValueTooLong' },
  { error: tooMany('x', 5, 3), text: 'x: Too many: 5: must have at most 3 items', cause: 'FieldValueTooMany' },
  { error: tooMany('x', 2, 1), text: 'x: Too many: 2: must have at most 1 item', cause: 'FieldValueTooMany' },
  { error: tooFew('x', 0, 1), text: 'x: Too few: 0: must have at least 1 item', cause: 'FieldValueTooFew' },
  { error: tooFew('x', 0, 2), text: 'x: Too few: 0: must have at least 2 items', cause: 'FieldValueTooFew' },
  { error: internalFieldError('x', new Error('boom')), text: 'x: Internal error: boom', cause: 'InternalError' },
  { error: internalFieldError('x', 'boom'), text: 'x: Internal error: boom', cause: 'InternalError' },
  { error: required(''), text: '<nil>: Required value', cause: 'FieldValueRequired' },
])('$text', ({ error, text, cause }) => {
  expect(renderFieldError(error)).toBe(text);
  expect(causeReason(error)).toBe(cause);
  expect(text.endsWith(fieldErrorBody(error))).toBe(true);
});

test('several errors are bracketed, each once', () => {
  expect(renderFieldErrors([required('a'), required('b'), required('a')])).toBe(
    '[a: Required value, b: Required value]',
  );
  expect(renderFieldErrors([required('a'), required('a')])).toBe('a: Required value');
});
