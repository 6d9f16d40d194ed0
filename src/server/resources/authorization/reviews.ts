import type { UserInfo } from '#api/admission/request.ts';
import {
  type LocalSubjectAccessReview,
  localSubjectAccessReviews,
  type SelfSubjectAccessReview,
  type SelfSubjectRulesReview,
  type SubjectAccessReview,
  type SubjectAccessReviewSpec,
  type SubjectAccessReviewStatus,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
} from '#api/authorization/v1.ts';
import { badRequest } from '#api/meta/errors.ts';
import { type FieldError, invalidValue, required } from '#api/meta/validation.ts';
import type { Authorizer, NonResourceAttributes, ResourceAttributes } from '#server/apiserver/auth.ts';
import { defineResource, type ResourceDefinition } from '#server/apiserver/resource.ts';

type Asked = Pick<SubjectAccessReviewSpec, 'resourceAttributes' | 'nonResourceAttributes'>;

/** SubjectAccessReview: may somebody do this? */
export function subjectAccessReviewResource(authorizer: () => Authorizer): ResourceDefinition<SubjectAccessReview> {
  return defineResource<SubjectAccessReview>(subjectAccessReviews, {
    validate: ({ spec }) => [...validateAsked(spec), ...validateSubject(spec)],
    answer: async (review) => ({ ...review, status: await decide(authorizer(), userOf(review.spec), review.spec) }),
  });
}

/** LocalSubjectAccessReview: the same within one namespace, so that the right to ask can be given there. */
export function localSubjectAccessReviewResource(
  authorizer: () => Authorizer,
): ResourceDefinition<LocalSubjectAccessReview> {
  return defineResource<LocalSubjectAccessReview>(localSubjectAccessReviews, {
    validate: ({ spec }) => [
      ...validateAsked(spec),
      ...validateSubject(spec),
      ...(spec?.nonResourceAttributes === undefined
        ? []
        : [
            invalidValue(
              'spec.nonResourceAttributes',
              spec.nonResourceAttributes,
              'disallowed on this kind of request',
            ),
          ]),
    ],
    async answer(review, { namespace = '' }) {
      const asked = review.spec.resourceAttributes?.namespace ?? '';
      if (asked !== namespace) throw badRequest(`spec.resourceAttributes.namespace must match namespace: ${namespace}`);
      return { ...review, status: await decide(authorizer(), userOf(review.spec), review.spec) };
    },
  });
}

/** SelfSubjectAccessReview: may I do this? */
export function selfSubjectAccessReviewResource(
  authorizer: () => Authorizer,
): ResourceDefinition<SelfSubjectAccessReview> {
  return defineResource<SelfSubjectAccessReview>(selfSubjectAccessReviews, {
    validate: ({ spec }) => validateAsked(spec),
    answer: async (review, { user }) => ({ ...review, status: await decide(authorizer(), user, review.spec) }),
  });
}

/** SelfSubjectRulesReview: what may I do here? */
export function selfSubjectRulesReviewResource(
  authorizer: () => Authorizer,
): ResourceDefinition<SelfSubjectRulesReview> {
  return defineResource<SelfSubjectRulesReview>(selfSubjectRulesReviews, {
    async answer(review, { user }) {
      const namespace = review.spec?.namespace ?? '';
      if (namespace === '') throw badRequest('no namespace on request');
      const { resourceRules, nonResourceRules, incomplete } = authorizer().rulesFor(user, namespace);
      return {
        ...review,
        status: {
          resourceRules: resourceRules.map(({ verbs, apiGroups, resources, resourceNames }) => ({
            verbs: [...verbs],
            apiGroups: [...apiGroups],
            resources: [...resources],
            ...(resourceNames !== undefined && { resourceNames: [...resourceNames] }),
          })),
          nonResourceRules: nonResourceRules.map(({ verbs, nonResourceURLs }) => ({
            verbs: [...verbs],
            nonResourceURLs: [...nonResourceURLs],
          })),
          incomplete,
        },
      };
    },
  });
}

function validateAsked(spec: Asked | undefined): FieldError[] {
  const { resourceAttributes, nonResourceAttributes } = spec ?? {};
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    return [
      invalidValue(
        'spec.nonResourceAttributes',
        nonResourceAttributes,
        'cannot be specified in combination with resourceAttributes',
      ),
    ];
  }
  const isMissing = resourceAttributes === undefined && nonResourceAttributes === undefined;
  return isMissing
    ? [
        invalidValue(
          'spec.resourceAttributes',
          null,
          'exactly one of nonResourceAttributes or resourceAttributes must be specified',
        ),
      ]
    : [];
}

function validateSubject(spec: SubjectAccessReviewSpec | undefined): FieldError[] {
  const { user = '', groups = [] } = spec ?? {};
  return user === '' && groups.length === 0
    ? [required('spec.user', 'at least one of user or group must be specified')]
    : [];
}

function userOf({ user = '', groups = [], uid, extra }: SubjectAccessReviewSpec): UserInfo {
  return { username: user, groups, ...(uid !== undefined && { uid }), ...(extra !== undefined && { extra }) };
}

async function decide(authorizer: Authorizer, user: UserInfo, asked: Asked): Promise<SubjectAccessReviewStatus> {
  const { allowed, reason } = await authorizer.authorize(user, attributesOf(asked));
  return { allowed, ...(reason !== '' && { reason }) };
}

function attributesOf({
  resourceAttributes,
  nonResourceAttributes,
}: Asked): ResourceAttributes | NonResourceAttributes {
  if (resourceAttributes === undefined)
    return { verb: nonResourceAttributes?.verb ?? '', path: nonResourceAttributes?.path ?? '' };
  const { verb = '', group = '', version = '', resource = '', subresource, namespace, name } = resourceAttributes;
  return { verb, group, version, resource, subresource, namespace, name };
}
