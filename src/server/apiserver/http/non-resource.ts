import { notAcceptable, resourceNotFound } from '#api/meta/errors.ts';
import type { Logger } from '#base/logger.ts';
import type { AggregatedVersion, Discovery, DiscoveryDocument } from '../discovery/discovery.ts';
import type { OpenApiDocument, OpenApiDocuments } from '../discovery/openapi-documents.ts';
import { parseAccept } from '../forms/negotiate.ts';
import { type HealthCheck, reportHealth } from '../health.ts';
import type { Metrics } from '../metrics.ts';
import { type Exchange, header } from './exchange.ts';

/** What `/.well-known/openid-configuration` and `/openid/v1/jwks` answer. */
export interface IssuerDocuments {
  readonly configuration: unknown;
  readonly jwks: unknown;
}

export interface NonResourceDeps {
  readonly discovery: Discovery;
  readonly openApi: OpenApiDocuments;
  readonly metrics: Metrics;
  readonly checks: readonly HealthCheck[];
  readonly version: Readonly<Record<string, string>>;
  readonly issuer: (() => IssuerDocuments) | undefined;
  readonly log: Logger;
}

const OPENAPI_V2_PROTOBUF = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
const OPENAPI_V2_TYPES = ['application/json', '*/*', 'application/*'];
const HEALTH = new Set(['healthz', 'livez', 'readyz']);
const YEAR_MS = 365 * 24 * 3600 * 1000;

/** Everything below the API's root that is no resource. Throws 404 for what there is not. */
export async function serveNonResource(deps: NonResourceDeps, exchange: Exchange): Promise<void> {
  const parts = exchange.info.path.split('/').filter((part) => part !== '');
  const [root = '', ...rest] = parts;
  if (HEALTH.has(root)) return serveHealth(deps, exchange, { endpoint: root, only: rest.join('/') || undefined });
  switch (root) {
    case '':
      return exchange.sendJson(200, { paths: listPaths(deps) });
    case 'api':
      if (rest.length <= 1) return serveCore(deps, exchange, rest[0]);
      break;
    case 'apis':
      if (rest.length <= 2) return serveGroups(deps, exchange, rest);
      break;
    case 'openapi':
      return serveOpenApi(deps, exchange, rest);
    case 'version':
      if (rest.length === 0) return exchange.sendJson(200, deps.version);
      break;
    case 'metrics':
      if (rest.length === 0)
        return exchange.sendText(200, deps.metrics.render(), 'text/plain; version=0.0.4; charset=utf-8');
      break;
    case '.well-known':
    case 'openid':
      return serveIssuer(deps, exchange, parts.join('/'));
  }
  throw resourceNotFound();
}

function listPaths({ discovery, checks, issuer }: NonResourceDeps): string[] {
  const versions = discovery.groupVersionPaths;
  const groups = versions
    .filter((path) => path.startsWith('/apis/'))
    .map((path) => path.slice(0, path.lastIndexOf('/')));
  const health = [...HEALTH].flatMap((name) => [`/${name}`, ...checks.map((check) => `/${name}/${check.name}`)]);
  const identity = issuer === undefined ? [] : ['/.well-known/openid-configuration', '/openid/v1/jwks'];
  const others = ['/api', '/apis', '/metrics', '/openapi/v2', '/openapi/v3', '/version'];
  return [...new Set([...versions, ...groups, ...health, ...identity, ...others])].sort();
}

async function serveHealth(
  { checks, log }: NonResourceDeps,
  exchange: Exchange,
  { endpoint, only }: { endpoint: string; only: string | undefined },
): Promise<void> {
  const report = reportHealth(checks, { endpoint, only, query: exchange.info.query });
  if (report === undefined) throw resourceNotFound();
  if (report.failures.length > 0) log.warn({ failures: report.failures, endpoint }, 'health check failed');
  await exchange.sendText(report.code, report.text);
}

function serveCore({ discovery }: NonResourceDeps, exchange: Exchange, version: string | undefined): Promise<void> {
  if (version !== undefined) return sendDocument(exchange, discovery.resources('', version));
  const aggregated = wantedAggregation(exchange);
  if (aggregated === undefined) return sendDocument(exchange, discovery.coreVersions());
  return sendDocument(exchange, discovery.aggregated('api', aggregated), aggregated);
}

function serveGroups({ discovery }: NonResourceDeps, exchange: Exchange, rest: readonly string[]): Promise<void> {
  const [group, version] = rest;
  if (group !== undefined && version !== undefined) return sendDocument(exchange, discovery.resources(group, version));
  if (group !== undefined) return sendDocument(exchange, discovery.group(group));
  const aggregated = wantedAggregation(exchange);
  if (aggregated === undefined) return sendDocument(exchange, discovery.groupList());
  return sendDocument(exchange, discovery.aggregated('apis', aggregated), aggregated);
}

