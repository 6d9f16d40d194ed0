import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Admission } from '#api/admission/request.ts';
import { badRequest, methodNotAllowed, resourceNotFound, type StatusError, toStatusError } from '#api/meta/errors.ts';
import type { ProtobufCodec } from '#api/schema/protobuf.ts';
import type { Logger } from '#base/logger.ts';
import type { PatchType, Verb } from '#client/transport.ts';
import type { Authenticator, Authorizer } from '../auth.ts';
import { encodeReply } from '../forms/encode.ts';
import { type Form, negotiate, wantsPretty } from '../forms/negotiate.ts';
import { parseIncludeObject } from '../forms/table.ts';
import type { Metrics } from '../metrics.ts';
import type { NodeProxy, ProxyTarget } from '../node-proxy/node-proxy.ts';
import type { Served } from '../state/served.ts';
import type { Call, Reply, VerbDeps } from '../verbs/call.ts';
import { executeCall, requireVerb } from '../verbs/execute.ts';
import { parseWatchOptions } from '../verbs/options.ts';
import { select } from '../verbs/select.ts';
import { HttpWatchConsumer } from '../watch/http-watch.ts';
import type { TimerWheel } from '../watch/timer-wheel.ts';
import { WatchEncoder, watchContentType } from '../watch/watch-encoder.ts';
import { WatchSession } from '../watch/watch-session.ts';
import { authenticate, requireAllowed } from './authenticate.ts';
import { Exchange, header } from './exchange.ts';
import { type NonResourceDeps, serveNonResource } from './non-resource.ts';
import { HttpBody, mediaType, readBody } from './request-body.ts';
import { parseRequestInfo, type RequestInfo, type ResourceInfo } from './request-info.ts';

export interface ApiHandlerDeps {
  readonly verbs: VerbDeps;
  readonly authenticators: readonly Authenticator[];
  readonly authorizer: Authorizer;
  readonly admission: () => Admission;
  readonly codec: ProtobufCodec;
  readonly wheel: TimerWheel;
  readonly metrics: Metrics;
  readonly nodeProxy: NodeProxy;
  readonly nonResource: NonResourceDeps;
  readonly log: Logger;
}

const PATCH_TYPES: Readonly<Record<string, PatchType>> = {
  'application/json-patch+json': 'json',
  'application/merge-patch+json': 'merge',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
};

const BODY_METHODS = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** Streams into pods: opening one is `create`, by whatever method. */
const INTERACTIVE = new Set(['exec', 'attach', 'portforward']);
const STREAMS = new Set([...INTERACTIVE, 'log', 'proxy']);

/** The API over HTTP: who asks, may they, what do they want, and the answer in the form they like. */
export class ApiHandler {
  readonly #deps: ApiHandlerDeps;
  readonly #encoders = new WeakMap<Served, WatchEncoder>();
  readonly #watches = new Set<WatchSession>();

  constructor(deps: ApiHandlerDeps) {
    this.#deps = deps;
  }

  get watchCount(): number {
    return this.#watches.size;
  }

