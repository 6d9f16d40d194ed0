import { type Service, services } from '#api/core/v1.ts';
import { type EndpointSlice, endpointSlices } from '#api/discovery/v1.ts';
import { backoffMs } from '#base/backoff.ts';
import type { Component } from '#base/component.ts';
import { type Exec, Iptables } from '#base/iptables.ts';
import type { Logger } from '#base/logger.ts';
import { run } from '#base/process.ts';
import type { Cache } from '#client/cache.ts';
import { baseRules, isProxyChain, PROXY_JUMPS } from './base-rules.ts';
import { planForget } from './conntrack.ts';
import { SERVICE_NAME_LABEL } from './endpoints.ts';
import { HealthCheckServer } from './health-check-server.ts';
import type { ProxyNode } from './proxy-node.ts';
import { inSlices, planChanges, planRepair } from './rule-changes.ts';
import { planService, type ServiceRules } from './service-rules.ts';

const SLICE_CHAINS = 500;

export interface ServiceProxyOptions {
  cache: Cache;
  log: Logger;
  /** How programs are run. */
  exec?: Exec;
  /** Changes within this time share one transaction. */
  coalesceMs?: number;
  /** How often to look whether the chains are still entered. */
  verifyEveryMs?: number;
}

/**
 * Makes Services work on this node by packet filter rules. Rules follow once `configure` has said what node this is and
 * the cache is filled; until then, and after `stop`, the kernel keeps the rules it has.
 */
export class ServiceProxy implements Component {
  readonly name = 'service-proxy';
  readonly #options: Required<ServiceProxyOptions>;
  readonly #iptables: Iptables;
  readonly #healthChecks: HealthCheckServer;
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  readonly #applied = new Map<string, ServiceRules>();
  readonly #dirty = new Set<string>();
  #node: ProxyNode | undefined;
  #isCacheFilled = false;
  #needsRepair = true;
  #failures = 0;
  #hasConntrack = true;
  #timer: NodeJS.Timeout | undefined;
  #verifyTimer: NodeJS.Timeout | undefined;
  #syncing: Promise<void> | undefined;
  #run = new AbortController();
  #unsubscribe: (() => void)[] = [];
  #waiting: (() => void)[] = [];

  constructor(options: ServiceProxyOptions) {
    this.#options = { exec: run, coalesceMs: 20, verifyEveryMs: 60_000, ...options };
    this.#iptables = new Iptables(this.#options.exec);
    this.#healthChecks = new HealthCheckServer(options.log);
  }

  /** Does not wait for the cache: a node without a server in reach keeps the rules it has. */
  async start(): Promise<void> {
    this.#run = new AbortController();
    this.#slices.clear();
    const { cache, verifyEveryMs } = this.#options;
    this.#unsubscribe = [
      cache.onChange(services, ({ object }) => this.#touch(keyOf(object.metadata))),
      cache.onChange(endpointSlices, (event) => {
        if (event.type === 'MODIFIED') this.#setSlice(event.previous, false);
        this.#setSlice(event.object, event.type !== 'DELETED');
      }),
    ];
    this.#verifyTimer = setInterval(() => void this.#verify(), verifyEveryMs);
    this.#verifyTimer.unref();
    void cache.synced([services, endpointSlices], this.#run.signal).then(
      () => {
        this.#isCacheFilled = true;
        this.#schedule();
      },
      () => undefined,
    );
  }

  /** Rules stay, so that running pods keep their services. */
  async stop(): Promise<void> {
    this.#run.abort(new Error('Service proxy stopped'));
    clearInterval(this.#verifyTimer);
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const unsubscribe of this.#unsubscribe.splice(0)) unsubscribe();
    await this.#syncing;
    await this.#healthChecks.stop();
  }

  /** Says what node this is; call it again whenever that changes. */
  configure(node: ProxyNode): void {
    if (JSON.stringify(node) === JSON.stringify(this.#node)) return;
    this.#node = node;
    this.#needsRepair = true;
    this.#schedule();
  }

  /** Resolves once the kernel has the rules for everything known at the time of the call. */
  synced(signal: AbortSignal): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      this.#waiting.push(resolve);
    });
  }

  /** Removes every rule and chain any service proxy of ours made on this machine. For uninstalling. */
  async removeAll(): Promise<void> {
    await this.stop();
    await this.#iptables.removeChains(isProxyChain);
    this.#applied.clear();
    this.#needsRepair = true;
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
    this.#touch(key);
  }

