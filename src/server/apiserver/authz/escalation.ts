import type { UserInfo } from '#api/admission/request.ts';
import { forbidden } from '#api/meta/errors.ts';
import type { ResourceRef } from '#api/meta/resource-ref.ts';
import { clusterRoles, type PolicyRule, type RoleRef, roles } from '#api/rbac/v1.ts';
import type { Cache } from '#client/cache.ts';
import type { Authorizer } from '../auth.ts';
import { renderRule, uncoveredRules } from './rules.ts';

export interface EscalationCheck {
  readonly user: UserInfo;
  readonly authorizer: Authorizer;
  /** The object being written. */
  readonly ref: ResourceRef;
  readonly namespace: string | undefined;
  readonly name: string;
}

/** Throws 403 unless the user holds every rule already, or may `escalate`. */
export function checkRoleEscalation(check: EscalationCheck, rules: readonly PolicyRule[]): void {
  if (mayDo(check, 'escalate', check.ref, check.name)) return;
  requireHeld(check, rules);
}

/** Throws 403 unless the user holds every rule of the role that is bound, or may `bind` it. */
export function checkBindingEscalation(check: EscalationCheck, roleRef: RoleRef, cache: Cache): void {
  const ref: ResourceRef = roleRef.kind === 'Role' ? roles : clusterRoles;
  if (mayDo(check, 'bind', ref, roleRef.name)) return;
  const role =
    roleRef.kind === 'Role'
      ? cache.get(roles, { namespace: check.namespace, name: roleRef.name })
      : cache.get(clusterRoles, { name: roleRef.name });
  if (role === undefined)
    throw forbidden(check.ref, check.name, `${ref.plural}.${ref.group} "${roleRef.name}" not found`);
  requireHeld(check, role.rules ?? []);
}

function mayDo(
  { user, authorizer, namespace }: EscalationCheck,
  verb: string,
  ref: ResourceRef,
  name: string,
): boolean {
  const decision = authorizer.authorize(user, {
    verb,
    group: ref.group,
    version: ref.version,
    resource: ref.plural,
    namespace,
    name,
  });
  // The server's authorizer answers at once; one that does not is no basis for handing out rights.
  return !(decision instanceof Promise) && decision.allowed;
}

function requireHeld(
  { user, authorizer, ref, namespace = '', name }: EscalationCheck,
  wanted: readonly PolicyRule[],
): void {
  const { resourceRules, nonResourceRules } = authorizer.rulesFor(user, namespace);
  const owned: PolicyRule[] = [...resourceRules, ...nonResourceRules].map(mutableRule);
  const missing = uncoveredRules(owned, wanted);
  if (missing.length === 0) return;
  const groups = user.groups.map((group) => `"${group}"`).join(' ');
  const listed = mergeVerbs(missing).map(renderRule).join('\n');
  throw forbidden(
    ref,
    name,
    `user "${user.username}" (groups=[${groups}]) is attempting to grant RBAC permissions not currently held:\n${listed}`,
  );
}

interface LooseRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

function mutableRule({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: LooseRule): PolicyRule {
  return {
    verbs: [...verbs],
    ...(apiGroups && { apiGroups: [...apiGroups] }),
    ...(resources && { resources: [...resources] }),
    ...(resourceNames && { resourceNames: [...resourceNames] }),
    ...(nonResourceURLs && { nonResourceURLs: [...nonResourceURLs] }),
  };
}

/** One line per object with all its verbs, rather than one per verb. */
function mergeVerbs(rules: readonly PolicyRule[]): PolicyRule[] {
  const merged = new Map<string, PolicyRule>();
  for (const { verbs, ...rest } of rules) {
    const key = JSON.stringify(rest);
    merged.set(key, { ...rest, verbs: [...(merged.get(key)?.verbs ?? []), ...verbs] });
  }
  return [...merged.values()];
}
