import type { PolicyRule } from '#api/rbac/v1.ts';
import type { NonResourceAttributes, ResourceAttributes } from '../auth.ts';

/** A rule of RBAC made ready for many questions. */
export interface CompiledRule {
  readonly rule: PolicyRule;
  matchesResource(attributes: ResourceAttributes): boolean;
  matchesPath(attributes: NonResourceAttributes): boolean;
}

const ANY = '*';

/** Prepares rules once, so that a decision is a handful of set lookups. */
export function compileRules(rules: readonly PolicyRule[]): CompiledRule[] {
  return rules.map(compileRule);
}

function compileRule(rule: PolicyRule): CompiledRule {
  const verbs = matcher(rule.verbs);
  const groups = matcher(rule.apiGroups);
  const names =
    rule.resourceNames === undefined || rule.resourceNames.length === 0 ? undefined : new Set(rule.resourceNames);
  const resources = resourceMatcher(rule.resources ?? []);
  const paths = pathMatcher(rule.nonResourceURLs ?? []);
  return {
    rule,
    matchesResource: ({ verb, group, resource, subresource, name = '' }) =>
      verbs(verb) && groups(group) && resources(resource, subresource) && (names === undefined || names.has(name)),
    matchesPath: ({ verb, path }) => verbs(verb) && paths(path),
  };
}

function matcher(values: readonly string[] = []): (value: string) => boolean {
  if (values.includes(ANY)) return () => true;
  const [only] = values;
  if (values.length === 1) return (value) => value === only;
  const all = new Set(values);
  return (value) => all.has(value);
}

function resourceMatcher(values: readonly string[]): (resource: string, subresource: string | undefined) => boolean {
  if (values.includes(ANY)) return () => true;
  const all = new Set(values);
  return (resource, subresource) => {
    if (subresource === undefined || subresource === '') return all.has(resource);
    return all.has(`${resource}/${subresource}`) || all.has(`*/${subresource}`);
  };
}

function pathMatcher(values: readonly string[]): (path: string) => boolean {
  if (values.length === 0) return () => false;
  const exact = new Set(values);
  const prefixes = values.filter((value) => value.endsWith(ANY)).map((value) => value.slice(0, -1));
  return (path) => exact.has(path) || prefixes.some((prefix) => path.startsWith(prefix));
}

/** Which of `wanted` somebody with `owned` does not have: what the escalation check complains of. */
export function uncoveredRules(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  return wanted.flatMap(splitRule).filter((single) => !owned.some((rule) => coversSingle(rule, single)));
}

/** One rule per verb, group, resource and name, so that several owned rules together may cover a wanted one. */
function splitRule({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: PolicyRule): PolicyRule[] {
  const byResource = verbs.flatMap((verb) =>
    apiGroups.flatMap((group) =>
      resources.flatMap((resource): PolicyRule[] => {
        const single = { apiGroups: [group], resources: [resource], verbs: [verb] };
        return resourceNames.length === 0
          ? [single]
          : resourceNames.map((name) => ({ ...single, resourceNames: [name] }));
      }),
    ),
  );
  const byPath = verbs.flatMap((verb) =>
    nonResourceURLs.map((url): PolicyRule => ({ nonResourceURLs: [url], verbs: [verb] })),
  );
  return [...byResource, ...byPath];
}

function coversSingle(owned: PolicyRule, single: PolicyRule): boolean {
  if (!has(owned.verbs, single.verbs[0])) return false;
  const [url] = single.nonResourceURLs ?? [];
  if (url !== undefined) return (owned.nonResourceURLs ?? []).some((pattern) => coversPath(pattern, url));
  const names = owned.resourceNames ?? [];
  const [name] = single.resourceNames ?? [];
  const coversName = names.length === 0 || (name !== undefined && names.includes(name));
  return (
    coversName &&
    has(owned.apiGroups, single.apiGroups?.[0]) &&
    coversResource(owned.resources ?? [], single.resources?.[0] ?? '')
  );
}

function has(values: readonly string[] | undefined, value: string | undefined): boolean {
  return values !== undefined && value !== undefined && (values.includes(ANY) || values.includes(value));
}

function coversResource(owned: readonly string[], resource: string): boolean {
  if (owned.includes(ANY) || owned.includes(resource)) return true;
  const slash = resource.indexOf('/');
  return slash >= 0 && owned.includes(`*${resource.slice(slash)}`);
}

function coversPath(pattern: string, path: string): boolean {
  return pattern === path || (pattern.endsWith(ANY) && path.startsWith(pattern.slice(0, -1)));
}

/** A rule as refusals print it: `{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`. */
export function renderRule(rule: PolicyRule): string {
  const fields: [string, readonly string[] | undefined][] = [
    ['APIGroups', rule.apiGroups],
    ['Resources', rule.resources],
    ['NonResourceURLs', rule.nonResourceURLs],
    ['ResourceNames', rule.resourceNames],
    ['Verbs', rule.verbs],
  ];
  const present = fields.filter(([, values]) => values !== undefined && values.length > 0);
  return `{${present.map(([name, values = []]) => `${name}:[${values.map((value) => `"${value}"`).join(' ')}]`).join(', ')}}`;
}
