import type { ApiObject } from '../../meta/types.ts';
import type { ScopedResourceSelectorRequirement } from '../v1.ts';
import type { Amounts } from './pod-quantities.ts';

/** How objects of one kind count against quotas. Pure. */
export interface QuotaEvaluator {
  /** Whether a name in a quota's `hard` counts objects of this kind. */
  counts(resourceName: string): boolean;
  /** What the object uses of everything that is counted. */
  usage(object: ApiObject, nowMs: number): Amounts;
  /** Whether the object is in a scope. Without it, quotas with scopes do not concern the kind. */
  isInScope?(object: ApiObject, scope: ScopedResourceSelectorRequirement): boolean;
  /** What an object must say to be counted and does not, given the names that concern it; undefined if nothing. */
  missing?(object: ApiObject, resourceNames: readonly string[]): string | undefined;
}
