import type { AdmissionRequest } from '#api/admission/request.ts';
import { countedNames } from '#api/core/quota/concerns.ts';
import { type Amounts, parseAmounts } from '#api/core/quota/pod-quantities.ts';
import type { QuotaEvaluator } from '#api/core/quota/quota-evaluator.ts';
import type { ResourceQuota } from '#api/core/v1.ts';
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  type Quantity,
  subtractQuantities,
  ZERO_QUANTITY,
} from '#api/meta/quantity.ts';
import { refusal } from '../refusal.ts';

/** Throws 403 where a quota cannot judge the object: it does not say what is counted, or nobody has counted yet. */
export function requireCountable(request: AdmissionRequest, quota: ResourceQuota, evaluator: QuotaEvaluator): void {
  const names = countedNames(quota.status?.hard, evaluator);
  const { name } = quota.metadata;
  const missing = request.object && evaluator.missing?.(request.object, names);
  if (missing !== undefined) throw refusal(request, `failed quota: ${name}: ${missing}`);
  if (names.some((counted) => quota.status?.used?.[counted] === undefined)) {
    throw refusal(request, `status unknown for quota: ${name}, resources: ${names.join(',')}`);
  }
}

/** How much more, or less, is used after a write. Names that stay the same are left out. Throws 403 below zero. */
export function usageChange(request: AdmissionRequest, evaluator: QuotaEvaluator, nowMs: number): Amounts {
  const { operation, object, oldObject } = request;
  const after = object === undefined ? new Map<string, Quantity>() : evaluator.usage(object, nowMs);
  const negative = [...after].filter(([, amount]) => amount.nano < 0n).map(([name]) => name);
  if (negative.length > 0) {
    throw refusal(request, `quota usage is negative for resource(s): ${negative.sort().join(',')}`);
  }
  const isUpdate = operation === 'UPDATE' && oldObject !== undefined;
  const before: Amounts = isUpdate ? evaluator.usage(oldObject, nowMs) : new Map();
  const change = [...new Set([...after.keys(), ...before.keys()])].map((name): [string, Quantity] => [
    name,
    subtractQuantities(after.get(name) ?? ZERO_QUANTITY, before.get(name) ?? ZERO_QUANTITY),
  ]);
  return new Map(change.filter(([, { nano }]) => nano !== 0n));
}

/** What a quota has used after a change, or 403 if that is more than it allows. What only gets less always passes. */
export function chargedUsage(
  request: AdmissionRequest,
  { quota, used, change }: { quota: ResourceQuota; used: Amounts; change: Amounts },
): Amounts {
  const hard = parseAmounts(quota.status?.hard);
  const requested = new Map([...change].filter(([name]) => hard.has(name)));
  const after = new Map(used);
  for (const [name, amount] of requested) after.set(name, addQuantities(used.get(name) ?? ZERO_QUANTITY, amount));
  const exceeded = [...requested]
    .filter(([name, { nano }]) => nano > 0n && compareQuantities(amountOf(after, name), amountOf(hard, name)) > 0)
    .map(([name]) => name)
    .sort();
  if (exceeded.length === 0) return after;
  const show = (amounts: Amounts) =>
    exceeded.map((name) => `${name}=${formatQuantity(amountOf(amounts, name))}`).join(',');
  const why = `exceeded quota: ${quota.metadata.name}, requested: ${show(requested)}, used: ${show(used)}, limited: ${show(hard)}`;
  throw refusal(request, why);
}

const amountOf = (amounts: Amounts, name: string) => amounts.get(name) ?? ZERO_QUANTITY;
