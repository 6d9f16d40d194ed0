import type { AdmissionRequest } from '#api/admission/request.ts';
import { type Amounts, parseAmounts } from '#api/core/quota/pod-quantities.ts';
import { type ResourceQuota, resourceQuotas } from '#api/core/v1.ts';
import { isConflict, isNotFound } from '#api/meta/errors.ts';
import { formatQuantity } from '#api/meta/quantity.ts';
import type { AdmissionDeps } from '../plugin.ts';
import { chargedUsage } from './charge.ts';

/** One write that wants room in the quotas of its namespace. */
export interface Demand {
  readonly request: AdmissionRequest;
  readonly change: Amounts;
  /** The quotas, out of the namespace's, that count the object. */
  select(quotas: readonly ResourceQuota[]): readonly ResourceQuota[];
}

interface Waiting extends Demand {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** UIDs of quotas that have it in their books: a retry for the sake of another must not count it twice. */
  readonly charged: Set<string>;
}

interface Page {
  readonly quota: ResourceQuota;
  used: Amounts;
  readonly demands: Waiting[];
}

const MAX_ROUNDS = 4;

/**
 * Keeps the books of quotas: whoever has been let in is in `status.used` before the write goes on, so two writers never
 * share the last place. Demands that come while a namespace's books are being written wait and are written together.
 */
export class QuotaLedger {
  readonly #deps: Pick<AdmissionDeps, 'cache' | 'client'>;
  readonly #queues = new Map<string, Waiting[]>();

  constructor(deps: Pick<AdmissionDeps, 'cache' | 'client'>) {
    this.#deps = deps;
  }

  /** Resolves once the demand is charged; rejects with 403 when there is no room. A dry run only asks for room. */
  charge(demand: Demand): Promise<void> {
    const { namespace = '' } = demand.request;
    return new Promise((resolve, reject) => {
      const waiting: Waiting = { ...demand, resolve, reject, charged: new Set() };
      const queue = this.#queues.get(namespace);
      if (queue !== undefined) {
        queue.push(waiting);
        return;
      }
      this.#queues.set(namespace, [waiting]);
      void this.#work(namespace);
    });
  }

  async #work(namespace: string): Promise<void> {
    for (;;) {
      const open = this.#queues.get(namespace)?.splice(0) ?? [];
      if (open.length === 0) break;
      try {
        await this.#settle(namespace, open);
      } catch (error) {
        for (const { reject } of open) reject(error);
      }
    }
    this.#queues.delete(namespace);
  }

  async #settle(namespace: string, demands: readonly Waiting[]): Promise<void> {
    let open = demands;
    for (let round = 1; open.length > 0; round++) {
      const failures = await this.#writeRound(namespace, open);
      open = open.filter((demand) => failures.has(demand));
      const isLast = round === MAX_ROUNDS;
      for (const demand of open) {
        const error = failures.get(demand);
        if (isLast || !(isConflict(error) || isNotFound(error))) demand.reject(error);
      }
      if (isLast) return;
      open = open.filter((demand) => isConflict(failures.get(demand)) || isNotFound(failures.get(demand)));
    }
  }

  /** Judges the demands one after the other, writes all changed quotas, and says whose writing failed. */
  async #writeRound(namespace: string, open: readonly Waiting[]): Promise<ReadonlyMap<Waiting, unknown>> {
    const pages = new Map<string, Page>();
    const quotas = this.#deps.cache.list(resourceQuotas, { namespace });
    const admitted = open.filter((demand) => enter(demand, quotas, pages));
    const failures = new Map<Waiting, unknown>();
    await Promise.all(
      [...pages.values()]
        .filter(({ demands }) => demands.length > 0)
        .map(async ({ quota, used, demands }) => {
          try {
            await this.#deps.client.updateStatus(resourceQuotas, withUsed(quota, used));
            for (const { charged } of demands) charged.add(quota.metadata.uid ?? '');
          } catch (error) {
            for (const demand of demands) failures.set(demand, error);
          }
        }),
    );
    for (const demand of admitted) if (!failures.has(demand)) demand.resolve();
    return failures;
  }
}

/** Enters a demand on the pages it concerns, or on none and rejects it. */
function enter(demand: Waiting, quotas: readonly ResourceQuota[], pages: Map<string, Page>): boolean {
  const { request, change, charged } = demand;
  try {
    const due = demand.select(quotas).filter(({ metadata }) => !charged.has(metadata.uid ?? ''));
    const entries = due.map((quota) => {
      const { uid = '' } = quota.metadata;
      const page = pages.get(uid) ?? { quota, used: parseAmounts(quota.status?.used), demands: [] };
      pages.set(uid, page);
      return { page, used: chargedUsage(request, { quota, used: page.used, change }) };
    });
    if (request.dryRun) return true;
    for (const { page, used } of entries) {
      page.used = used;
      page.demands.push(demand);
    }
    return true;
  } catch (error) {
    demand.reject(error);
    return false;
  }
}

function withUsed(quota: ResourceQuota, amounts: Amounts): ResourceQuota {
  const used = { ...quota.status?.used };
  for (const [name, amount] of amounts) used[name] = formatQuantity(amount);
  return { ...quota, status: { ...quota.status, used } };
}
