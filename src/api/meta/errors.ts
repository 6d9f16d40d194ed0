import { causeReason, type FieldError, fieldErrorBody, renderFieldErrors } from './field-error.ts';
import { escapeHtml, goQuote, goValue } from './go-text.ts';
import { groupResource } from './resource-ref.ts';
import type { Status, StatusCause, StatusDetails } from './types.ts';

/** What an error needs to know of a resource; every `ResourceRef` fits. */
export interface ResourceName {
  /** Empty for the core group. */
  readonly group: string;
  readonly plural: string;
}

/** What an Invalid error needs to know of a kind; every `ResourceRef` fits. */
export interface KindName {
  readonly group: string;
  readonly kind: string;
}

export type StatusReason =
  | ''
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'ServerTimeout'
  | 'Timeout'
  | 'TooManyRequests'
  | 'BadRequest'
  | 'MethodNotAllowed'
  | 'NotAcceptable'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'InternalError'
  | 'Expired'
  | 'ServiceUnavailable';

/** The API's error: carries the Status object that is, or was, the answer on the wire. */
export class StatusError extends Error {
  readonly status: Status;

  constructor(status: Status, options?: ErrorOptions) {
    super(status.message ?? `the server responded with the status code ${status.code ?? 0}`, options);
    this.name = 'StatusError';
    this.status = status;
  }

  /** The HTTP status. */
  get code(): number {
    return this.status.code ?? 500;
  }

  /** What callers branch on, rather than the code. */
  get reason(): string {
    return this.status.reason ?? '';
  }
}

interface Failure {
  code: number;
  reason: StatusReason;
  message: string;
  details?: StatusDetails;
  cause?: unknown;
}

/** Builds any failure. Prefer the named constructors; this is for codes that pass through, like a webhook's. */
export function statusError({ code, reason, message, details, cause }: Failure): StatusError {
  const status: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason === '' ? {} : { reason }),
    ...(details === undefined ? {} : { details }),
    code,
  };
  return new StatusError(status, cause === undefined ? undefined : { cause });
}

/** The same error with further causes in its details. */
export function withCauses(error: StatusError, causes: readonly StatusCause[]): StatusError {
  const details = error.status.details ?? {};
  const all = [...(details.causes ?? []), ...causes];
  return new StatusError({ ...error.status, details: { ...details, causes: all } }, { cause: error.cause });
}

function detailsOf(ref: ResourceName, name: string): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(ref.group === '' ? {} : { group: ref.group }),
    kind: ref.plural,
  };
}

const quoted = (ref: ResourceName, name: string) => `${groupResource(ref)} ${goQuote(name)}`;

/** 404: no such object. */
export function notFound(ref: ResourceName, name: string): StatusError {
  return statusError({
    code: 404,
    reason: 'NotFound',
    message: `${quoted(ref, name)} not found`,
    details: detailsOf(ref, name),
  });
}

/** 404: no such path or resource; discovery clients take it as "no such API". */
export function resourceNotFound(): StatusError {
  const message = 'the server could not find the requested resource';
  return statusError({ code: 404, reason: 'NotFound', message, details: {} });
}

/** 409: the name is taken. */
export function alreadyExists(ref: ResourceName, name: string): StatusError {
  return statusError({
    code: 409,
    reason: 'AlreadyExists',
    message: `${quoted(ref, name)} already exists`,
    details: detailsOf(ref, name),
  });
}

/** 409: the name is taken by an object that is being deleted. */
export function alreadyExistsTerminating(ref: ResourceName, name: string): StatusError {
  return statusError({
    code: 409,
    reason: 'AlreadyExists',
    message: `object is being deleted: ${quoted(ref, name)} already exists`,
    details: detailsOf(ref, name),
  });
}

/** 409: every generated name was taken. */
export function generateNameConflict(ref: ResourceName, name: string, retryAfterSeconds = 1): StatusError {
  return statusError({
    code: 409,
    reason: 'AlreadyExists',
    message: `${quoted(ref, name)} already exists, the server was not able to generate a unique name for the object`,
    details: { ...detailsOf(ref, name), retryAfterSeconds },
  });
}

/** What a stale resourceVersion is told. */
export const OPTIMISTIC_LOCK_MESSAGE =
  'the object has been modified; please apply your changes to the latest version and try again';

