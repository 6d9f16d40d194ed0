/** Judges a name: what is wrong with it in the API's words, undefined when it is good. */
export type NameRule = (name: string) => string | undefined;

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';

function pattern(source: string, maxLength: number, words: string): NameRule {
  const regex = new RegExp(`^${source}$`);
  return (name) => {
    if (name.length > maxLength) return `must be no more than ${maxLength} characters`;
    return regex.test(name) ? undefined : `${words}, regex used for validation is '${source}')`;
  };
}

/** DNS-1123 subdomain: the rule of most kinds. */
export const subdomainName: NameRule = pattern(
  SUBDOMAIN,
  253,
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com'",
);

/** DNS-1123 label: namespaces, services, container names. */
export const labelName: NameRule = pattern(
  LABEL,
  63,
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc'",
);

/** DNS-1035 label: a label that starts with a letter. */
export const label1035Name: NameRule = pattern(
  LABEL_1035,
  63,
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123'",
);

/** Whatever fits between two slashes of a URL: RBAC objects. */
export const pathSegmentName: NameRule = (name) => {
  if (name === '.' || name === '..') return `may not be '${name}'`;
  const bad = ['/', '%'].find((character) => name.includes(character));
  return bad === undefined ? undefined : `may not contain '${bad}'`;
};
