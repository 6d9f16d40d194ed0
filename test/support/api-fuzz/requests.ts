import { builtinResources } from '#api/catalogue.ts';
import { Bodies, type Body } from './bodies.ts';
import { Random } from './random.ts';
import { NAMES } from './values.ts';

export interface FuzzRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | undefined;
  /** Without a certificate. */
  readonly anonymous: boolean;
}

/** Where the generated objects live; the last one does not exist. */
export const NAMESPACES = ['default', 'default', 'default', 'default', 'kube-system', 'dev', 'nowhere'];

const PATHS = [
  '/',
  '/api',
  '/apis',
  '/api/v1',
  '/apis/apps',
  '/apis/apps/v1',
  '/apis/nope.example.com/v1/things',
  '/openapi/v2',
  '/openapi/v3',
  '/openapi/v3/api/v1',
  '/openapi/v3/apis/apps/v1?hash=0',
  '/version',
  '/healthz',
  '/livez?verbose',
  '/readyz?exclude=etcd',
  '/readyz/etcd',
  '/metrics',
  '/.well-known/openid-configuration',
  '/openid/v1/jwks',
  '/api/v1/namespaces/%zz/pods',
  '/api/v1/namespaces/default/pods/%2e%2e%2f',
  '/api/v1//namespaces///default/pods/',
  '/api/v1/namespaces/default/pods/a/b/c/d/e',
  '/apis/__proto__/constructor/toString',
  '/api/__proto__/pods',
  '/apis/apps/v1/__proto__',
  '/apis/apps/v1/namespaces/__proto__/constructor/hasOwnProperty',
  '/api/v1/watch/pods',
  '/api/v1/watch/namespaces/default/configmaps/a',
  '/api/v1/namespaces/default/pods/%00',
  '/api/v1/namespaces/default/configmaps/%F0%9F%99%82',
  '/api/v1/namespaces/default/configmaps/%ff%fe',
  `/api/v1/namespaces/${'n'.repeat(5000)}/pods`,
  `/${'a/'.repeat(3000)}`,
  '/api/v1/namespaces/default/services/absent:http/proxy/x',
  '/api/v1/namespaces/default/services/a:b:c:d/proxy/',
  '/api/v1/nodes/absent/proxy/metrics',
  '/api/v1/namespaces/default/pods/absent/proxy',
];

