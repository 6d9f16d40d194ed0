import { Worker } from 'node:worker_threads';
import { namespaces, services } from '#api/core/v1.ts';
import { type EndpointSlice, endpointSlices } from '#api/discovery/v1.ts';
import { backoffMs } from '#base/backoff.ts';
import type { Component } from '#base/component.ts';
import type { Logger } from '#base/logger.ts';
import { type RunOptions, run } from '#base/process.ts';
import type { Cache } from '#client/cache.ts';
import type { ListenAddress } from './listener.ts';
import { ensureLocalAddress, removeLocalAddress } from './local-address.ts';
import type { DnsWorkerOptions, FromWorker, ToWorker } from './messages.ts';
import type { ForwardTargets } from './plugins/forward.ts';
import { RESOLV_CONF_FILES, readUpstreams } from './resolv-conf.ts';
import { type ServiceEntry, serviceEntry } from './service-entry.ts';
import type { ZoneDelta } from './zone-index.ts';

export interface DnsServerOptions {
  cache: Cache;
  log: Logger;
  /** The cluster's domain: `cluster.local`. */
  zone: string;
  /** The address pods ask at, and the node too; put on a link of its own unless `addresses` says where to listen. */
  dnsIp: string;
  clusterCidr: string;
  serviceCidr: string;
  /** Listen on these addresses instead, and leave the machine's links alone. */
  addresses?: readonly ListenAddress[];
  /** Servers for some domains, as `host` or `host:port`. */
  stubDomains?: ForwardTargets['stubDomains'];
  resolvConfFiles?: readonly string[];
  /** The thread's program as one script, for the single executable; else it is run from its source file. */
  workerSource?: string | undefined;
  exec?: (file: string, args: readonly string[], options?: RunOptions) => Promise<string>;
}

const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
const COALESCE_MS = 10;
const RESOLV_CONF_EVERY_MS = 10_000;

/** The cluster's DNS on this node, on a thread of its own, told of changes by the cache. */
export class DnsServer implements Component {
  readonly name = 'dns';
  readonly #options: DnsServerOptions;
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  readonly #dirtyServices = new Set<string>();
  readonly #dirtyNamespaces = new Set<string>();
  #worker: Worker | undefined;
  #targets: ForwardTargets = { upstreams: [] };
  #isCacheFilled = false;
  #isWorkerFilled = false;
  #failures = 0;
  #bound: ListenAddress[] = [];
  #onListening: (() => void)[] = [];
  #flushTimer: NodeJS.Timeout | undefined;
  #restartTimer: NodeJS.Timeout | undefined;
  #upstreamTimer: NodeJS.Timeout | undefined;
  #unsubscribe: (() => void)[] = [];
  #run = new AbortController();

  constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  /** Resolves without waiting for the cache or for a taken port: until then the thread answers what it can. */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { cache, addresses, dnsIp, exec = run } = this.#options;
    this.#run = new AbortController();
    if (addresses === undefined) await ensureLocalAddress(dnsIp, { exec });
    await this.#readUpstreams();
    this.#startWorker();
    this.#slices.clear();
    this.#unsubscribe = [
      cache.onChange(services, ({ object }) => this.#touch(this.#dirtyServices, keyOf(object.metadata))),
      cache.onChange(endpointSlices, (event) => {
        if (event.type === 'MODIFIED') this.#setSlice(event.previous, false);
        this.#setSlice(event.object, event.type !== 'DELETED');
      }),
      cache.onChange(namespaces, ({ object }) => this.#touch(this.#dirtyNamespaces, object.metadata.name ?? '')),
    ];
    this.#upstreamTimer = setInterval(() => void this.#readUpstreams(), RESOLV_CONF_EVERY_MS);
    this.#upstreamTimer.unref();
    void cache.synced([services, endpointSlices, namespaces], this.#run.signal).then(
      () => {
        this.#isCacheFilled = true;
        this.#flush();
      },
      () => undefined,
    );
  }

