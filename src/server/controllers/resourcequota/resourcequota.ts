import { countedNames } from '#api/core/quota/concerns.ts';
import { parseAmounts } from '#api/core/quota/pod-quantities.ts';
import { type ResourceQuota, resourceQuotas } from '#api/core/v1.ts';
import { compareQuantities, ZERO_QUANTITY } from '#api/meta/quantity.ts';
import { keyString, type ObjectKey, type ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import { type Controller, type ControllerDeps, type ReconcileContext, type Watch, watches } from '../controller.ts';
import { BOOKING_MS, QuotaPage } from './quota-page.ts';
import {
  type CountedKind,
  changesUsage,
  countedKinds,
  countsObject,
  countUsage,
  isLimitInForce,
  planStatus,
  planUsed,
} from './usage.ts';

/** Every quota is counted at least so often, for what no event tells: pods that should be gone by now. */
const RESYNC_MS = 5 * 60_000;

/** The same for quotas of kinds that came after the start and are not watched. */
const UNWATCHED_MS = 10_000;

/** Writes what is used into quotas: admission only adds to it, and cannot know what goes or fails to come. */
export function resourceQuotaController(deps: ControllerDeps): Controller {
  return new ResourceQuotaController(deps);
}

class ResourceQuotaController implements Controller {
  readonly name = 'resourcequota-controller';
  readonly primary = resourceQuotas;
  readonly #deps: ControllerDeps;
  readonly #pages = new Map<string, QuotaPage>();
  readonly #watched = new Set<ResourceRef>();

  constructor(deps: ControllerDeps) {
    this.#deps = deps;
  }

  /** All kinds that are served when the manager starts. */
  get watches(): readonly Watch[] {
    const kinds = countedKinds(this.#deps.catalogue.list()).filter(({ canWatch }) => canWatch);
    for (const { ref } of kinds) this.#watched.add(ref);
    return kinds.map((kind) => watches(kind.ref, (object, previous) => this.#affected(kind, object, previous)));
  }

  async reconcile(key: ObjectKey, { log, signal }: ReconcileContext): Promise<void | { requeueAfterMs: number }> {
    const { cache, client } = this.#deps;
    const quota = cache.get(resourceQuotas, key);
    if (quota === undefined) {
      this.#pages.delete(keyString(key));
      return;
    }
    // A clock that nobody sets: counts must not wait for one that was wrong.
    const nowMs = performance.now();
    const page = this.#pageOf(quota);
    page.observe(parseAmounts(quota.status?.used), nowMs);
    if (page.dueInMs(nowMs) > 0 && isLimitInForce(quota)) return { requeueAfterMs: page.dueInMs(nowMs) };
    const { used, nextMs } = this.#count(quota, page, nowMs);
    page.begin(nowMs, nextMs);
    const status = planStatus(quota, used);
    if (status !== undefined) {
      try {
        await client.updateStatus(resourceQuotas, { ...quota, status }, { signal });
      } catch (error) {
        page.failed();
        throw error;
      }
      page.wrote(parseAmounts(status.used));
      log.info({ used: status.used }, 'usage counted');
    }
    return { requeueAfterMs: Math.max(1, page.dueInMs(performance.now())) };
  }

  #count(quota: ResourceQuota, page: QuotaPage, nowMs: number) {
    const { cache, catalogue, now } = this.#deps;
    const { namespace } = quota.metadata;
    const kinds = countedKinds(catalogue.list());
    const counted = countUsage(quota, kinds, { list: (ref) => cache.list(ref, { namespace }), nowMs: now() });
    const used = planUsed(counted, { known: parseAmounts(quota.status?.used), booked: page.booked(nowMs) });
    const isHeldBack = [...used].some(([name, amount]) =>
      compareQuantities(amount, counted.get(name) ?? ZERO_QUANTITY),
    );
    const restMs = this.#isWatched(quota, kinds, used) ? RESYNC_MS : UNWATCHED_MS;
    return { used, nextMs: isHeldBack ? page.heldForMs(nowMs) : restMs };
  }

  /** Whether events tell of all that a quota limits. A limit of a kind that nobody serves may get one at any time. */
  #isWatched({ spec }: ResourceQuota, kinds: readonly CountedKind[], used: ReadonlyMap<string, unknown>): boolean {
    return (
      Object.keys(spec?.hard ?? {}).every((name) => used.has(name)) &&
      kinds.every(({ ref, evaluator }) => this.#watched.has(ref) || countedNames(spec?.hard, evaluator).length === 0)
    );
  }

  /** Quotas that a change concerns. What goes gives room at once; what comes should have been booked, and is checked. */
  #affected({ ref, evaluator }: CountedKind, object: ApiObject, previous: ApiObject | undefined): ObjectKey[] {
    const { cache, now } = this.#deps;
    const quotas = cache.list(resourceQuotas, { namespace: object.metadata.namespace });
    if (quotas.length === 0) return [];
    const isThere = cache.get(ref, object.metadata)?.metadata.uid === object.metadata.uid;
    const delayMs = previous === undefined && isThere ? BOOKING_MS : 0;
    const concerned = quotas.filter((quota) =>
      previous === undefined
        ? countsObject(quota, evaluator, object)
        : changesUsage(quota, evaluator, { object, previous, nowMs: now() }),
    );
    for (const quota of concerned) this.#pageOf(quota).mark(performance.now() + delayMs);
    return concerned.map(({ metadata }) => metadata);
  }

  #pageOf({ metadata }: ResourceQuota): QuotaPage {
    const key = keyString(metadata);
    const known = this.#pages.get(key);
    if (known !== undefined && known.uid === metadata.uid) return known;
    const page = new QuotaPage(metadata.uid);
    this.#pages.set(key, page);
    return page;
  }
}