const SELECTORS = [
  'app=web',
  'app!=web,tier in (a,b)',
  '!app',
  'app in (',
  'a=b,,c',
  '(((((',
  'a>1,b<x',
  'x in ()',
  '__proto__=x',
  '',
  'a'.repeat(300),
  '=,=',
  'app notin (a, b), tier',
];
const FIELD_SELECTORS = [
  'metadata.name=a',
  'metadata.namespace!=default',
  'spec.nodeName=',
  'status.phase=Running',
  'involvedObject.name=a',
  'type=Opaque',
  'nope=1',
  'a\\,b=c',
  '=',
  'metadata.name',
  '__proto__=1',
  'constructor.name==x',
];
const NUMBERS = ['0', '1', '3', '-1', '500', 'x', '', '9223372036854775808', '1e3', '+2', ' 7', '0x1'];
const REVISIONS = ['', '0', '1', '5', '40', '18446744073709551616', '-1', 'x', '1'.repeat(400)];
const BOOLEANS = ['true', 'false', '', '1', 'maybe'];
const CONTINUES = [
  '',
  'x',
  Buffer.from('{"v":"meta.k8s.io/v1","rv":1,"start":"a\\u0000"}').toString('base64url'),
  Buffer.from('{"v":"meta.k8s.io/v1","rv":-1,"start":"default/a\\u0000"}').toString('base64'),
  Buffer.from('{"v":"meta.k8s.io/v1","rv":1e99,"start":{"__proto__":1}}').toString('base64url'),
  Buffer.from('['.repeat(2000)).toString('base64url'),
  Buffer.from('null').toString('base64url'),
];
/** Query parameters with their values; who may say what is the server's to judge. */
const PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  labelSelector: SELECTORS,
  fieldSelector: FIELD_SELECTORS,
  limit: NUMBERS,
  continue: CONTINUES,
  resourceVersion: REVISIONS,
  resourceVersionMatch: ['', 'Exact', 'NotOlderThan', 'nope'],
  sendInitialEvents: BOOLEANS,
  allowWatchBookmarks: BOOLEANS,
  timeoutSeconds: ['1', '0', '-1', 'x', '99999999999'],
  includeObject: ['None', 'Metadata', 'Object', 'x'],
  pretty: BOOLEANS,
  dryRun: ['All', '', 'Some'],
  fieldManager: ['fuzz', 'other', '', '\n', 'x'.repeat(200)],
  fieldValidation: ['Strict', 'Warn', 'Ignore', 'x'],
  force: BOOLEANS,
  gracePeriodSeconds: NUMBERS,
  propagationPolicy: ['Foreground', 'Background', 'Orphan', 'x'],
  orphanDependents: BOOLEANS,
  container: ['c', 'i', 'nope', ''],
  __proto__x: ['1'],
};
const OFTEN: Readonly<Record<string, readonly string[]>> = {
  GET: ['labelSelector', 'fieldSelector', 'limit', 'continue', 'resourceVersion', 'resourceVersionMatch'],
  PATCH: ['fieldManager', 'force', 'fieldValidation', 'dryRun'],
  DELETE: ['gracePeriodSeconds', 'propagationPolicy', 'dryRun', 'labelSelector'],
};
const ACCEPTS = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
  'application/vnd.kubernetes.protobuf,application/json;q=0.5',
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json',
  'application/json;as=Table;v=v1beta1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
  'application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io',
  'application/json;as=__proto__;v=constructor;g=x',
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json',
  'application/yaml;q=0.9, application/json;q=nope',
  'application/json;q=0',
  '*/*;q=1e400',
  'image/png, */*;q=0.1',
  ',;=,;',
  'text/html',
  ';'.repeat(3000),
];
const AGENTS = ['fuzz/1', 'curl/8', 'kubectl/v1.33 (linux/amd64)', '', '\x7f/', 'x'.repeat(500)];
const METHODS = { GET: 34, POST: 24, PUT: 12, PATCH: 20, DELETE: 8, HEAD: 1, OPTIONS: 0.5, PROPFIND: 0.5 };
const NAMED: Readonly<Record<string, number>> = { POST: 0.12, PUT: 0.98, PATCH: 0.98, DELETE: 0.95 };
const TAKES_BODY = new Set(['POST', 'PUT', 'PATCH']);
/** Nobody is behind them here but the generated addresses, which are not to be called. */
const OUTWARD = new Set(['proxy', 'portforward']);

/** Numbered requests: the same number of the same seed is always the same request. */
export class Requests {
  readonly #seed: number;
  readonly #bodies = new Bodies();

  constructor(seed: number) {
    this.#seed = seed;
  }

