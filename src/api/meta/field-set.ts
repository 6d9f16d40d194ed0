import { goJson, goQuote } from './go-text.ts';
import { isJsonObject } from './json.ts';

/**
 * A set of field paths in the very form the API stores it: a trie whose keys are path elements (`f:name`,
 * `k:{"name":"a"}`, `v:"x"`, `i:0`). `{}` is a member without children; a member with children bears the key `.`.
 * The root alone is never a member, so an empty root is the empty set. Sets are never changed, only shared.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** A path that is in the set and has nothing below it. */
export const MEMBER: FieldSet = Object.freeze({});
/** No path at all. */
export const EMPTY_SET: FieldSet = MEMBER;

/** Whether the path that leads to this node is in the set. Not for the root. */
export function isMember(node: FieldSet): boolean {
  return '.' in node || isEmptySet(node);
}

/** Whether the set holds no path. */
export function isEmptySet(set: FieldSet): boolean {
  for (const _ in set) return false;
  return true;
}

/** All paths of both. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmptySet(b)) return a;
  if (isEmptySet(a)) return b;
  const result: Record<string, FieldSet> = { ...a };
  for (const key in b) {
    const left = a[key];
    const right = b[key] ?? MEMBER;
    result[key] = left === undefined || key === '.' ? right : unionNodes(left, right);
  }
  return result;
}

function unionNodes(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  if (isEmptySet(a)) return withSelf(b);
  if (isEmptySet(b)) return withSelf(a);
  return union(a, b);
}

/** The node with its own path in the set. */
export function withSelf(node: FieldSet): FieldSet {
  return isMember(node) ? node : { '.': MEMBER, ...node };
}

/** The node without its own path; undefined if nothing is left. */
function withoutSelf(node: FieldSet): FieldSet | undefined {
  if (!('.' in node)) return isEmptySet(node) ? undefined : node;
  const { '.': _, ...children } = node;
  return isEmptySet(children) ? undefined : children;
}

/** The paths of `a` that are not in `b`; shares what did not change. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, differenceNodes);
}

function subtract(
  a: FieldSet,
  b: FieldSet,
  nodes: (left: FieldSet, right: FieldSet) => FieldSet | undefined,
): FieldSet {
  let result: Record<string, FieldSet> | undefined;
  for (const key in b) {
    const left = a[key];
    if (left === undefined || key === '.') continue;
    const rest = nodes(left, b[key] ?? MEMBER);
    if (rest === left) continue;
    result ??= { ...a };
    if (rest === undefined) delete result[key];
    else result[key] = rest;
  }
  return result ?? a;
}

function differenceNodes(a: FieldSet, b: FieldSet): FieldSet | undefined {
  const wasMember = isMember(a);
  const member = wasMember && !isMember(b);
  const children = difference(a, b);
  if (wasMember === member && children === a) return a;
  const hasChildren = !isEmptySet(children) && withoutSelf(children) !== undefined;
  if (!hasChildren) return member ? MEMBER : undefined;
  return member ? withSelf(children) : withoutSelf(children);
}

/** The paths of `a` that neither are in `b` nor lie below one that is. */
export function recursiveDifference(a: FieldSet, b: FieldSet): FieldSet {
  return subtract(a, b, recursiveDifferenceNodes);
}

function recursiveDifferenceNodes(a: FieldSet, b: FieldSet): FieldSet | undefined {
  if (isMember(b)) return undefined;
  if (isEmptySet(a)) return a;
  const rest = recursiveDifference(a, b);
  if (rest === a) return a;
  return withoutSelf(rest) === undefined ? ('.' in rest ? MEMBER : undefined) : rest;
}

/** The paths both have. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const result: Record<string, FieldSet> = {};
  for (const key in b) {
    const left = a[key];
    if (left === undefined || key === '.') continue;
    const shared = intersectionNodes(left, b[key] ?? MEMBER);
    if (shared !== undefined) result[key] = shared;
  }
  return result;
}

function intersectionNodes(a: FieldSet, b: FieldSet): FieldSet | undefined {
  if (a === b) return a;
  const children = intersection(a, b);
  if (isMember(a) && isMember(b)) return isEmptySet(children) ? MEMBER : withSelf(children);
  return isEmptySet(children) ? undefined : children;
}

/** Whether every path of `a` is in `b`. */
export function isSubset(a: FieldSet, b: FieldSet): boolean {
  for (const key in a) {
    const left = a[key] ?? MEMBER;
    const right = b[key];
    if (key === '.' || left === right) continue;
    if (right === undefined || (isMember(left) && !isMember(right)) || !isSubset(left, right)) return false;
  }
  return true;
}

