import type { UserInfo } from '#api/admission/request.ts';
import {
  type ClusterRole,
  type ClusterRoleBinding,
  clusterRoleBindings,
  clusterRoles,
  type Role,
  type RoleBinding,
  roleBindings,
  roles,
  type Subject,
} from '#api/rbac/v1.ts';
import type { Cache, CacheEvent } from '#client/cache.ts';
import { type CompiledRule, compileRules } from './rules.ts';

type AnyRole = Role | ClusterRole;
type AnyBinding = RoleBinding | ClusterRoleBinding;

/** A binding as a decision needs it. */
export interface Grant {
  /** For the reason of a decision: `ClusterRoleBinding "x" of ClusterRole "y" to Group "z"`. */
  readonly describe: () => string;
  /** Key into the roles; a role may come and go while its binding stays. */
  readonly roleKey: string;
}

/** Roles compiled, and bindings by who they speak of; kept current by the cache's events, so a decision searches nothing. */
export class RbacIndex {
  readonly #roles = new Map<string, CompiledRule[]>();
  /** Subject to scope (namespace, or '' for the whole cluster) to binding name to grant. */
  readonly #grants = new Map<string, Map<string, Map<string, Grant>>>();

  constructor(cache: Cache) {
    cache.onChange(clusterRoles, (event) => this.#onRole(event));
    cache.onChange(roles, (event) => this.#onRole(event));
    cache.onChange(clusterRoleBindings, (event) => this.#onBinding(event));
    cache.onChange(roleBindings, (event) => this.#onBinding(event));
  }

  /** Calls `visit` with each grant a user has, cluster-wide ones first, until it returns true. */
  visit(
    user: UserInfo,
    namespace: string | undefined,
    visit: (rules: readonly CompiledRule[], grant: Grant) => boolean,
  ): boolean {
    const scopes = namespace === undefined || namespace === '' ? [''] : ['', namespace];
    for (const scope of scopes) {
      if (this.#visitScope(userKey(user.username), scope, visit)) return true;
      for (const group of user.groups) if (this.#visitScope(groupKey(group), scope, visit)) return true;
    }
    return false;
  }

  /** The rules of a role; none when it does not exist. */
  rulesOf(key: string): readonly CompiledRule[] {
    return this.#roles.get(key) ?? [];
  }

  #visitScope(
    subject: string,
    scope: string,
    visit: (rules: readonly CompiledRule[], grant: Grant) => boolean,
  ): boolean {
    const grants = this.#grants.get(subject)?.get(scope);
    if (grants === undefined) return false;
    for (const grant of grants.values()) {
      const rules = this.#roles.get(grant.roleKey);
      if (rules !== undefined && visit(rules, grant)) return true;
    }
    return false;
  }

  #onRole({ type, object }: CacheEvent<AnyRole>): void {
    const key = roleKey(object.metadata.namespace, object.metadata.name ?? '');
    if (type === 'DELETED') this.#roles.delete(key);
    else this.#roles.set(key, compileRules(object.rules ?? []));
  }

  #onBinding(event: CacheEvent<AnyBinding>): void {
    if (event.type === 'MODIFIED') this.#remove(event.previous);
    if (event.type === 'DELETED') this.#remove(event.object);
    else this.#add(event.object);
  }

  #add(binding: AnyBinding): void {
    const { namespace = '', name = '' } = binding.metadata;
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, namespace);
      if (key === undefined) continue;
      const scopes = getOrCreate(this.#grants, key, () => new Map<string, Map<string, Grant>>());
      getOrCreate(scopes, namespace, () => new Map<string, Grant>()).set(name, grantOf(binding, subject));
    }
  }

  #remove(binding: AnyBinding): void {
    const { namespace = '', name = '' } = binding.metadata;
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, namespace);
      const scopes = key === undefined ? undefined : this.#grants.get(key);
      const grants = scopes?.get(namespace);
      if (key === undefined || scopes === undefined || grants === undefined) continue;
      grants.delete(name);
      if (grants.size === 0) scopes.delete(namespace);
      if (scopes.size === 0) this.#grants.delete(key);
    }
  }
}

/** Names a Role (with its namespace) or a ClusterRole (without). */
export function roleKey(namespace: string | undefined, name: string): string {
  return `${namespace ?? ''}/${name}`;
}

/** The role a binding refers to. */
export function referencedRole({ roleRef, metadata }: AnyBinding): string {
  return roleKey(roleRef.kind === 'Role' ? metadata.namespace : undefined, roleRef.name);
}

function grantOf(binding: AnyBinding, subject: Subject): Grant {
  const { namespace, name } = binding.metadata;
  const described = namespace === undefined ? `ClusterRoleBinding "${name}"` : `RoleBinding "${name}/${namespace}"`;
  const who =
    subject.kind === 'ServiceAccount' ? `"${subject.name}/${subject.namespace ?? namespace}"` : `"${subject.name}"`;
  return {
    roleKey: referencedRole(binding),
    describe: () =>
      `RBAC: allowed by ${described} of ${binding.roleRef.kind} "${binding.roleRef.name}" to ${subject.kind} ${who}`,
  };
}

function subjectKey({ kind, name, namespace }: Subject, bindingNamespace: string): string | undefined {
  if (kind === 'User') return userKey(name);
  if (kind === 'Group') return groupKey(name);
  if (kind !== 'ServiceAccount') return undefined;
  const home = namespace === undefined || namespace === '' ? bindingNamespace : namespace;
  return home === '' ? undefined : userKey(`system:serviceaccount:${home}:${name}`);
}

const userKey = (name: string) => `u:${name}`;
const groupKey = (name: string) => `g:${name}`;

function getOrCreate<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const present = map.get(key);
  if (present !== undefined) return present;
  const created = create();
  map.set(key, created);
  return created;
}
