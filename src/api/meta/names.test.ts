import { describe, expect, test } from 'vitest';
import * as names from './names.ts';

const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const QUALIFIED =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

interface Row {
  check: names.NameRule;
  value: string;
  /** Whole messages, or their beginnings. */
  errors: string[];
}

const rows: Row[] = [
  { check: names.checkDns1123Subdomain, value: 'a.b-c.1', errors: [] },
  { check: names.checkDns1123Subdomain, value: 'A', errors: [SUBDOMAIN] },
  {
    check: names.checkDns1123Subdomain,
    value: `a.${'b'.repeat(252)}`,
    errors: ['must be no more than 253 characters'],
  },
  { check: names.checkDns1123Subdomain, value: '-'.repeat(254), errors: ['must be no more than 253', 'a lowercase'] },
  { check: names.checkDns1123Label, value: 'a-1', errors: [] },
  { check: names.checkDns1123Label, value: 'a.b', errors: ['must not contain dots'] },
  { check: names.checkDns1123Label, value: 'a_b', errors: [LABEL] },
  { check: names.checkDns1123Label, value: 'a'.repeat(64), errors: ['must be no more than 63 characters'] },
  { check: names.checkDns1035Label, value: 'a1', errors: [] },
  { check: names.checkDns1035Label, value: '1a', errors: ['a DNS-1035 label must consist of'] },
  { check: names.checkDns1035Label, value: 'a'.repeat(64), errors: ['must be no more than 63 characters'] },
  { check: names.checkWildcardDns1123Subdomain, value: '*.a.b', errors: [] },
  { check: names.checkWildcardDns1123Subdomain, value: 'a.b', errors: ['a wildcard DNS-1123 subdomain must start'] },
  { check: names.checkWildcardDns1123Subdomain, value: `*.${'a'.repeat(252)}`, errors: ['must be no more than 253'] },
  { check: names.checkPathSegmentName, value: 'system:node A', errors: [] },
  { check: names.checkPathSegmentName, value: '.', errors: ["may not be '.'"] },
  { check: names.checkPathSegmentName, value: '..', errors: ["may not be '..'"] },
  { check: names.checkPathSegmentName, value: 'a/b%', errors: ["may not contain '/'", "may not contain '%'"] },
  { check: names.checkQualifiedName, value: 'a.b/C_d', errors: [] },
  { check: names.checkQualifiedName, value: 'a', errors: [] },
  { check: names.checkQualifiedName, value: '', errors: ['name part must be non-empty', `name part ${QUALIFIED}`] },
  { check: names.checkQualifiedName, value: '/a', errors: ['prefix part must be non-empty'] },
  { check: names.checkQualifiedName, value: 'A/a', errors: [`prefix part ${SUBDOMAIN}`] },
  {
    check: names.checkQualifiedName,
    value: `${'a'.repeat(254)}/a`,
    errors: ['prefix part must be no more than 253 bytes'],
  },
  { check: names.checkQualifiedName, value: 'a'.repeat(64), errors: ['name part must be no more than 63 bytes'] },
  {
    check: names.checkQualifiedName,
    value: 'a/b/c',
    errors: [
      `a valid label key ${QUALIFIED} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ],
  },
  { check: names.checkLabelValue, value: '', errors: [] },
  { check: names.checkLabelValue, value: 'A_b.c-1', errors: [] },
  { check: names.checkLabelValue, value: 'a b', errors: ['a valid label must be an empty string or consist of'] },
  { check: names.checkLabelValue, value: 'a'.repeat(64), errors: ['must be no more than 63 bytes'] },
  { check: names.checkPortName, value: 'http-1', errors: [] },
  { check: names.checkPortName, value: 'a'.repeat(16), errors: ['must be no more than 15 characters'] },
  { check: names.checkPortName, value: '80', errors: ['must contain at least one letter (a-z)'] },
  { check: names.checkPortName, value: 'a--b', errors: ['must not contain consecutive hyphens'] },
  { check: names.checkPortName, value: '-a', errors: ['must not begin or end with a hyphen'] },
  { check: names.checkPortName, value: 'aB', errors: ['must contain only alpha-numeric characters (a-z, 0-9)'] },
  { check: names.checkEnvVarName, value: 'my.env-NAME_1', errors: [] },
  { check: names.checkEnvVarName, value: '1A', errors: ['a valid environment variable name must consist of'] },
  { check: names.checkEnvVarName, value: '..', errors: ["must not be '..'"] },
  { check: names.checkRelaxedEnvVarName, value: '1 a{}', errors: [] },
  { check: names.checkRelaxedEnvVarName, value: '', errors: ['environment variable name must be non-empty'] },
  {
    check: names.checkRelaxedEnvVarName,
    value: 'a=b',
    errors: ['a valid environment variable name must consist only'],
  },
  { check: names.checkConfigMapKey, value: 'a.b_C-1', errors: [] },
  { check: names.checkConfigMapKey, value: 'a/b', errors: ['a valid config key must consist of alphanumeric'] },
  { check: names.checkConfigMapKey, value: '.', errors: ["must not be '.'"] },
  { check: names.checkConfigMapKey, value: '..a', errors: ["must not start with '..'"] },
  { check: names.checkConfigMapKey, value: 'a'.repeat(254), errors: ['must be no more than 253 characters'] },
  { check: names.checkCIdentifier, value: '_a1', errors: [] },
  { check: names.checkCIdentifier, value: '1a', errors: ['a valid C identifier must start with'] },
  { check: names.checkPercent, value: '10%', errors: [] },
  { check: names.checkPercent, value: '10', errors: ['a valid percent string must be a numeric string'] },
  { check: names.checkHttpHeaderName, value: 'X-A', errors: [] },
  { check: names.checkHttpHeaderName, value: 'X A', errors: ['a valid HTTP header must consist of'] },
];

test.each(rows)('$check.name $value', ({ check, value, errors }) => {
  const found = check(value);
  expect(found).toHaveLength(errors.length);
  for (const [index, error] of errors.entries()) expect(found[index]?.startsWith(error)).toBe(true);
});

test('patternMessage without examples', () => {
  expect(names.patternMessage('Invalid path', 'a+')).toBe("Invalid path (regex used for validation is 'a+')");
});

test.each([
  [1, []],
  [65535, []],
  [0, ['must be between 1 and 65535, inclusive']],
  [65536, ['must be between 1 and 65535, inclusive']],
])('port %d', (port, errors) => expect(names.checkPortNumber(port)).toEqual(errors));

describe('generateName', () => {
  test('appends five characters of the alphabet', () => {
    expect(names.generateName('web-', () => 0)).toBe('web-bbbbb');
    expect(names.generateName('web-', () => 0.999999)).toBe('web-99999');
    expect(names.generateName('web-')).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test('cuts the base so that the whole is a label', () => {
    expect(names.generateName('a'.repeat(80))).toHaveLength(63);
  });

  test.each([
    ['web-', 'wea'],
    ['web', 'web'],
    ['-', '-'],
  ])('mask of %s', (base, masked) => expect(names.maskGenerateName(base)).toBe(masked));
});
