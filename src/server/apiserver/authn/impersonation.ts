import type { IncomingHttpHeaders } from 'node:http';
import type { UserInfo } from '#api/admission/request.ts';
import { accessDenied, badRequest } from '#api/meta/errors.ts';
import type { Authorizer, ResourceAttributes } from '../auth.ts';

const EXTRA_PREFIX = 'impersonate-extra-';

/**
 * The user a request acts as: its own, or the one its Impersonate headers name. Throws 403 unless the real user may
 * impersonate every part of the other identity.
 */
export async function impersonate(
  user: UserInfo,
  headers: IncomingHttpHeaders,
  authorizer: Authorizer,
): Promise<UserInfo> {
  const username = one(headers['impersonate-user']);
  const groups = many(headers['impersonate-group']);
  const uid = one(headers['impersonate-uid']);
  const extra = extraOf(headers);
  if (username === undefined) {
    if (groups.length === 0 && uid === undefined && Object.keys(extra).length === 0) return user;
    throw badRequest('requested groups, uid or extra without impersonating a user');
  }
  for (const attributes of demands({ username, groups, uid, extra })) {
    const decision = await authorizer.authorize(user, attributes);
    if (decision.allowed) continue;
    const { verb, group, resource, subresource, namespace, name } = attributes;
    throw accessDenied({
      user: user.username,
      verb,
      resource: { group, plural: resource },
      subresource,
      namespace,
      name,
      why: decision.reason,
    });
  }
  const implied = groups.length > 0 ? groups : impliedGroups(username);
  const all =
    username === 'system:anonymous' ? [...implied, 'system:unauthenticated'] : [...implied, 'system:authenticated'];
  return { username, groups: [...new Set(all)], ...(uid !== undefined && { uid }), extra };
}

function demands({
  username,
  groups,
  uid,
  extra,
}: {
  username: string;
  groups: readonly string[];
  uid: string | undefined;
  extra: Readonly<Record<string, readonly string[]>>;
}): ResourceAttributes[] {
  const core = { verb: 'impersonate', group: '', version: 'v1' };
  const authentication = { verb: 'impersonate', group: 'authentication.k8s.io', version: 'v1' };
  const [, namespace, name] = /^system:serviceaccount:([^:]+):([^:]+)$/.exec(username) ?? [];
  return [
    name === undefined
      ? { ...core, resource: 'users', name: username }
      : { ...core, resource: 'serviceaccounts', namespace, name },
    ...groups.map((group) => ({ ...core, resource: 'groups', name: group })),
    ...(uid === undefined ? [] : [{ ...authentication, resource: 'uids', name: uid }]),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...authentication, resource: 'userextras', subresource: key, name: value })),
    ),
  ];
}

function impliedGroups(username: string): string[] {
  const [, namespace] = /^system:serviceaccount:([^:]+):[^:]+$/.exec(username) ?? [];
  return namespace === undefined ? [] : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
}

function extraOf(headers: IncomingHttpHeaders): Record<string, readonly string[]> {
  const entries = Object.entries(headers).filter(([name]) => name.startsWith(EXTRA_PREFIX));
  return Object.fromEntries(entries.map(([name, value]) => [decodeKey(name.slice(EXTRA_PREFIX.length)), many(value)]));
}

/** What is escaped wrongly stands for itself, as upstream has it. */
function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function one(value: string | readonly string[] | undefined): string | undefined {
  const [first] = many(value);
  return first === '' ? undefined : first;
}

/** Node joins repeated headers it does not know with a comma and a blank. */
function many(value: string | readonly string[] | undefined): string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? value.split(', ') : [...value];
}
