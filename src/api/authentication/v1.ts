import type { SelfSubjectReview, TokenReview } from '../generated/authentication-v1.ts';
import type { ResourceRef } from '../meta/resource-ref.ts';

export type * from '../generated/authentication-v1.ts';

export const selfSubjectReviews: ResourceRef<SelfSubjectReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  namespaced: false,
};
export const tokenReviews: ResourceRef<TokenReview> = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  namespaced: false,
};
