import type { UserInfo } from '#api/admission/request.ts';
import type { PolicyRule } from '#api/rbac/v1.ts';
import type { Cache } from '#client/cache.ts';
import type { Authorizer, Decision, NonResourceAttributes, ResourceAttributes } from '../auth.ts';
import { NodeAuthorizer, nodeNameOf } from './node-authorizer.ts';
import { RbacIndex, roleKey } from './rbac-index.ts';

/** Members may do everything, whatever the roles say: the way back in when RBAC is broken. */
export const SUPERUSERS = 'system:masters';

const EVERYTHING: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];
const NODE_ROLE = roleKey(undefined, 'system:node');

/** Superusers, then nodes, then RBAC. Every decision is a matter of memory; nothing is waited for. */
export class ServerAuthorizer implements Authorizer {
  readonly #rbac: RbacIndex;
  readonly #nodes: NodeAuthorizer;

  constructor(cache: Cache) {
    this.#rbac = new RbacIndex(cache);
    this.#nodes = new NodeAuthorizer(cache);
  }

  authorize(user: UserInfo, attributes: ResourceAttributes | NonResourceAttributes): Decision {
    if (user.groups.includes(SUPERUSERS)) return { allowed: true, reason: '' };
    let refusal = '';
    if ('resource' in attributes) {
      const nodeName = nodeNameOf(user);
      if (nodeName !== undefined) {
        const decision = this.#authorizeNode(nodeName, attributes);
        if (decision.allowed) return decision;
        refusal = decision.reason;
      }
    }
    return this.#authorizeByRoles(user, attributes, refusal);
  }

  rulesFor(user: UserInfo, namespace: string): ReturnType<Authorizer['rulesFor']> {
    const rules = this.policyRules(user, namespace);
    return {
      resourceRules: rules
        .filter(({ resources = [] }) => resources.length > 0)
        .map(({ verbs, apiGroups = [], resources = [], resourceNames }) => ({
          verbs,
          apiGroups,
          resources,
          ...(resourceNames !== undefined && { resourceNames }),
        })),
      nonResourceRules: rules
        .filter(({ nonResourceURLs = [] }) => nonResourceURLs.length > 0)
        .map(({ verbs, nonResourceURLs = [] }) => ({ verbs, nonResourceURLs })),
      incomplete: nodeNameOf(user) !== undefined,
    };
  }

  /** Every rule a user has, in a namespace and cluster-wide (namespace '' for the latter alone). */
  policyRules(user: UserInfo, namespace: string): readonly PolicyRule[] {
    if (user.groups.includes(SUPERUSERS)) return EVERYTHING;
    const rules: PolicyRule[] = [];
    this.#rbac.visit(user, namespace, (granted) => {
      rules.push(...granted.map(({ rule }) => rule));
      return false;
    });
    return rules;
  }

  #authorizeNode(nodeName: string, attributes: ResourceAttributes): Decision {
    const byPods = this.#nodes.decide(nodeName, attributes);
    if (byPods === '') return { allowed: true, reason: '' };
    if (byPods !== undefined) return { allowed: false, reason: byPods };
    // Nodes have the rules of their role without a binding, so that nobody can take them away or hand them out.
    return { allowed: this.#rbac.rulesOf(NODE_ROLE).some((rule) => rule.matchesResource(attributes)), reason: '' };
  }

  #authorizeByRoles(user: UserInfo, attributes: ResourceAttributes | NonResourceAttributes, refusal: string): Decision {
    let reason = '';
    const namespace = 'resource' in attributes ? attributes.namespace : undefined;
    const allowed = this.#rbac.visit(user, namespace, (rules, grant) => {
      const found = rules.some((rule) =>
        'resource' in attributes ? rule.matchesResource(attributes) : rule.matchesPath(attributes),
      );
      if (found) reason = grant.describe();
      return found;
    });
    return { allowed, reason: allowed ? reason : refusal };
  }
}
