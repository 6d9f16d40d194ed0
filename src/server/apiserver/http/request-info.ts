import { badRequest } from '#api/meta/errors.ts';

/** What a request asks for, as its method and URL say: the authorizer's view of it. */
export interface RequestInfo {
  /** `get`, `list`, `create` ... for resources; the lower-case method otherwise. */
  readonly verb: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** Absent for `/version`, `/apis/apps/v1` and whatever else names no resource. */
  readonly resource?: ResourceInfo;
}

export interface ResourceInfo {
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
  /** What follows the subresource, still encoded, with its leading slash; only `proxy` has it. */
  readonly tail: string;
}

const VERBS: Readonly<Record<string, string>> = {
  POST: 'create',
  GET: 'get',
  HEAD: 'get',
  PUT: 'update',
  PATCH: 'patch',
  DELETE: 'delete',
};

/** Parts of a namespace that look like resources in it. */
const NAMESPACE_SUBRESOURCES = new Set(['status', 'finalize']);

/** Reads method and URL. Throws 400 for a URL that cannot be decoded. */
export function parseRequestInfo(method: string, url: string): RequestInfo {
  const mark = url.indexOf('?');
  const path = mark < 0 ? url : url.slice(0, mark);
  const query = new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1));
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodePart);
  const isCore = parts[0] === 'api';
  const head = isCore ? 2 : 3;
  if ((!isCore && parts[0] !== 'apis') || parts.length <= head) {
    return { verb: method.toLowerCase(), path: decodePart(path), query };
  }
  const group = isCore ? '' : (parts[1] ?? '');
  const version = parts[head - 1] ?? '';
  return {
    path: decodePart(path),
    query,
    ...resourceRequest({ method, group, version, query, path, parts: parts.slice(head) }),
  };
}

interface Parsing {
  readonly method: string;
  readonly group: string;
  readonly version: string;
  readonly query: URLSearchParams;
  readonly path: string;
  readonly parts: readonly string[];
}

function resourceRequest({
  method,
  group,
  version,
  query,
  path,
  parts,
}: Parsing): Pick<RequestInfo, 'verb' | 'resource'> {
  let rest = parts;
  let verb = VERBS[method] ?? '';
  const isWatchPath = rest[0] === 'watch' && rest.length > 1;
  if (isWatchPath) {
    verb = 'watch';
    rest = rest.slice(1);
  }
  let namespace: string | undefined;
  if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = rest[1];
    if (rest.length > 2 && !NAMESPACE_SUBRESOURCES.has(rest[2] ?? '')) rest = rest.slice(2);
  }
  const [resource = '', name, subresource] = rest;
  const info = {
    group,
    version,
    resource,
    subresource,
    namespace,
    name,
    tail: subresource === 'proxy' ? tailOf(path) : '',
  };
  if (subresource !== undefined) return { verb, resource: info };
  return { verb: collectionVerb(verb, name, query), resource: { ...info, name: name ?? nameInSelector(verb, query) } };
}

/** A get without a name lists or watches; a delete without one deletes the collection. */
function collectionVerb(verb: string, name: string | undefined, query: URLSearchParams): string {
  if (verb === 'get' && isTrue(query.get('watch'))) return 'watch';
  if (name !== undefined) return verb;
  if (verb === 'get') return 'list';
  return verb === 'delete' ? 'deletecollection' : verb;
}

/** A list of one name is authorized as that name. */
function nameInSelector(verb: string, query: URLSearchParams): string | undefined {
  if (verb !== 'get' && verb !== 'watch' && verb !== 'delete') return undefined;
  return /^metadata\.name==?([^,=!]+)$/.exec(query.get('fieldSelector') ?? '')?.[1];
}

/** As the API reads booleans in queries: anything but `false`, `0` and absence. */
export function isTrue(value: string | null | undefined): boolean {
  return value !== undefined && value !== null && value !== 'false' && value !== '0';
}

const PROXY_PATH = /^\/+api\/+v1\/+(?:namespaces\/+[^/]+\/+)?[^/]+\/+[^/]+\/+proxy(\/.*)?$/;

function tailOf(path: string): string {
  return PROXY_PATH.exec(path)?.[1] ?? '';
}

function decodePart(part: string): string {
  try {
    return part.includes('%') ? decodeURIComponent(part) : part;
  } catch (error) {
    throw badRequest(`invalid URL escape in "${part}"`, error);
  }
}