  /** Ends all watches as if their time were over, so that the server can stop. */
  endWatches(): void {
    for (const watch of [...this.#watches]) watch.stop();
  }

  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    certificate: X509Certificate | undefined,
  ): Promise<void> {
    const exchange = openExchange(request, response);
    if (exchange === undefined) return;
    let isStream = false;
    try {
      exchange.user = await authenticate(this.#deps, { request, certificate });
      await this.#authorize(exchange);
      const { resource } = exchange.info;
      if (resource === undefined) await serveNonResource(this.#deps.nonResource, exchange);
      else isStream = await this.#serveResource(exchange, resource);
    } catch (error) {
      // Nobody is there any more to be told.
      if (exchange.signal.aborted) return;
      const status = toStatusError(error);
      if (status.reason === 'InternalError') this.#logFailure(exchange, status, error);
      await exchange.fail(status);
    } finally {
      this.#observe(exchange, isStream);
    }
  }

  /** HTTP/1.1 upgrades: streams into pods and proxied connections, by the same rules as any request. */
  async upgrade(
    request: IncomingMessage,
    { socket, head, certificate }: { socket: Duplex; head: Buffer; certificate: X509Certificate | undefined },
  ): Promise<void> {
    const { nodeProxy, authorizer } = this.#deps;
    try {
      const info = parseRequestInfo(request.method ?? 'GET', request.url ?? '/');
      const user = await authenticate(this.#deps, { request, certificate });
      await requireAllowed(authorizer, user, attributesOf(info));
      if (info.resource === undefined || !STREAMS.has(info.resource.subresource ?? '')) {
        throw badRequest('this address cannot be upgraded to another protocol');
      }
      const target = await this.#connect(info, info.resource, user);
      await nodeProxy.upgrade(target, { request, socket, head });
    } catch (error) {
      refuseUpgrade(socket, toStatusError(error));
    }
  }

  #authorize({ info, user }: Exchange): Promise<void> {
    return requireAllowed(this.#deps.authorizer, user, attributesOf(info));
  }

  /** True when the answer is a stream. */
  async #serveResource(exchange: Exchange, resource: ResourceInfo): Promise<boolean> {
    const { verbs } = this.#deps;
    const { served, subresource } = findServed(verbs, resource);
    if (STREAMS.has(resource.subresource ?? '') && subresource !== undefined) {
      await this.#serveStream(exchange, resource);
      return true;
    }
    const { verb } = exchange.info;
    if (verb === '') throw methodNotAllowed(served.definition.ref, exchange.request.method?.toLowerCase() ?? '');
    const call: Call = {
      verb: verb as Verb,
      served,
      subresource,
      namespace: served.definition.ref.namespaced ? resource.namespace : undefined,
      name: nameOf(exchange.info, resource),
      query: exchange.info.query,
      body: await this.#readBody(exchange),
      patchType: PATCH_TYPES[mediaType(header(exchange.request, 'content-type'))],
      user: exchange.user,
      userAgent: exchange.userAgent,
      signal: exchange.signal,
      warn: (text) => exchange.warn(text),
    };
    if (verb === 'watch') {
      await this.#serveWatch(exchange, call);
      return true;
    }
    requireVerb(call);
    // Before anything is written: a client that can take no answer must not find its object made.
    const form = this.#formOf(exchange, call);
    const includeObject = parseIncludeObject(exchange.info.query.get('includeObject'));
    const reply = await executeCall(verbs, call);
    const shown = form.as === 'object' ? form : formFor(reply, form);
    const definition = served.definition;
    const encoded = encodeReply(reply, { form: shown, definition, includeObject, codec: this.#deps.codec });
    await exchange.send(reply.type === 'object' ? reply.code : 200, encoded);
    return false;
  }

  async #readBody({ request }: Exchange): Promise<HttpBody> {
    const { codec } = this.#deps;
    const contentType = header(request, 'content-type');
    const bytes = BODY_METHODS.has(request.method ?? '') ? await readBody(request) : Buffer.alloc(0);
    return new HttpBody({ bytes, contentType, codec });
  }

  #formOf({ request, info, userAgent }: Exchange, { verb, served, subresource }: Call): Form {
    const { definition } = served;
    const isList = verb === 'list' || verb === 'deletecollection';
    const isObject = definition.answer === undefined && subresource?.create === undefined;
    const negotiated = negotiate(header(request, 'accept'), {
      isList,
      isWatch: verb === 'watch',
      allowTable: isObject,
      allowProtobuf: definition.schema.type === 'ref',
    });
    return { ...negotiated, pretty: wantsPretty(info.query, userAgent) };
  }

  async #serveWatch(exchange: Exchange, call: Call): Promise<void> {
    const { served, name, namespace, query } = call;
    const { verbs, wheel, codec } = this.#deps;
    const { definition } = served;
    if (served.state === undefined || !definition.verbs.includes('watch')) {
      throw methodNotAllowed(definition.ref, 'watch');
    }
    const options = parseWatchOptions(query);
    const selection = select({ definition, namespace, name, ...options });
    const watchForm = {
      form: { ...this.#formOf(exchange, call), pretty: false },
      includeObject: parseIncludeObject(query.get('includeObject')),
    };
    const encoder = this.#encoders.get(served) ?? new WatchEncoder(definition, codec);
    this.#encoders.set(served, encoder);
    const { response, signal } = exchange;
    response.writeHead(200, exchange.headers({ 'content-type': watchContentType(watchForm.form) }));
    response.flushHeaders();
    const consumer = new HttpWatchConsumer(response, encoder, watchForm);
    const session = new WatchSession({ state: verbs.state, served, selection, options, wheel, consumer, signal });
    this.#watches.add(session);
    signal.addEventListener('abort', () => this.#watches.delete(session), { once: true });
    await session.start();
  }

  async #serveStream(exchange: Exchange, resource: ResourceInfo): Promise<void> {
    const { info, request, response, user } = exchange;
    const target = await this.#connect(info, resource, user);
    const headers = exchange.headers();
    await this.#deps.nodeProxy.serve(target, { request, response, headers, signal: exchange.signal });
  }

  async #connect(info: RequestInfo, resource: ResourceInfo, user: Exchange['user']): Promise<ProxyTarget> {
    const { verbs, admission } = this.#deps;
    const { served, subresource } = findServed(verbs, resource);
    const { namespace, name = '', tail } = resource;
    const target = {
      ref: served.definition.ref,
      subresource: subresource?.name ?? '',
      namespace,
      name,
      tail,
      query: info.query,
    };
    if (target.subresource !== 'log') {
      await admission().validate({
        operation: 'CONNECT',
        resource: target.ref,
        subresource: target.subresource,
        namespace,
        name,
        object: undefined,
        oldObject: undefined,
        options: Object.fromEntries(info.query),
        user,
        dryRun: false,
        signal: new AbortController().signal,
        warn: () => {},
      });
    }
    return target;
  }

  #logFailure(exchange: Exchange, status: StatusError, error: unknown): void {
    const { info, auditId, user } = exchange;
    const err = status.cause ?? error;
    this.#deps.log.error({ err, verb: info.verb, path: info.path, auditId, user: user.username }, 'request failed');
  }

  #observe({ info, response, startedAt }: Exchange, isStream: boolean): void {
    const seconds = (performance.now() - startedAt) / 1000;
    // Only what is served: names that clients make up would fill the memory.
    const { group = '', version = '', resource: plural = '', subresource } = info.resource ?? {};
    const definition = this.#deps.verbs.served.get({ group, version, plural })?.definition;
    const isPart = definition?.subresources.some(({ name }) => name === subresource) === true;
    const labels = {
      verb: info.verb.toUpperCase(),
      group: definition?.ref.group ?? '',
      version: definition?.ref.version ?? '',
      resource: definition?.ref.plural ?? '',
      subresource: isPart ? (subresource ?? '') : '',
      code: String(response.statusCode),
    };
    this.#deps.metrics.observe(labels, isStream ? undefined : seconds);
  }
}

