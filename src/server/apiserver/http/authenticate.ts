import type { X509Certificate } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { UserInfo } from '#api/admission/request.ts';
import { accessDenied, unauthorized } from '#api/meta/errors.ts';
import type { Authenticator, Authorizer, Decision, NonResourceAttributes, ResourceAttributes } from '../auth.ts';
import { impersonate } from '../authn/impersonation.ts';

const AUTHENTICATED = 'system:authenticated';
const ANONYMOUS = 'system:anonymous';

export interface AuthenticateDeps {
  readonly authenticators: readonly Authenticator[];
  readonly authorizer: Authorizer;
}

export interface Credentials {
  readonly request: Pick<IncomingMessage, 'headers'>;
  readonly certificate: X509Certificate | undefined;
}

/** Who sent the request, after impersonation. Throws 401 for unknown or bad credentials, 403 where impersonation is not allowed. */
export async function authenticate(deps: AuthenticateDeps, credentials: Credentials): Promise<UserInfo> {
  const { request, certificate } = credentials;
  for (const authenticator of deps.authenticators) {
    const user = await authenticator.authenticate({ headers: request.headers, certificate });
    if (user !== undefined) return impersonate(withGroups(user), request.headers, deps.authorizer);
  }
  throw unauthorized();
}

function withGroups(user: UserInfo): UserInfo {
  if (user.username === ANONYMOUS || user.groups.includes(AUTHENTICATED)) return user;
  return { ...user, groups: [...user.groups, AUTHENTICATED] };
}

/** Throws 403 unless the authorizer lets the user do it. */
export async function requireAllowed(
  authorizer: Authorizer,
  user: UserInfo,
  attributes: ResourceAttributes | NonResourceAttributes,
): Promise<void> {
  const decision = authorizer.authorize(user, attributes);
  const { allowed, reason }: Decision = decision instanceof Promise ? await decision : decision;
  if (allowed) return;
  const attempt = { user: user.username, verb: attributes.verb, why: reason };
  if ('path' in attributes) throw accessDenied({ ...attempt, path: attributes.path });
  const { group, resource, subresource, namespace, name } = attributes;
  throw accessDenied({ ...attempt, resource: { group, plural: resource }, subresource, namespace, name });
}