  #touch(key: string): void {
    this.#dirty.add(key);
    this.#schedule();
  }

  #isIdle(): boolean {
    return this.#dirty.size === 0 && !this.#needsRepair && this.#syncing === undefined;
  }

  #schedule(delayMs = this.#options.coalesceMs): void {
    if (this.#timer !== undefined || this.#syncing !== undefined || this.#run.signal.aborted) return;
    if (this.#node === undefined || !this.#isCacheFilled) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#syncing = this.#sync();
      void this.#syncing.finally(() => {
        this.#syncing = undefined;
        if (this.#failures > 0) this.#schedule(backoffMs(this.#failures, { initialMs: 200, maxMs: 30_000 }));
        else if (this.#dirty.size > 0 || this.#needsRepair) this.#schedule();
        else for (const resolve of this.#waiting.splice(0)) resolve();
      });
    }, delayMs);
  }

  async #sync(): Promise<void> {
    const { log } = this.#options;
    const node = this.#node;
    if (node === undefined) return;
    const isRepair = this.#needsRepair;
    this.#needsRepair = false;
    const started = performance.now();
    const before = new Map(this.#applied);
    const after = isRepair ? this.#planAll(node) : this.#planDirty(node);
    this.#dirty.clear();
    try {
      if (isRepair) await this.#repair(node, after);
      else
        await this.#iptables.apply(
          planChanges([...after].map(([key, rules]) => ({ before: before.get(key), after: rules }))),
        );
      this.#failures = 0;
    } catch (err) {
      this.#failures++;
      // What the kernel holds now is unknown: look first, next time.
      this.#needsRepair = true;
      log.error({ err, failures: this.#failures }, 'cannot write service rules');
      return;
    }
    if (isRepair) this.#applied.clear();
    for (const [key, rules] of after) {
      if (rules === undefined) this.#applied.delete(key);
      else this.#applied.set(key, rules);
    }
    const durationMs = Math.round(performance.now() - started);
    log[isRepair ? 'info' : 'debug']({ services: after.size, durationMs }, 'service rules written');
    // On the first run nothing is known about what flows the kernel remembers; they end by themselves.
    if (before.size > 0) await this.#forgetFlows(before, after);
    await this.#healthChecks.set([...this.#applied.values()].flatMap(({ healthCheck }) => healthCheck ?? []));
  }

  #planAll(node: ProxyNode): Map<string, ServiceRules | undefined> {
    const all = this.#options.cache.list(services);
    const gone = [...this.#applied.keys()].map((key): [string, undefined] => [key, undefined]);
    return new Map([...gone, ...all.map((service) => [keyOf(service.metadata), this.#plan(service, node)] as const)]);
  }

  #planDirty(node: ProxyNode): Map<string, ServiceRules | undefined> {
    const plans = [...this.#dirty].map((key): [string, ServiceRules | undefined] => {
      const [namespace = '', name = ''] = key.split('/');
      const service = this.#options.cache.get(services, { namespace, name });
      return [key, service && this.#plan(service, node)];
    });
    return new Map(plans);
  }

  #plan(service: Service, node: ProxyNode): ServiceRules {
    return planService(service, [...(this.#slices.get(keyOf(service.metadata))?.values() ?? [])], node);
  }

  async #repair(node: ProxyNode, after: ReadonlyMap<string, ServiceRules | undefined>): Promise<void> {
    const current = { nat: await this.#iptables.save('nat'), filter: await this.#iptables.save('filter') };
    const wanted = { base: baseRules(node), services: [...after.values()].filter((rules) => rules !== undefined) };
    for (const slice of inSlices(planRepair(current, wanted), SLICE_CHAINS)) await this.#iptables.apply(slice);
    await this.#iptables.ensureJumps(PROXY_JUMPS);
  }

  async #forgetFlows(before: ReadonlyMap<string, ServiceRules>, after: ReadonlyMap<string, ServiceRules | undefined>) {
    for (const [key, rules] of after) {
      for (const args of planForget(before.get(key), rules)) {
        if (!this.#hasConntrack) return;
        await this.#options.exec('conntrack', args).catch((error: unknown) => {
          const cause = error instanceof Error ? error.cause : undefined;
          // It fails also when there is nothing to forget, which is fine.
          if (!(cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')) return;
          this.#hasConntrack = false;
          this.#options.log.warn(
            'conntrack is missing, UDP flows may go on to endpoints that are gone; cure: install conntrack',
          );
        });
      }
    }
  }

  /** A firewall that is reloaded takes our jumps with it. */
  async #verify(): Promise<void> {
    if (!this.#isIdle() || this.#node === undefined || !this.#isCacheFilled) return;
    try {
      const hasChains = (await this.#iptables.list({ table: 'nat', chain: 'SKIFF-SERVICES' })) !== undefined;
      const isRepaired = hasChains && (await this.#iptables.ensureJumps(PROXY_JUMPS));
      if (hasChains && !isRepaired) return;
      this.#options.log.warn('service rules were removed by somebody else, writing them again');
      this.#needsRepair = true;
      this.#schedule(0);
    } catch (err) {
      this.#options.log.warn({ err }, 'cannot verify service rules');
    }
  }
}

function keyOf({ namespace = '', name = '' }: { namespace?: string | undefined; name?: string | undefined }): string {
  return `${namespace}/${name}`;
}
