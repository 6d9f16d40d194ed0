import type { ResourceRef } from '../meta/resource-ref.ts';
import type { ApiObject } from '../meta/types.ts';

export interface UserInfo {
  readonly username: string;
  readonly uid?: string | undefined;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

/** One write, or connect, as admission plugins see it. */
export interface AdmissionRequest {
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly resource: ResourceRef;
  readonly subresource: string | undefined;
  readonly namespace: string | undefined;
  /** Empty when the server is still to generate it. */
  readonly name: string;
  /** Absent for DELETE. Plugins may modify it while mutating, never while validating. */
  readonly object: ApiObject | undefined;
  /** Absent for CREATE. Frozen. */
  readonly oldObject: ApiObject | undefined;
  /** CreateOptions, UpdateOptions, PatchOptions or DeleteOptions; for CONNECT the options of the subresource. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
  /** Adds a `Warning` header to the answer. */
  warn(text: string): void;
}

/** The whole chain. `mutate` runs before defaulting is final and validation; throwing a `StatusError` is the answer. */
export interface Admission {
  mutate(request: AdmissionRequest): Promise<void>;
  validate(request: AdmissionRequest): Promise<void>;
}
