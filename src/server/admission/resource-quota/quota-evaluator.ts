import type { AdmissionRequest } from '#api/admission/request.ts';
import type { ScopedResourceSelectorRequirement } from '#api/core/v1.ts';
import type { ApiObject } from '#api/meta/types.ts';
import type { Amounts } from '../pod-quantities.ts';

/** How objects of one kind count against quotas. Pure. */
export interface QuotaEvaluator {
  /** Whether this write can change what is used. */
  handles(request: Pick<AdmissionRequest, 'operation' | 'subresource'>): boolean;
  /** Whether a name in a quota's `hard` counts objects of this kind. */
  counts(resourceName: string): boolean;
  /** What the object uses of everything that is counted. */
  usage(object: ApiObject, nowMs: number): Amounts;
  /** Whether the object is in a scope. Without it, quotas with scopes do not concern the kind. */
  isInScope?(object: ApiObject, scope: ScopedResourceSelectorRequirement): boolean;
  /** What an object must say to be counted and does not, given the names that concern it; undefined if nothing. */
  missing?(object: ApiObject, resourceNames: readonly string[]): string | undefined;
}
