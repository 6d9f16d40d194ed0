import type { X509Certificate } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { UserInfo } from '#api/admission/request.ts';

/** Says who sent a request. */
export interface Authenticator {
  /** Undefined: no credentials this authenticator knows. Throws `unauthorized` for bad ones. */
  authenticate(request: {
    headers: IncomingHttpHeaders;
    certificate: X509Certificate | undefined;
  }): Promise<UserInfo | undefined>;
}

export interface ResourceAttributes {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

export interface NonResourceAttributes {
  readonly verb: string;
  readonly path: string;
}

export interface Decision {
  readonly allowed: boolean;
  /** For a SubjectAccessReview's status. */
  readonly reason: string;
}

/** Says whether a user may do something. Called for every request, so it must not wait for I/O in the usual case. */
export interface Authorizer {
  authorize(user: UserInfo, attributes: ResourceAttributes | NonResourceAttributes): Decision | Promise<Decision>;
  /** Rules that apply to a user in a namespace, for SelfSubjectRulesReview. */
  rulesFor(
    user: UserInfo,
    namespace: string,
  ): {
    resourceRules: readonly {
      verbs: readonly string[];
      apiGroups: readonly string[];
      resources: readonly string[];
      resourceNames?: readonly string[];
    }[];
    nonResourceRules: readonly { verbs: readonly string[]; nonResourceURLs: readonly string[] }[];
    incomplete: boolean;
  };
}
