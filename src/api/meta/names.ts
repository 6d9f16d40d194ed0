/** Judges one name: what is wrong with it in the API's words; empty when it is good. */
export type NameRule = (name: string) => readonly string[];

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const WILDCARD = `\\*\\.${SUBDOMAIN}`;
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${QUALIFIED})?`;
const C_IDENTIFIER = '[A-Za-z_][A-Za-z0-9_]*';
const ENV_NAME = '[-._a-zA-Z][-._a-zA-Z0-9]*';
const CONFIG_KEY = '[-._a-zA-Z0-9]+';
const PERCENT = '[0-9]+%';
const HTTP_HEADER = '[-A-Za-z0-9]+';

const anchored = (source: string) => new RegExp(`^${source}$`);

const LABEL_REGEX = anchored(LABEL);
const SUBDOMAIN_REGEX = anchored(SUBDOMAIN);
const LABEL_1035_REGEX = anchored(LABEL_1035);
const WILDCARD_REGEX = anchored(WILDCARD);
const QUALIFIED_REGEX = anchored(QUALIFIED);
const LABEL_VALUE_REGEX = anchored(LABEL_VALUE);
const C_IDENTIFIER_REGEX = anchored(C_IDENTIFIER);
const ENV_NAME_REGEX = anchored(ENV_NAME);
const CONFIG_KEY_REGEX = anchored(CONFIG_KEY);
const PERCENT_REGEX = anchored(PERCENT);
const HTTP_HEADER_REGEX = anchored(HTTP_HEADER);

const GOOD: readonly string[] = [];

/** The rule's words, examples and pattern, in the form every such message has. */
export function patternMessage(words: string, pattern: string, ...examples: string[]): string {
  if (examples.length === 0) return `${words} (regex used for validation is '${pattern}')`;
  const list = examples.map((example) => `'${example}', `).join(' or ');
  return `${words} (e.g. ${list}regex used for validation is '${pattern}')`;
}

const maxLength = (max: number, unit = 'characters') => `must be no more than ${max} ${unit}`;

/** DNS-1123 subdomain: the rule for the names of most kinds. */
export function checkDns1123Subdomain(name: string): readonly string[] {
  return subdomainErrors(name, 'characters');
}

function subdomainErrors(name: string, unit: string): readonly string[] {
  const tooLong = name.length > 253;
  const matches = SUBDOMAIN_REGEX.test(name);
  if (matches && !tooLong) return GOOD;
  const words =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [
    ...(tooLong ? [maxLength(253, unit)] : []),
    ...(matches ? [] : [patternMessage(words, SUBDOMAIN, 'example.com')]),
  ];
}

/** DNS-1123 label: namespaces, containers, ports' hosts. */
export function checkDns1123Label(name: string): readonly string[] {
  const errors = name.length > 63 ? [maxLength(63)] : [];
  if (LABEL_REGEX.test(name)) return errors;
  const words =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  errors.push(
    SUBDOMAIN_REGEX.test(name) ? 'must not contain dots' : patternMessage(words, LABEL, 'my-name', '123-abc'),
  );
  return errors;
}

/** DNS-1035 label: a label that starts with a letter. */
export function checkDns1035Label(name: string): readonly string[] {
  const errors = name.length > 63 ? [maxLength(63)] : [];
  if (LABEL_1035_REGEX.test(name)) return errors;
  const words =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  errors.push(patternMessage(words, LABEL_1035, 'my-name', 'abc-123'));
  return errors;
}

/** `*.example.com`: hosts of ingress rules. */
export function checkWildcardDns1123Subdomain(name: string): readonly string[] {
  const errors = name.length > 253 ? [maxLength(253)] : [];
  if (WILDCARD_REGEX.test(name)) return errors;
  const words =
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character";
  errors.push(patternMessage(words, WILDCARD, '*.example.com'));
  return errors;
}

/** Whatever fits between two slashes of a URL: names of RBAC objects and many cluster-scoped kinds. */
export function checkPathSegmentName(name: string): readonly string[] {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  return ['/', '%'].filter((part) => name.includes(part)).map((part) => `may not contain '${part}'`);
}

/** Qualified name, `[prefix/]name`: label and annotation keys, finalizers, resource names. */
export function checkQualifiedName(value: string): readonly string[] {
  const words =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  const rule = () => patternMessage(words, QUALIFIED, 'MyName', 'my.name', '123-abc');
  const slash = value.indexOf('/');
  const name = slash < 0 ? value : value.slice(slash + 1);
  if (name.includes('/')) {
    return [`a valid label key ${rule()} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const prefix = slash < 0 ? undefined : value.slice(0, slash);
  const errors: string[] = [];
  if (prefix === '') errors.push('prefix part must be non-empty');
  else if (prefix !== undefined)
    errors.push(...subdomainErrors(prefix, 'bytes').map((error) => `prefix part ${error}`));
  if (name === '') errors.push('name part must be non-empty');
  else if (name.length > 63) errors.push(`name part ${maxLength(63, 'bytes')}`);
  if (!QUALIFIED_REGEX.test(name)) errors.push(`name part ${rule()}`);
  return errors;
}

