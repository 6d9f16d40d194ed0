import { type SelfSubjectReview, selfSubjectReviews, type TokenReview, tokenReviews } from '#api/authentication/v1.ts';
import { required } from '#api/meta/validation.ts';
import type { ServerAuthenticator } from '#server/apiserver/authn/authenticator.ts';
import { defineResource, type ResourceDefinition } from '#server/apiserver/resource.ts';

/** TokenReview: whose token is this? */
export function tokenReviewResource(
  authenticator: () => Pick<ServerAuthenticator, 'review'>,
): ResourceDefinition<TokenReview> {
  return defineResource<TokenReview>(tokenReviews, {
    validate: ({ spec }) => (spec?.token ? [] : [required('spec.token')]),
    answer: async (review) => authenticator().review(review),
  });
}

/** SelfSubjectReview: who am I? */
export const selfSubjectReviewResource = defineResource<SelfSubjectReview>(selfSubjectReviews, {
  async answer(review, { user }) {
    const { username, uid, groups, extra } = user;
    const copied =
      extra === undefined
        ? undefined
        : Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]]));
    return {
      ...review,
      status: {
        userInfo: {
          username,
          ...(uid !== undefined && { uid }),
          groups: [...groups],
          ...(copied !== undefined && { extra: copied }),
        },
      },
    };
  },
});