  at(index: number): FuzzRequest {
    const random = Random.of(this.#seed, index);
    const method = random.weighted(METHODS);
    const { path, body } = random.chance(0.08)
      ? { path: random.pick(PATHS), body: undefined }
      : this.#resource(random, method);
    const query = queryOf(random, method);
    return {
      method,
      path: query === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${query}`,
      headers: headersOf(random, body),
      body: body?.bytes,
      anonymous: random.chance(0.03),
    };
  }

  #resource(random: Random, method: string): { path: string; body: Body | undefined } {
    const { ref, subresources } = random.pick(builtinResources);
    const namespace = random.pick(NAMESPACES);
    const wantsName = random.chance(NAMED[method] ?? 0.6);
    const name = random.chance(0.05) ? 'absent' : random.pick(NAMES);
    const usable = subresources.filter((candidate) => !OUTWARD.has(candidate.name));
    const part = wantsName && usable.length > 0 && random.chance(0.3) ? random.pick(usable) : undefined;
    const root = ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
    const scope = ref.namespaced && !random.chance(0.08) ? `/namespaces/${namespace}` : '';
    const path = [`${root}${scope}/${ref.plural}`, ...(wantsName ? [name] : []), ...(part ? [part.name] : [])].join(
      '/',
    );
    const metadata = metadataOf(random, name, ref.namespaced ? namespace : undefined);
    const gvk = part ?? ref;
    if (method === 'PATCH') return { path, body: this.#bodies.patch(random, gvk, metadata) };
    if (TAKES_BODY.has(method)) return { path, body: this.#bodies.write(random, gvk, metadata) };
    const options = { group: '', version: 'v1', kind: 'DeleteOptions' };
    const hasOptions = method === 'DELETE' && random.chance(0.4);
    return { path, body: hasOptions ? this.#bodies.write(random, options, {}) : undefined };
  }
}

function metadataOf(random: Random, name: string, namespace: string | undefined): object {
  const generated = random.chance(0.03);
  return {
    ...(generated ? { generateName: 'g-' } : { name }),
    ...(namespace !== undefined && random.chance(0.8) && { namespace }),
    ...(random.chance(0.5) && { labels: { app: random.pick(['web', 'api']) } }),
    ...(random.chance(0.1) && { finalizers: [random.pick(['example.com/f', 'foregroundDeletion', 'orphan', 'x'])] }),
    ...(random.chance(0.1) && { resourceVersion: random.pick(REVISIONS) }),
    ...(random.chance(0.1) && { annotations: { a: 'b', 'example.com/k': 'v'.repeat(random.pick([1, 1000])) } }),
    ...(random.chance(0.05) && {
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web', uid: 'u', controller: true }],
    }),
  };
}

function queryOf(random: Random, method: string): string {
  const query = new URLSearchParams();
  const add = (name: string) => query.append(name, random.pick(PARAMETERS[name] ?? ['']));
  for (const name of OFTEN[method] ?? []) if (random.chance(method === 'PATCH' ? 0.3 : 0.12)) add(name);
  if (method === 'PATCH' && random.chance(0.5)) query.set('fieldManager', 'fuzz');
  // Of the future: the server waits for it a while.
  if (random.chance(0.0005)) query.set('resourceVersion', '99999999');
  if (method === 'GET' && random.chance(0.06)) query.set('watch', random.pick(['1', 'true']));
  if (random.chance(0.08)) for (let i = 1 + random.int(3); i > 0; i--) add(random.pick(Object.keys(PARAMETERS)));
  return query.toString();
}

function headersOf(random: Random, body: Body | undefined): Record<string, string> {
  return {
    ...(random.chance(0.3) && { accept: random.pick(random.chance(0.7) ? ACCEPTS.slice(0, 6) : ACCEPTS) }),
    'user-agent': random.chance(0.9) ? 'fuzz/1' : random.pick(AGENTS).replace('\x7f', ''),
    ...(body && !random.chance(0.02) && { 'content-type': body.contentType }),
    ...(random.chance(0.02) && { authorization: random.pick(['Bearer x', 'Bearer a.b.c', 'Basic !!!', 'Bearer']) }),
    ...(random.chance(0.02) && { 'impersonate-user': random.pick(['jane', 'system:node:a', 'system:masters', '']) }),
    ...(random.chance(0.01) && { 'impersonate-group': 'system:masters', 'impersonate-extra-%zz': 'x' }),
    ...(random.chance(0.02) && { 'accept-encoding': random.pick(['gzip', 'br;q=1', '*']) }),
    ...(random.chance(0.01) && { 'content-encoding': random.pick(['gzip', 'identity']) }),
  };
}
