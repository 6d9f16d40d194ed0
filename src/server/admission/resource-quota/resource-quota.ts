import { concernsObject } from '#api/core/quota/concerns.ts';
import { evaluatorFor } from '#api/core/quota/evaluators.ts';
import { type ResourceQuota, resourceQuotas } from '#api/core/v1.ts';
import type { AdmissionDeps, AdmissionPlugin } from '../plugin.ts';
import { requireCountable, usageChange } from './charge.ts';
import { isCharged } from './charged-writes.ts';
import { QuotaLedger } from './quota-ledger.ts';

/** Refuses what a namespace has no room for, and books what it has room for. Last, so that only what passes is booked. */
export function resourceQuota({ cache, client, now }: AdmissionDeps): AdmissionPlugin {
  const ledger = new QuotaLedger({ cache, client });
  return {
    name: 'ResourceQuota',
    handles: ({ operation, resource, subresource }) =>
      resource.namespaced &&
      (operation === 'CREATE' || operation === 'UPDATE') &&
      (subresource === undefined || subresource === 'resize'),
    validate(request) {
      const { namespace, resource, object } = request;
      const quotas = cache.list(resourceQuotas, { namespace });
      if (quotas.length === 0 || object === undefined) return;
      const evaluator = isCharged(request) ? evaluatorFor(resource) : undefined;
      if (evaluator === undefined) return;
      const select = (present: readonly ResourceQuota[]) => {
        const concerned = present.filter((quota) =>
          concernsObject({ spec: quota.spec, hard: quota.status?.hard }, evaluator, object),
        );
        for (const quota of concerned) requireCountable(request, quota, evaluator);
        return concerned;
      };
      if (select(quotas).length === 0) return;
      const change = usageChange(request, evaluator, now());
      if (change.size > 0) return ledger.charge({ request, change, select });
    },
  };
}