/** 409: the write does not fit what is stored. */
export function conflict(ref: ResourceName, name: string, why = OPTIMISTIC_LOCK_MESSAGE): StatusError {
  return statusError({
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on ${quoted(ref, name)}: ${why}`,
    details: detailsOf(ref, name),
  });
}

/** One field two managers disagree on, with the other manager as server-side apply prints it. */
export interface ApplyConflict {
  /** The other manager, e.g. `"kubectl-client-side-apply" using apps/v1`. */
  readonly manager: string;
  /** Path with a leading dot, e.g. `.spec.replicas`. */
  readonly field: string;
}

/** 409: server-side apply without force would take fields of other managers. */
export function applyConflict(conflicts: readonly ApplyConflict[]): StatusError {
  const causes = conflicts.map(({ manager, field }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${manager}`,
    field,
  }));
  return statusError({
    code: 409,
    reason: 'Conflict',
    message: applyConflictMessage(conflicts),
    details: { causes },
  });
}

function applyConflictMessage(conflicts: readonly ApplyConflict[]): string {
  const [first] = conflicts;
  if (first !== undefined && conflicts.length === 1) {
    return `Apply failed with 1 conflict: conflict with ${first.manager}: ${first.field}`;
  }
  const byManager = Map.groupBy(conflicts, ({ manager }) => manager);
  const lines = [...byManager.keys()]
    .sort()
    .flatMap((manager) => [
      `conflicts with ${manager}:`,
      ...(byManager.get(manager) ?? []).map(({ field }) => `- ${field}`),
    ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}

/** 422: the object breaks rules; every error becomes a cause. */
export function invalid(kind: KindName, name: string, errors: readonly FieldError[]): StatusError {
  const causes = errors.map((error) => ({
    reason: causeReason(error),
    message: fieldErrorBody(error),
    field: error.field === '' ? '<nil>' : error.field,
  }));
  const qualified = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return statusError({
    code: 422,
    reason: 'Invalid',
    message: `${qualified} ${goQuote(name)} is invalid${errors.length === 0 ? '' : `: ${renderFieldErrors(errors)}`}`,
    details: {
      ...(name === '' ? {} : { name }),
      ...(kind.group === '' ? {} : { group: kind.group }),
      kind: kind.kind,
      ...(causes.length === 0 ? {} : { causes }),
    },
  });
}

/** 422 without an object: what a patch that cannot be applied is told. */
export function unprocessable(message: string): StatusError {
  return statusError({ code: 422, reason: 'Invalid', message, details: {} });
}

/** 403. Without a resource (a non-resource path) the message is `forbidden: why`; an empty name is left out. */
export function forbidden(ref: ResourceName | undefined, name: string, why: string): StatusError {
  const subject =
    ref === undefined ? 'forbidden' : `${name === '' ? groupResource(ref) : quoted(ref, name)} is forbidden`;
  return statusError({
    code: 403,
    reason: 'Forbidden',
    message: `${subject}: ${why}`,
    details: ref === undefined ? {} : detailsOf(ref, name),
  });
}

/** Who wanted to do what: the input of an authorization failure. */
export interface AccessAttempt {
  readonly user: string;
  readonly verb: string;
  /** Absent for a non-resource path. */
  readonly resource?: ResourceName | undefined;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  /** The path of a non-resource request. */
  readonly path?: string | undefined;
  /** What the authorizer had to say. */
  readonly why?: string | undefined;
}

/** 403 from the authorizer: `User "u" cannot get resource "pods" in API group "" in the namespace "ns"`. */
export function accessDenied(attempt: AccessAttempt): StatusError {
  const { resource, name = '', why = '' } = attempt;
  const message = escapeHtml(accessMessage(attempt));
  return forbidden(resource, name, why === '' ? message : `${message}: ${why}`);
}

function accessMessage({ user, verb, resource, subresource = '', namespace = '', path = '' }: AccessAttempt): string {
  const subject = `User ${goQuote(user)} cannot ${verb}`;
  if (resource === undefined) return `${subject} path ${goQuote(path)}`;
  const plural = subresource === '' ? resource.plural : `${resource.plural}/${subresource}`;
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${goQuote(namespace)}`;
  return `${subject} resource ${goQuote(plural)} in API group ${goQuote(resource.group)} ${where}`;
}

/** 401: who are you? */
export function unauthorized(message = 'Unauthorized'): StatusError {
  return statusError({ code: 401, reason: 'Unauthorized', message });
}

/** 400: the request cannot be understood. */
export function badRequest(message: string, cause?: unknown): StatusError {
  return statusError({ code: 400, reason: 'BadRequest', message, cause });
}

/** 405: the resource does not do this. */
export function methodNotAllowed(ref: ResourceName, verb: string): StatusError {
  return statusError({
    code: 405,
    reason: 'MethodNotAllowed',
    message: `${verb} is not supported on resources of kind ${goQuote(groupResource(ref))}`,
    details: detailsOf(ref, ''),
  });
}

/** 406: none of the representations the client accepts can be made. */
export function notAcceptable(accepted: readonly string[]): StatusError {
  const message = `only the following media types are accepted: ${accepted.join(', ')}`;
  return statusError({ code: 406, reason: 'NotAcceptable', message });
}

/** 415: the body's content type is none of `accepted`. */
export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`;
  return statusError({ code: 415, reason: 'UnsupportedMediaType', message });
}

/** 413: the body is larger than `limitBytes`. */
export function tooLarge(limitBytes: number): StatusError {
  const message = `Request entity too large: limit is ${limitBytes}`;
  return statusError({ code: 413, reason: 'RequestEntityTooLarge', message });
}

/** 410: the revision asked for has been compacted away; the client must list again. */
export function expired(message: string): StatusError {
  return statusError({ code: 410, reason: 'Expired', message });
}

/** 410 with the older reason. */
export function gone(message: string): StatusError {
  return statusError({ code: 410, reason: 'Gone', message });
}

/** 429: later, please. The HTTP layer turns `retryAfterSeconds` into the Retry-After header. */
export function tooManyRequests(message: string, retryAfterSeconds = 1): StatusError {
  return statusError({ code: 429, reason: 'TooManyRequests', message, details: { retryAfterSeconds } });
}

/** 504: the request took too long. */
export function timeout(message: string, retryAfterSeconds = 0): StatusError {
  return statusError({
    code: 504,
    reason: 'Timeout',
    message: `Timeout: ${message}`,
    details: retryAfterSeconds === 0 ? {} : { retryAfterSeconds },
  });
}

/** 504 with the cause that tells a client its resourceVersion lies in the future. */
export function resourceVersionTooLarge(requested: number | string, current: number | string): StatusError {
  const message = `Too large resource version: ${requested}, current: ${current}`;
  return withCauses(timeout(message, 1), [
    { reason: 'ResourceVersionTooLarge', message: 'Too large resource version' },
  ]);
}

/** 500 that says: nothing is wrong with the request, try again. */
export function serverTimeout(ref: ResourceName, verb: string, retryAfterSeconds = 1): StatusError {
  return statusError({
    code: 500,
    reason: 'ServerTimeout',
    message: `The ${verb} operation against ${groupResource(ref)} could not be completed at this time, please try again.`,
    details: { ...detailsOf(ref, verb), retryAfterSeconds },
  });
}

/** 500: our fault. */
export function internalError(error: unknown): StatusError {
  const text = error instanceof Error ? error.message : String(error);
  return statusError({
    code: 500,
    reason: 'InternalError',
    message: `Internal error occurred: ${text}`,
    details: { causes: [{ message: text }] },
    cause: error,
  });
}

/** 503: not now. */
export function serviceUnavailable(message: string): StatusError {
  return statusError({ code: 503, reason: 'ServiceUnavailable', message });
}

/** Any thrown value as a StatusError: itself, or an internal error around it. */
export function toStatusError(error: unknown): StatusError {
  return error instanceof StatusError ? error : internalError(error);
}

/** Whether a decoded body is a Status object. */
export function isStatus(json: unknown): json is Status {
  if (typeof json !== 'object' || json === null) return false;
  const { kind, apiVersion } = json as { kind?: unknown; apiVersion?: unknown };
  return kind === 'Status' && apiVersion === 'v1';
}

/** The error a decoded failure body stands for; a body that is no Status becomes an internal error that shows it. */
export function statusErrorFrom(json: unknown): StatusError {
  return isStatus(json) ? new StatusError(json) : internalError(`unexpected object: ${goValue(json)}`);
}

const hasReason =
  (...reasons: StatusReason[]) =>
  (error: unknown): error is StatusError =>
    error instanceof StatusError && (reasons as string[]).includes(error.reason);

export const isNotFound = hasReason('NotFound');
export const isAlreadyExists = hasReason('AlreadyExists');
export const isConflict = hasReason('Conflict');
export const isInvalid = hasReason('Invalid');
export const isForbidden = hasReason('Forbidden');
export const isUnauthorized = hasReason('Unauthorized');
export const isBadRequest = hasReason('BadRequest');
export const isMethodNotAllowed = hasReason('MethodNotAllowed');
export const isTooManyRequests = hasReason('TooManyRequests');
export const isServiceUnavailable = hasReason('ServiceUnavailable');
export const isInternalError = hasReason('InternalError');
/** Either of the two reasons of a 410. */
export const isExpired = hasReason('Expired', 'Gone');
/** Either of the two timeouts. */
export const isTimeout = hasReason('Timeout', 'ServerTimeout');

/** Seconds a client should wait before it tries again; undefined where the error does not say. */
export function retryAfterSeconds(error: unknown): number | undefined {
  if (!(error instanceof StatusError)) return undefined;
  return error.status.details?.retryAfterSeconds;
}