/** Label value: empty, or up to 63 of the characters of a qualified name. */
export function checkLabelValue(value: string): readonly string[] {
  const tooLong = value.length > 63;
  const matches = LABEL_VALUE_REGEX.test(value);
  if (matches && !tooLong) return GOOD;
  const words =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
  return [
    ...(tooLong ? [maxLength(63, 'bytes')] : []),
    ...(matches ? [] : [patternMessage(words, LABEL_VALUE, 'MyValue', 'my_value', '12345')]),
  ];
}

/** IANA service name: named ports of containers and services. */
export function checkPortName(name: string): readonly string[] {
  const errors: string[] = [];
  if (name.length > 15) errors.push(maxLength(15));
  if (!/^[-a-z0-9]+$/.test(name)) {
    errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  }
  if (!/[a-z]/.test(name)) errors.push('must contain at least one letter (a-z)');
  if (name.includes('--')) errors.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

/** Port number, 1 to 65535. */
export function checkPortNumber(port: number): readonly string[] {
  return checkInRange(port, 1, 65535);
}

/** Whole number between `min` and `max`, both allowed. */
export function checkInRange(value: number, min: number, max: number): readonly string[] {
  return value >= min && value <= max ? GOOD : [`must be between ${min} and ${max}, inclusive`];
}

/** Environment variable, the strict rule: `envFrom` skips keys that break it. */
export function checkEnvVarName(name: string): readonly string[] {
  const words =
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit";
  const errors = ENV_NAME_REGEX.test(name)
    ? []
    : [patternMessage(words, ENV_NAME, 'my.env-name', 'MY_ENV.NAME', 'MyEnvName1')];
  return [...errors, ...parentDirectoryErrors(name)];
}

/** Environment variable, the rule pods are validated by: any printable ASCII but `=`. */
export function checkRelaxedEnvVarName(name: string): readonly string[] {
  if (name === '') return ['environment variable name must be non-empty'];
  if (/^[\x20-\x3c\x3e-\x7e]*$/.test(name)) return GOOD;
  return ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** Key of a ConfigMap or Secret, which may become a file name. */
export function checkConfigMapKey(key: string): readonly string[] {
  const words = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
  const errors = key.length > 253 ? [maxLength(253)] : [];
  if (!CONFIG_KEY_REGEX.test(key)) {
    errors.push(patternMessage(words, CONFIG_KEY, 'key.name', 'KEY_NAME', 'key-name'));
  }
  return [...errors, ...parentDirectoryErrors(key)];
}

/** C identifier. */
export function checkCIdentifier(name: string): readonly string[] {
  const words =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'";
  return C_IDENTIFIER_REGEX.test(name) ? GOOD : [patternMessage(words, C_IDENTIFIER, 'my_name', 'MY_NAME', 'MyName')];
}

/** `25%`. */
export function checkPercent(value: string): readonly string[] {
  const words = "a valid percent string must be a numeric string followed by an ending '%'";
  return PERCENT_REGEX.test(value) ? GOOD : [patternMessage(words, PERCENT, '1%', '93%')];
}

/** Name of an HTTP header: probes and hooks. */
export function checkHttpHeaderName(name: string): readonly string[] {
  const words = "a valid HTTP header must consist of alphanumeric characters or '-'";
  return HTTP_HEADER_REGEX.test(name) ? GOOD : [patternMessage(words, HTTP_HEADER, 'X-Header-Name')];
}

function parentDirectoryErrors(value: string): string[] {
  if (value === '.' || value === '..') return [`must not be '${value}'`];
  return value.startsWith('..') ? ["must not start with '..'"] : [];
}

/** What generated names may end in: no vowels, so no words; no characters easily taken for another. */
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const SUFFIX_LENGTH = 5;
const MAX_GENERATED_BASE = 63 - SUFFIX_LENGTH;

/** `base` cut to 58 characters plus five random ones. `random` gives numbers in [0, 1). */
export function generateName(base: string, random: () => number = Math.random): string {
  return base.slice(0, MAX_GENERATED_BASE) + randomSuffix(random);
}

/** Five characters that make a name unique, as generated names and pods of a ReplicaSet end in. */
export function randomSuffix(random: () => number = Math.random): string {
  let suffix = '';
  for (let i = 0; i < SUFFIX_LENGTH; i++) {
    suffix += SUFFIX_ALPHABET.charAt(Math.floor(random() * SUFFIX_ALPHABET.length));
  }
  return suffix;
}

/** The name a generateName rule should judge: the base with a trailing dash masked, since more will follow it. */
export function maskGenerateName(base: string): string {
  return base.length > 1 && base.endsWith('-') ? `${base.slice(0, -2)}a` : base;
}
