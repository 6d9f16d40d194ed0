import { badRequest, invalid } from '#api/meta/errors.ts';
import { goQuote } from '#api/meta/go-text.ts';
import { isJsonObject, jsonTypeOf } from '#api/meta/json.ts';
import { validateFieldManager } from '#api/meta/object-meta.ts';
import type { DeleteOptions } from '#api/meta/types.ts';
import { type FieldError, forbiddenField, invalidValue, notSupported, required } from '#api/meta/validation.ts';
import { isTrue } from '../http/request-info.ts';
import type { Call, RequestBody } from './call.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface WriteOptions {
  readonly dryRun: boolean;
  readonly fieldManager: string;
  readonly fieldValidation: FieldValidation;
  /** Only of apply patches. */
  readonly force: boolean;
}

export interface ReadOptions {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
}

export interface ListOptions extends ReadOptions {
  readonly limit: number;
  readonly continue: string;
}

export interface WatchOptions extends ReadOptions {
  readonly timeoutSeconds: number | undefined;
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
}

const DRY_RUN = ['All'];
const FIELD_VALIDATION = ['', 'Ignore', 'Strict', 'Warn'];
const MATCHES = ['', 'Exact', 'NotOlderThan'];
const PROPAGATION = ['Background', 'Foreground', 'Orphan'];

const kindOf = (kind: string) => ({ group: 'meta.k8s.io', kind });

/** Options of create, update and patch from the query. Throws 422 for what they do not allow. */
export function parseWriteOptions(call: Call, kind: 'CreateOptions' | 'UpdateOptions' | 'PatchOptions'): WriteOptions {
  const { query } = call;
  const dryRun = query.getAll('dryRun').filter((value) => value !== '');
  const fieldValidation = query.get('fieldValidation') ?? '';
  const given = query.get('fieldManager') ?? '';
  const errors: FieldError[] = [
    ...validateFieldManager(given, 'fieldManager'),
    ...validateDryRun(dryRun),
    ...(FIELD_VALIDATION.includes(fieldValidation)
      ? []
      : [notSupported('fieldValidation', fieldValidation, FIELD_VALIDATION)]),
  ];
  if (call.patchType === 'apply') {
    if (given === '') errors.push(required('fieldManager', 'is required for apply patch'));
  } else if (query.has('force') && isTrue(query.get('force'))) {
    errors.push(forbiddenField('force', 'may not be specified for non-apply patch'));
  }
  if (errors.length > 0) throw invalid(kindOf(kind), '', errors);
  return {
    dryRun: dryRun.length > 0,
    fieldManager: given === '' ? managerOf(call.userAgent) : given,
    fieldValidation: fieldValidation === '' ? 'Warn' : (fieldValidation as FieldValidation),
    force: isTrue(query.get('force')),
  };
}

function validateDryRun(values: readonly string[]): FieldError[] {
  const bad = values.filter((value) => !DRY_RUN.includes(value));
  return bad.length === 0 ? [] : [notSupported('dryRun', values, DRY_RUN)];
}

/** `kubectl/v1.33 (linux/amd64) ...` writes as `kubectl`. */
function managerOf(userAgent: string): string {
  const product = userAgent.split('/', 1)[0] ?? '';
  const printable = product.replace(/[^\x20-\x7e]/g, '').slice(0, 128);
  return printable === '' ? 'unknown' : printable;
}

function parseReadOptions(query: URLSearchParams): ReadOptions {
  // A broken revision is told before anything is answered.
  parseResourceVersion(query.get('resourceVersion') ?? '');
  return {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    resourceVersion: query.get('resourceVersion') ?? '',
    resourceVersionMatch: query.get('resourceVersionMatch') ?? '',
  };
}

/** Options of a list. Throws 400 or 422 for what does not go together. */
export function parseListOptions(query: URLSearchParams): ListOptions {
  const read = parseReadOptions(query);
  const options = { ...read, limit: parseNumber(query, 'limit') ?? 0, continue: query.get('continue') ?? '' };
  const { resourceVersion, resourceVersionMatch: match } = read;
  const errors: FieldError[] = [];
  if (query.has('sendInitialEvents')) {
    errors.push(forbiddenField('sendInitialEvents', 'sendInitialEvents is forbidden for list'));
  }
  if (match !== '') {
    if (options.continue !== '') {
      errors.push(
        forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden when continue is provided'),
      );
    }
    if (resourceVersion === '') {
      errors.push(
        forbiddenField('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided'),
      );
    }
    if (!MATCHES.includes(match)) errors.push(notSupported('resourceVersionMatch', match, MATCHES));
    if (match === 'Exact' && resourceVersion === '0') {
      const detail = 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"';
      errors.push(forbiddenField('resourceVersionMatch', detail));
    }
  }
  if (errors.length > 0) throw invalid(kindOf('ListOptions'), '', errors);
  if (options.continue !== '' && resourceVersion !== '' && resourceVersion !== '0') {
    throw badRequest('specifying resource version is not allowed when using continue');
  }
  return options;
}

/** Options of a watch. Throws 400 or 422 for what does not go together. */
export function parseWatchOptions(query: URLSearchParams): WatchOptions {
  const read = parseReadOptions(query);
  const sendInitialEvents = query.has('sendInitialEvents') ? isTrue(query.get('sendInitialEvents')) : undefined;
  const { resourceVersionMatch: match } = read;
  const errors: FieldError[] = [];
  if (match !== '' && sendInitialEvents === undefined) {
    const detail = 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided';
    errors.push(forbiddenField('resourceVersionMatch', detail));
  }
  if (sendInitialEvents !== undefined && match !== 'NotOlderThan') {
    if (match === '') {
      const detail = 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan';
      errors.push(forbiddenField('resourceVersionMatch', detail));
    } else {
      errors.push(notSupported('resourceVersionMatch', match, ['NotOlderThan']));
    }
  }
  if (errors.length > 0) throw invalid(kindOf('ListOptions'), '', errors);
  return {
    ...read,
    sendInitialEvents,
    timeoutSeconds: parseNumber(query, 'timeoutSeconds'),
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
  };
}