/** The aggregated form the client asks for before any other it would take. */
function wantedAggregation({ request }: Exchange): AggregatedVersion | undefined {
  for (const { type, parameters } of parseAccept(header(request, 'accept'))) {
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    const { as, g, v } = parameters;
    if (as === undefined) return undefined;
    if (as === 'APIGroupDiscoveryList' && g === 'apidiscovery.k8s.io' && (v === 'v2' || v === 'v2beta1')) return v;
  }
  return undefined;
}

async function sendDocument(
  exchange: Exchange,
  { body, etag }: DiscoveryDocument,
  aggregated?: AggregatedVersion,
): Promise<void> {
  const contentType =
    aggregated === undefined
      ? 'application/json'
      : `application/json;g=apidiscovery.k8s.io;v=${aggregated};as=APIGroupDiscoveryList`;
  const isFormed = aggregated !== undefined;
  const extra = { vary: 'Accept', ...(isFormed && { etag, 'cache-control': 'public' }) };
  if (isFormed && header(exchange.request, 'if-none-match') === etag) return sendNotModified(exchange, extra);
  await exchange.send(200, { contentType, parts: [body] }, extra);
}

function sendNotModified(exchange: Exchange, extra: Readonly<Record<string, string>>): void {
  exchange.response.writeHead(304, exchange.headers(extra));
  exchange.response.end();
}

async function serveOpenApi(deps: NonResourceDeps, exchange: Exchange, rest: readonly string[]): Promise<void> {
  const [version, ...path] = rest;
  if (version === 'v2' && path.length === 0) return serveOpenApiV2(deps, exchange);
  if (version !== 'v3') throw resourceNotFound();
  requireJson(exchange);
  const { openApi } = deps;
  if (path.length === 0) return sendOpenApi(exchange, await openApi.index());
  const document = await openApi.v3(path.join('/'));
  if (document === undefined) throw resourceNotFound();
  const asked = exchange.info.query.get('hash');
  if (asked === null || asked === '') return sendOpenApi(exchange, document);
  if (asked !== document.hash) {
    const location = `${exchange.info.path}?hash=${document.hash}`;
    exchange.response.writeHead(301, exchange.headers({ location }));
    exchange.response.end();
    return;
  }
  const expires = new Date(Date.now() + YEAR_MS).toUTCString();
  return sendOpenApi(exchange, document, { 'cache-control': 'public, immutable', expires });
}

function requireJson({ request }: Exchange): void {
  const clauses = parseAccept(header(request, 'accept'));
  if (!clauses.some(({ type }) => OPENAPI_V2_TYPES.includes(type))) throw notAcceptable(['application/json']);
}

async function serveOpenApiV2({ openApi }: NonResourceDeps, exchange: Exchange): Promise<void> {
  for (const { type } of parseAccept(header(exchange.request, 'accept'))) {
    // Both spellings are in use: with a dot and with an @ before the version.
    if (type.replace('@', '.') === OPENAPI_V2_PROTOBUF) {
      return sendOpenApi(exchange, await openApi.v2Protobuf(), {}, OPENAPI_V2_PROTOBUF);
    }
    if (OPENAPI_V2_TYPES.includes(type)) return sendOpenApi(exchange, await openApi.v2Json());
  }
  throw notAcceptable(['application/json', OPENAPI_V2_PROTOBUF]);
}

async function sendOpenApi(
  exchange: Exchange,
  { body, hash }: OpenApiDocument,
  extra: Readonly<Record<string, string>> = {},
  contentType = 'application/json',
): Promise<void> {
  const etag = `"${hash}"`;
  const headers = { etag, vary: 'Accept', ...extra };
  if (header(exchange.request, 'if-none-match') === etag) return sendNotModified(exchange, headers);
  await exchange.send(200, { contentType, parts: [body] }, headers);
}

function serveIssuer({ issuer }: NonResourceDeps, exchange: Exchange, path: string): Promise<void> {
  const documents = issuer?.();
  const contentType = path === 'openid/v1/jwks' ? 'application/jwk-set+json' : 'application/json';
  const found =
    path === 'openid/v1/jwks'
      ? documents?.jwks
      : path === '.well-known/openid-configuration'
        ? documents?.configuration
        : undefined;
  if (found === undefined) throw resourceNotFound();
  return exchange.send(
    200,
    { contentType, parts: [Buffer.from(JSON.stringify(found))] },
    { 'cache-control': 'public, max-age=3600' },
  );
}