/** Undefined: the URL was broken and has been answered. */
function openExchange(request: IncomingMessage, response: ServerResponse): Exchange | undefined {
  try {
    return new Exchange(request, response, parseRequestInfo(request.method ?? 'GET', request.url ?? '/'));
  } catch (error) {
    const info = { verb: 'get', path: '/', query: new URLSearchParams() };
    void new Exchange(request, response, info).fail(toStatusError(error));
    return undefined;
  }
}

/** The definition a request is about. Throws 404 for a resource or subresource that is not served. */
export function findServed({ served }: Pick<VerbDeps, 'served'>, resource: ResourceInfo) {
  const { group, version, resource: plural, subresource: part, namespace, name } = resource;
  const found = served.get({ group, version, plural });
  if (found === undefined) throw resourceNotFound();
  const { ref, subresources } = found.definition;
  // A cluster-scoped resource has no address within a namespace.
  if (!ref.namespaced && namespace !== undefined && ref.plural !== 'namespaces') throw resourceNotFound();
  if (part === undefined) return { served: found, subresource: undefined };
  const subresource = subresources.find((candidate) => candidate.name === part);
  if (subresource === undefined || name === undefined) throw resourceNotFound();
  return { served: found, subresource };
}

/** A name that stands only in a field selector does not make a list a get. */
function nameOf({ verb, path }: RequestInfo, { name }: ResourceInfo): string | undefined {
  if (verb === 'list' || verb === 'deletecollection') return undefined;
  if (verb !== 'watch' || name === undefined) return name;
  return path.replace(/\/+$/, '').endsWith(`/${name}`) ? name : undefined;
}

/** What a Status or the like cannot be shown as is shown as it is. */
function formFor(reply: Reply, form: Form): Form {
  if (reply.type === 'list') return form;
  const { kind } = reply.object as { kind?: string };
  return kind === 'Status' ? { ...form, as: 'object' } : form;
}

function attributesOf({ verb, path, resource }: RequestInfo) {
  if (resource === undefined) return { verb, path };
  const { group, version, resource: plural, subresource, namespace, name } = resource;
  const isInteractive = subresource !== undefined && INTERACTIVE.has(subresource);
  return {
    verb: isInteractive && verb === 'get' ? 'create' : verb,
    group,
    version,
    resource: plural,
    subresource,
    namespace,
    name,
  };
}

function refuseUpgrade(socket: Duplex, { code, status }: StatusError): void {
  if (!socket.writable) return socket.destroy() as unknown as void;
  const body = `${JSON.stringify(status)}\n`;
  socket.end(
    [
      `HTTP/1.1 ${code} ${status.reason ?? 'Error'}`,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  );
}