const MAX_UINT64 = 2n ** 64n - 1n;

/** A resourceVersion as a number; undefined for none. Throws 400 for what is no number. */
export function parseResourceVersion(text: string): number | undefined {
  if (text === '') return undefined;
  const isNumber = /^\d+$/.test(text);
  if (!isNumber || BigInt(text) > MAX_UINT64) {
    const problem = isNumber ? 'value out of range' : 'invalid syntax';
    const why = `strconv.ParseUint: parsing ${goQuote(text)}: ${problem}`;
    throw badRequest(`resourceVersion: Invalid value: ${goQuote(text)}: ${why}`);
  }
  return Number(text);
}

function parseNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^[+-]?\d+$/.test(text)) throw badRequest(`strconv.ParseInt: parsing ${goQuote(text)}: invalid syntax`);
  const value = BigInt(text.replace('+', ''));
  if (BigInt.asIntN(64, value) !== value) {
    throw badRequest(`strconv.ParseInt: parsing ${goQuote(text)}: value out of range`);
  }
  return Number(value);
}

export interface DeleteRequest {
  readonly dryRun: boolean;
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: 'Orphan' | 'Background' | 'Foreground' | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

/** A century: the end must be a time that can be written. */
export const MAX_GRACE_SECONDS = 100 * 366 * 24 * 3600;

/** Options of a delete: the body if there is one, else the query. Throws 422 for what they do not allow. */
export function parseDeleteOptions(call: Call): DeleteRequest {
  const { body, query } = call;
  const options = body.isEmpty ? deleteOptionsFromQuery(query) : deleteOptionsFromBody(body);
  const { gracePeriodSeconds, propagationPolicy, orphanDependents, preconditions } = options;
  const dryRun = (options.dryRun ?? []).filter((value) => value !== '');
  const errors = validateDryRun(dryRun);
  if (propagationPolicy !== undefined && orphanDependents !== undefined) {
    const detail = 'orphanDependents and deletionPropagation cannot be both set';
    errors.push(invalidValue('propagationPolicy', propagationPolicy, detail));
  }
  if (propagationPolicy !== undefined && !PROPAGATION.includes(propagationPolicy)) {
    errors.push(
      notSupported('propagationPolicy', propagationPolicy, [...PROPAGATION.slice(1), PROPAGATION[0] ?? '', 'nil']),
    );
  }
  if (errors.length > 0) throw invalid(kindOf('DeleteOptions'), '', errors);
  const orphan = orphanDependents === undefined ? undefined : orphanDependents ? 'Orphan' : 'Background';
  return {
    dryRun: dryRun.length > 0,
    gracePeriodSeconds: gracePeriodSeconds === undefined ? undefined : Math.min(gracePeriodSeconds, MAX_GRACE_SECONDS),
    propagationPolicy: (propagationPolicy as DeleteRequest['propagationPolicy']) ?? orphan,
    uid: preconditions?.uid,
    resourceVersion: preconditions?.resourceVersion,
  };
}

function deleteOptionsFromBody(body: RequestBody): DeleteOptions {
  const { value } = body.decode();
  if (!isJsonObject(value) || (value['kind'] ?? 'DeleteOptions') !== 'DeleteOptions') {
    throw badRequest('the body of a delete must be DeleteOptions');
  }
  const { gracePeriodSeconds } = value;
  if (gracePeriodSeconds !== undefined && gracePeriodSeconds !== null && !Number.isInteger(gracePeriodSeconds)) {
    throw badRequest('DeleteOptions.gracePeriodSeconds must be a whole number');
  }
  // Go reads null as absent.
  const options = Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
  for (const [field, { type, holds }] of Object.entries(DELETE_OPTION_TYPES)) {
    if (options[field] === undefined || holds(options[field])) continue;
    const shown = jsonTypeOf(options[field]);
    throw badRequest(`json: cannot unmarshal ${shown} into Go struct field DeleteOptions.${field} of type ${type}`);
  }
  return options;
}

const isText = (value: unknown) => typeof value === 'string';

const DELETE_OPTION_TYPES: Readonly<Record<string, { type: string; holds: (value: unknown) => boolean }>> = {
  dryRun: { type: '[]string', holds: (value) => Array.isArray(value) && value.every(isText) },
  propagationPolicy: { type: 'v1.DeletionPropagation', holds: isText },
  orphanDependents: { type: 'bool', holds: (value) => typeof value === 'boolean' },
  preconditions: {
    type: 'v1.Preconditions',
    holds: (value) =>
      isJsonObject(value) &&
      [value['uid'], value['resourceVersion']].every((item) => item === undefined || item === null || isText(item)),
  },
};

function deleteOptionsFromQuery(query: URLSearchParams): DeleteOptions {
  const grace = parseNumber(query, 'gracePeriodSeconds');
  const policy = query.get('propagationPolicy') ?? undefined;
  return {
    dryRun: query.getAll('dryRun'),
    ...(grace !== undefined && { gracePeriodSeconds: grace }),
    ...(policy !== undefined && { propagationPolicy: policy }),
    ...(query.has('orphanDependents') && { orphanDependents: isTrue(query.get('orphanDependents')) }),
  };
}