/** Whether both hold the same paths. */
export function equalSets(a: FieldSet, b: FieldSet): boolean {
  return a === b || (isSubset(a, b) && isSubset(b, a));
}

/** The set of the given paths of field names: `[['status'], ['metadata', 'labels']]`. */
export function fieldSetFromPaths(paths: readonly (readonly string[])[]): FieldSet {
  const sets = paths.map((path) => path.reduceRight<FieldSet>((child, name) => ({ [`f:${name}`]: child }), MEMBER));
  return sets.reduce<FieldSet>((all, set) => union(all, set), EMPTY_SET);
}

/** Every path in the set, printed as conflicts show it: `.spec.containers[name="a"].image`. */
export function printPaths(set: FieldSet): string[] {
  const paths: string[] = [];
  const visit = (node: FieldSet, prefix: string) => {
    for (const key in node) {
      if (key === '.') continue;
      const child = node[key] ?? MEMBER;
      const path = prefix + printElement(key);
      if (isMember(child)) paths.push(path);
      visit(child, path);
    }
  };
  visit(set, '');
  return paths;
}

/** Prints one path element: `.spec`, `[name="a",port=80]`, `[="x"]`, `[0]`. */
export function printElement(element: string): string {
  const text = element.slice(2);
  if (element.startsWith('f:')) return `.${text}`;
  if (element.startsWith('k:')) {
    const keys = Object.entries(JSON.parse(text) as object);
    return `[${keys.map(([key, value]) => `${key}=${printValue(value)}`).join(',')}]`;
  }
  return element.startsWith('v:') ? `[=${printValue(JSON.parse(text))}]` : `[${text}]`;
}

const printValue = (value: unknown) => (typeof value === 'string' ? goQuote(value) : String(value));

/**
 * A set that came from a client, in canonical form: keys of list items sorted and compact, unknown kinds of path elements
 * dropped. Undefined if it is no set.
 */
export function parseFieldSet(json: unknown): FieldSet | undefined {
  if (!isJsonObject(json)) return undefined;
  const result: Record<string, FieldSet> = {};
  for (const [key, value] of Object.entries(json)) {
    const element = key === '.' ? key : canonicalElement(key);
    if (element === '') continue;
    const child = element === undefined ? undefined : parseFieldSet(value);
    if (element === undefined || child === undefined) return undefined;
    result[element] = child;
  }
  return result;
}

/** Canonical form of a path element; empty if its kind is unknown, undefined if it is malformed. */
function canonicalElement(element: string): string | undefined {
  if (element[1] !== ':') return undefined;
  const kind = element.slice(0, 2);
  const text = element.slice(2);
  if (kind === 'f:') return element;
  if (kind === 'i:') return /^-?\d+$/.test(text) ? element : undefined;
  if (kind !== 'k:' && kind !== 'v:') return '';
  try {
    const value: unknown = JSON.parse(text);
    if (kind === 'v:') return valueElement(value);
    return isJsonObject(value) ? keyElement(Object.entries(value)) : undefined;
  } catch {
    return undefined;
  }
}

/** The path element of a list item that is known by its keys. */
export function keyElement(keys: readonly (readonly [string, unknown])[]): string {
  const [only] = keys;
  const sorted = keys.length < 2 ? keys : keys.toSorted(([a], [b]) => (a < b ? -1 : 1));
  if (only !== undefined && keys.length === 1) return `k:{${goJson(only[0])}:${goJson(only[1])}}`;
  return `k:{${sorted.map(([key, value]) => `${goJson(key)}:${goJson(value)}`).join(',')}}`;
}

/** The path element of a member of a set. */
export function valueElement(value: unknown): string {
  return `v:${goJson(value)}`;
}
