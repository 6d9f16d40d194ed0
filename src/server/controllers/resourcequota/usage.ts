import { concernsObject, countedNames, isInScopes } from '#api/core/quota/concerns.ts';
import { evaluatorFor } from '#api/core/quota/evaluators.ts';
import { type Amounts, parseAmounts } from '#api/core/quota/pod-quantities.ts';
import type { QuotaEvaluator } from '#api/core/quota/quota-evaluator.ts';
import type { ResourceQuota } from '#api/core/v1.ts';
import { addQuantities, compareQuantities, formatQuantity, type Quantity, ZERO_QUANTITY } from '#api/meta/quantity.ts';
import { groupResource, type ResourceRef } from '#api/meta/resource-ref.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { ServedResource } from '#client/cache.ts';

/** A kind whose objects quotas can count. */
export interface CountedKind {
  readonly ref: ResourceRef;
  readonly evaluator: QuotaEvaluator;
  readonly canWatch: boolean;
}

/** The kinds that quotas can count out of all that are served, each in one version only. */
export function countedKinds(served: readonly ServedResource[]): CountedKind[] {
  const kinds = new Map<string, CountedKind>();
  for (const { ref, verbs } of served) {
    const evaluator = ref.namespaced && verbs.includes('list') ? evaluatorFor(ref) : undefined;
    const name = groupResource(ref);
    if (evaluator === undefined || kinds.has(name)) continue;
    kinds.set(name, { ref, evaluator, canWatch: verbs.includes('watch') });
  }
  return [...kinds.values()];
}

/** What is used of all that a quota limits and that can be counted; `list` gives the objects of the quota's namespace. */
export function countUsage(
  { spec }: ResourceQuota,
  kinds: readonly CountedKind[],
  { list, nowMs }: { list: (ref: ResourceRef) => readonly ApiObject[]; nowMs: number },
): Amounts {
  const used = new Map<string, Quantity>();
  const add = (name: string, amount: Quantity) =>
    used.set(name, addQuantities(used.get(name) ?? ZERO_QUANTITY, amount));
  for (const { ref, evaluator } of kinds) {
    const names = countedNames(spec?.hard, evaluator);
    if (names.length === 0) continue;
    for (const name of names) add(name, ZERO_QUANTITY);
    for (const object of list(ref)) {
      if (!isInScopes(spec, evaluator, object)) continue;
      const usage = evaluator.usage(object, nowMs);
      for (const name of names) add(name, usage.get(name) ?? ZERO_QUANTITY);
    }
  }
  return used;
}

/**
 * What to write down as used. More than was known counts at once. Less counts only as far as it cannot be objects that
 * admission has booked a moment ago and that are still on their way into the store.
 */
export function planUsed(counted: Amounts, { known, booked }: { known: Amounts; booked: Amounts }): Amounts {
  const planned = [...counted].map(([name, amount]): [string, Quantity] => {
    const before = known.get(name);
    if (before === undefined || compareQuantities(before, amount) <= 0) return [name, amount];
    const most = addQuantities(amount, booked.get(name) ?? ZERO_QUANTITY);
    return [name, compareQuantities(before, most) < 0 ? before : most];
  });
  return new Map(planned);
}

/** The status that tells this, or undefined where it is told already. What nobody can count stays as it is. */
export function planStatus({ spec, status }: ResourceQuota, used: Amounts): ResourceQuota['status'] | undefined {
  const hard = spec?.hard ?? {};
  const known = parseAmounts(status?.used);
  const kept = [...known].filter(([name]) => Object.hasOwn(hard, name) && !used.has(name));
  const all: Amounts = new Map([...kept, ...used]);
  if (status?.hard !== undefined && hasLimits(status, hard) && sameAmounts(known, all)) return undefined;
  return { hard, used: Object.fromEntries([...all].map(([name, amount]) => [name, formatQuantity(amount)])) };
}

/** Whether admission goes by the limits that are asked for. */
export function isLimitInForce({ spec, status }: ResourceQuota): boolean {
  return hasLimits(status, spec?.hard);
}

function hasLimits(status: ResourceQuota['status'], hard: Readonly<Record<string, string>> | undefined): boolean {
  return sameAmounts(parseAmounts(status?.hard), parseAmounts(hard));
}

/** Whether two lists say the same, however it is written. */
export function sameAmounts(a: Amounts, b: Amounts): boolean {
  return a.size === b.size && [...a].every(([name, { nano }]) => b.get(name)?.nano === nano);
}

/** Whether a quota counts an object otherwise than what it was before. */
export function changesUsage(
  { spec }: ResourceQuota,
  evaluator: QuotaEvaluator,
  { object, previous, nowMs }: { object: ApiObject; previous: ApiObject; nowMs: number },
): boolean {
  const names = countedNames(spec?.hard, evaluator);
  if (names.length === 0) return false;
  const was = isInScopes(spec, evaluator, previous);
  if (was !== isInScopes(spec, evaluator, object)) return true;
  if (!was) return false;
  const [before, after] = [evaluator.usage(previous, nowMs), evaluator.usage(object, nowMs)];
  return before !== after && names.some((name) => before.get(name)?.nano !== after.get(name)?.nano);
}

/** Whether a quota counts an object at all. */
export function countsObject({ spec }: ResourceQuota, evaluator: QuotaEvaluator, object: ApiObject): boolean {
  return concernsObject({ spec, hard: spec?.hard }, evaluator, object);
}
