import { type Amounts, parseAmounts } from '#api/core/quota/pod-quantities.ts';
import type { LimitRangeItem } from '#api/core/v1.ts';
import { approximateValue, compareQuantities, formatQuantity, type Quantity } from '#api/meta/quantity.ts';

/** What something asks for and is limited to; `limits` is absent for what can only ask. */
export interface Usage {
  readonly requests: Amounts;
  readonly limits: Amounts | undefined;
}

/** What a limit says that a usage breaks, in upstream's words. Pure. */
export function brokenLimits(item: LimitRangeItem, usage: Usage): string[] {
  return [
    ...each(item.min, (name, bound) => belowMinimum(item.type, { name, bound, usage })),
    ...each(item.max, (name, bound) =>
      usage.limits === undefined
        ? requestAboveMaximum(item.type, { name, bound, usage })
        : aboveMaximum(item.type, { name, bound, usage }),
    ),
    ...each(item.maxLimitRequestRatio, (name, bound) =>
      usage.limits === undefined ? undefined : aboveRatio(item.type, { name, bound, usage }),
    ),
  ];
}

interface Rule {
  readonly name: string;
  readonly bound: Quantity;
  readonly usage: Usage;
}

function each(
  bounds: Readonly<Record<string, string>> | undefined,
  check: (name: string, bound: Quantity) => string | undefined,
): string[] {
  const sorted = [...parseAmounts(bounds)].sort(([a], [b]) => (a < b ? -1 : 1));
  return sorted.map(([name, bound]) => check(name, bound)).filter((problem) => problem !== undefined);
}

function belowMinimum(type: string, { name, bound, usage }: Rule): string | undefined {
  const rule = `minimum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  const [request, limit] = [usage.requests.get(name), usage.limits?.get(name)];
  if (request === undefined) return `${rule}.  No request is specified`;
  if (compareQuantities(request, bound) < 0) return `${rule}, but request is ${formatQuantity(request)}`;
  if (limit !== undefined && compareQuantities(limit, bound) < 0)
    return `${rule}, but limit is ${formatQuantity(limit)}`;
  return undefined;
}

function requestAboveMaximum(type: string, { name, bound, usage }: Rule): string | undefined {
  const rule = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  const request = usage.requests.get(name);
  if (request === undefined) return `${rule}.  No request is specified`;
  return compareQuantities(request, bound) > 0 ? `${rule}, but request is ${formatQuantity(request)}` : undefined;
}

function aboveMaximum(type: string, { name, bound, usage }: Rule): string | undefined {
  const rule = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  const [request, limit] = [usage.requests.get(name), usage.limits?.get(name)];
  if (limit === undefined) return `${rule}.  No limit is specified`;
  if (compareQuantities(limit, bound) > 0) return `${rule}, but limit is ${formatQuantity(limit)}`;
  if (request !== undefined && compareQuantities(request, bound) > 0) {
    return `${rule}, but request is ${formatQuantity(request)}`;
  }
  return undefined;
}

function aboveRatio(type: string, { name, bound, usage }: Rule): string | undefined {
  const rule = `${name} max limit to request ratio per ${type} is ${formatQuantity(bound)}`;
  const [request, limit] = [usage.requests.get(name), usage.limits?.get(name)];
  if (request === undefined || request.nano === 0n) return `${rule}, but no request is specified or request is 0`;
  if (limit === undefined || limit.nano === 0n) return `${rule}, but no limit is specified or limit is 0`;
  const ratio = approximateValue(limit) / approximateValue(request);
  return ratio > approximateValue(bound) ? `${rule}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
}
