import type { ApiObject } from '../../meta/types.ts';
import type { ResourceQuota, ScopedResourceSelectorRequirement } from '../v1.ts';
import type { QuotaEvaluator } from './quota-evaluator.ts';

/** What a quota limits, of all that is in its namespace. */
export interface QuotaRange {
  readonly spec: ResourceQuota['spec'];
  /** The limits that are meant: those asked for, or those that admission goes by. */
  readonly hard: Limits;
}

type Limits = Readonly<Record<string, string>> | undefined;

/** The names among a quota's limits that count objects of the evaluator's kind. */
export function countedNames(hard: Limits, evaluator: QuotaEvaluator): string[] {
  return Object.keys(hard ?? {})
    .filter((name) => evaluator.counts(name))
    .sort();
}

/** Whether a quota counts this object: it has a limit for its kind, and the object is in all of its scopes. */
export function concernsObject({ spec, hard }: QuotaRange, evaluator: QuotaEvaluator, object: ApiObject): boolean {
  return countedNames(hard, evaluator).length > 0 && isInScopes(spec, evaluator, object);
}

/** Whether an object is in all scopes of a quota; without scopes a quota is about everything. */
export function isInScopes(spec: ResourceQuota['spec'], evaluator: QuotaEvaluator, object: ApiObject): boolean {
  return scopesOf(spec).every((scope) => evaluator.isInScope?.(object, scope) === true);
}

function scopesOf(spec: ResourceQuota['spec']): ScopedResourceSelectorRequirement[] {
  const plain = (spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }));
  return [...plain, ...(spec?.scopeSelector?.matchExpressions ?? [])];
}