  async stop(): Promise<void> {
    this.#run.abort(new Error('DNS server stopped'));
    clearInterval(this.#upstreamTimer);
    clearTimeout(this.#flushTimer);
    clearTimeout(this.#restartTimer);
    this.#flushTimer = undefined;
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    const worker = this.#worker;
    this.#worker = undefined;
    this.#bound = [];
    await worker?.terminate();
  }

  /** Takes the DNS address off the machine. For uninstalling. */
  async removeAll(): Promise<void> {
    await this.stop();
    await removeLocalAddress({ exec: this.#options.exec ?? run });
  }

  /** Where it listens, once it does on every address. */
  async listening(signal: AbortSignal): Promise<readonly ListenAddress[]> {
    while (this.#bound.length < this.#addresses().length) {
      await new Promise<void>((resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
        this.#onListening.push(resolve);
      });
    }
    return this.#bound;
  }

  #addresses(): readonly ListenAddress[] {
    return this.#options.addresses ?? [{ ip: this.#options.dnsIp, port: 53 }];
  }

  #startWorker(): void {
    const { zone, dnsIp, clusterCidr, serviceCidr, workerSource, log } = this.#options;
    const addresses = this.#addresses();
    const workerData: DnsWorkerOptions = {
      zone,
      dnsIp,
      ranges: [clusterCidr, serviceCidr],
      addresses,
      targets: this.#targets,
    };
    const worker =
      workerSource === undefined
        ? new Worker(new URL('./dns-worker.ts', import.meta.url), { workerData })
        : new Worker(workerSource, { workerData, eval: true });
    this.#worker = worker;
    this.#isWorkerFilled = false;
    this.#bound = [];
    worker.on('message', (message: FromWorker) => this.#hear(message));
    worker.on('error', (err) => log.error({ err }, 'resolver thread failed'));
    worker.on('exit', () => {
      if (this.#worker !== worker) return;
      this.#failures++;
      const delayMs = backoffMs(this.#failures, { initialMs: 100, maxMs: 30_000 });
      this.#restartTimer = setTimeout(() => {
        this.#startWorker();
        this.#flush();
      }, delayMs);
    });
  }

  #hear(message: FromWorker): void {
    const { log } = this.#options;
    switch (message.type) {
      case 'listening':
        this.#failures = 0;
        this.#bound = [...this.#bound, message.address];
        log.info({ address: message.address }, 'answering names');
        for (const resolve of this.#onListening.splice(0)) resolve();
        return;
      case 'not-listening': {
        const cure =
          message.code === 'EADDRINUSE'
            ? 'let the other DNS server on this machine listen on its own address only'
            : undefined;
        log.error({ address: message.address, err: message.message, cure }, 'cannot answer names, trying again');
        return;
      }
      case 'stopped':
    }
  }

  #setSlice(slice: EndpointSlice, isThere: boolean): void {
    const service = slice.metadata.labels?.[SERVICE_NAME_LABEL];
    if (service === undefined) return;
    const key = keyOf({ ...slice.metadata, name: service });
    const slices = this.#slices.get(key) ?? new Map<string, EndpointSlice>();
    if (isThere) slices.set(slice.metadata.name ?? '', slice);
    else slices.delete(slice.metadata.name ?? '');
    if (slices.size > 0) this.#slices.set(key, slices);
    else this.#slices.delete(key);
    this.#touch(this.#dirtyServices, key);
  }

  #touch(dirty: Set<string>, key: string): void {
    dirty.add(key);
    if (this.#run.signal.aborted) return;
    this.#flushTimer ??= setTimeout(() => this.#flush(), COALESCE_MS);
  }

  /** Sends what changed; everything to a thread that knows nothing yet, and nothing before the cache is filled. */
  #flush(): void {
    clearTimeout(this.#flushTimer);
    this.#flushTimer = undefined;
    if (!this.#isCacheFilled || this.#worker === undefined) return;
    const delta = this.#isWorkerFilled ? this.#changed() : this.#everything();
    this.#isWorkerFilled = true;
    this.#dirtyServices.clear();
    this.#dirtyNamespaces.clear();
    this.#send({ type: 'zone', delta });
  }

  #everything(): ZoneDelta {
    const { cache } = this.#options;
    return {
      replaceAll: true,
      services: cache.list(services).map(({ metadata }) => this.#entry(keyOf(metadata))),
      namespaces: cache.list(namespaces).map(({ metadata }) => [metadata.name ?? '', true] as const),
    };
  }

  #changed(): ZoneDelta {
    const { cache } = this.#options;
    return {
      services: [...this.#dirtyServices].map((key) => this.#entry(key)),
      namespaces: [...this.#dirtyNamespaces].map(
        (name) => [name, cache.get(namespaces, { name }) !== undefined] as const,
      ),
    };
  }

  #entry(key: string): [string, ServiceEntry | undefined] {
    const [namespace = '', name = ''] = key.split('/');
    const service = this.#options.cache.get(services, { namespace, name });
    return [key, service && serviceEntry(service, [...(this.#slices.get(key)?.values() ?? [])])];
  }

  async #readUpstreams(): Promise<void> {
    const { resolvConfFiles = RESOLV_CONF_FILES, stubDomains, log } = this.#options;
    const own = this.#addresses().flatMap(({ ip, port }) => (port === 53 ? ip : []));
    const upstreams = await readUpstreams(resolvConfFiles, own);
    const targets = { upstreams, ...(stubDomains && { stubDomains }) };
    if (JSON.stringify(targets) === JSON.stringify(this.#targets)) return;
    this.#targets = targets;
    log.info({ upstreams: upstreams.map(({ host }) => host) }, 'upstream name servers');
    this.#send({ type: 'targets', targets });
  }

  #send(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }
}

function keyOf({ namespace = '', name = '' }: { namespace?: string | undefined; name?: string | undefined }): string {
  return `${namespace}/${name}`;
}
